"""The one search box: numbers and serial numbers first, then words, newest message first.

An index on words finds all messages that contain a word, in no order of time. So messages are
searched in windows of positions, from the newest back, until enough is found: the work is bounded
by the windows, and a common word ends it in the first ones.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Row,
    Select,
    String,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    func,
    literal_column,
    select,
    table,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY

from chassis.data.reading import Reader
from chassis.http import paging
from chassis.http.auth import Caller
from contracts.numbers import SERIAL_NUMBER_LENGTH
from contracts.tickets import api
from tickets.models import SEARCH, VISIBLE, Message, Person, Ticket, is_staff
from tickets.queries.lists import STAFF_SUMMARY, SUMMARY, staff_summary, summary
from tickets.queries.searching.segments import MARKED, excerpt, segments
from tickets.queries.tickets import readable_by, visible_to
from tickets.queries.words import (
    EVERY_WORD,
    Typed,
    newest_of_customer,
    query_for_customer,
    query_for_staff,
    typed,
)

MOST_EXACT = 10
# Several messages of one request may match: so many more are looked at than are shown.
HITS_PER_RESULT = 3
MOST_ROUNDS = 5

# The sequences that messages draw their positions from, and requests their numbers.
POSITIONS = table("messages_position_seq", column("last_value", BigInteger))
NUMBERS = table("tickets_number_seq", column("last_value", BigInteger))

# The windows are powers of two, each with its expression in the index.
NARROW, WIDE = 12, 16

Rows = Sequence[Row[*tuple[Any, ...]]]


async def search(
    reader: Reader, caller: Caller, asked: api.Search
) -> api.SearchResults | api.StaffSearchResults:
    words = typed(asked.text)
    exact = await exactly(reader, caller, words)
    known = {row.ticket_id for row in exact}
    below = None if asked.after is None else await place_of(reader, caller, asked.after)
    looking = await looking_for(reader, caller, words)
    hits, last = [], None
    if looking is not None:
        hits, last = await newest_hits(looking, below=below, limit=asked.limit, known=known)
    found = await shown(looking, [hit.id for hit in hits]) if looking and hits else []
    return results(
        caller,
        exact=[] if asked.after is not None else [found_exactly(caller, row) for row in exact],
        found=found,
        next=None if last is None else paging.encode(last),
    )


async def place_of(reader: Reader, caller: Caller, after: str) -> int:
    """The position of the message that a page ended with; cursors only contain its id.

    Raises CursorInvalid if the caller can read no such message.
    """
    [message_id] = paging.decode(after, UUID)
    position = await reader.scalar(
        select(Message.position)
        .join(Ticket, Ticket.id == Message.ticket_id)
        .where(Message.id == message_id, visible_to(caller), readable_by(caller))
    )
    if position is None:
        raise paging.CursorInvalid("this cursor was not given by this list", field="after")
    return int(position)


def results(caller: Caller, **parts: Any) -> api.SearchResults | api.StaffSearchResults:
    if is_staff(caller):
        return api.StaffSearchResults(**parts)
    return api.SearchResults(**parts)


# --- Numbers ----------------------------------------------------------------------------------


def lines(caller: Caller) -> Select[*tuple[Any, ...]]:
    columns = STAFF_SUMMARY if is_staff(caller) else SUMMARY
    return (
        select(*columns, Ticket.id.label("ticket_id"))
        .join(Person, Person.id == Ticket.customer_id)
        .where(visible_to(caller))
    )


def line(caller: Caller, row: Any) -> api.TicketSummary | api.StaffTicketSummary:
    return staff_summary(row) if is_staff(caller) else summary(row)


async def exactly(reader: Reader, caller: Caller, words: Typed) -> Rows:
    """The request with this number, then those on units with this serial number or part of one."""
    which = await numbers_of_units(reader, caller, words.serial_numbers)
    if words.number is not None:
        which = [words.number, *which]
    if not which:
        return []
    rows = (await reader.execute(lines(caller).where(Ticket.number.in_(which)))).all()
    return sorted(rows, key=lambda row: which.index(row.number))


async def numbers_of_units(reader: Reader, caller: Caller, serial_numbers: list[str]) -> list[int]:
    """The newest requests on them, newest first; in windows, like words."""
    found: set[int] = set()
    for part in serial_numbers:
        values: dict[str, Any] = {"part": f"%{part}%", "limit": MOST_EXACT}
        if not is_staff(caller):
            values |= {"customer_id": caller.id}
            found |= set((await reader.scalars(units_of_customer(), values)).all())
            continue
        if len(part) == SERIAL_NUMBER_LENGTH:
            values["part"] = part
            found |= set((await reader.scalars(units_of_this_number(), values)).all())
            continue
        newest = (await reader.execute(select(NUMBERS.c.last_value))).scalar_one()
        border = newest >> WIDE << WIDE
        for size, bottom, top in ((NARROW, border, newest), (WIDE, 0, border - 1)):
            if top >= 0 and len(found) < MOST_EXACT:
                edges = {"first": top >> size, "last": bottom >> size}
                found |= set((await reader.scalars(units(size), {**values, **edges})).all())
    return sorted(found, reverse=True)[:MOST_EXACT]


def found_exactly(caller: Caller, row: Any) -> api.Found | api.StaffFound:
    return result(caller, row, subject=[api.Segment(text=row.subject, match=False)], message=None)


def result(caller: Caller, row: Any, **parts: Any) -> api.Found | api.StaffFound:
    kind = api.StaffFound if is_staff(caller) else api.Found
    return kind(ticket=line(caller, row), **parts)


# --- Words ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Looking:
    """Somebody who looks for messages: with a query of PostgreSQL, from the newest one back."""

    reader: Reader
    caller: Caller
    words: Typed
    query: str
    newest: int

    async def rows(self, statement: Select[*tuple[Any, ...]], **values: Any) -> Rows:
        return (await self.reader.execute(statement, {"query": self.query, **values})).all()


async def looking_for(reader: Reader, caller: Caller, words: Typed) -> Looking | None:
    """The query is worked out once; None where there is no word."""
    if not words.parts:
        return None
    statement = query_of(for_staff=is_staff(caller), is_unfinished=words.is_unfinished)
    answer = await reader.execute(statement, {"groups": words.groups, "last": words.last})
    row = answer.one()
    return Looking(reader, caller, words, row.query, row.newest) if row.query else None


async def newest_hits(
    looking: Looking, *, below: int | None, limit: int, known: set[UUID]
) -> tuple[list[Any], UUID | None]:
    """The newest matching message of each request, and the message that the page ends with."""
    first_below, wanted, last = below, HITS_PER_RESULT * limit, None
    found: dict[UUID, Any] = {}
    for _ in range(MOST_ROUNDS):
        hits = await some_hits(looking, below, wanted)
        news = {hit.ticket_id for hit in hits} - known - found.keys()
        if first_below is not None and news:
            news -= await matched_from(looking, first_below, news)
        for hit in hits:
            if hit.ticket_id in news and hit.ticket_id not in found:
                if len(found) == limit:
                    return list(found.values()), last
                found[hit.ticket_id] = hit
            below, last = hit.position, hit.id
        if len(hits) < wanted:
            return list(found.values()), None
    return list(found.values()), last


async def some_hits(looking: Looking, below: int | None, limit: int) -> Rows:
    """Matching messages that the caller may read, newest first, below a position if given."""
    end = looking.newest + 1
    top = end if below is None else below
    if not is_staff(looking.caller):
        return await looking.rows(
            hits_of_customer(), top=top, limit=limit, customer_id=looking.caller.id
        )
    border = max(0, top - 1) >> WIDE << WIDE
    hits = list(await hits_in(looking, NARROW, bottom=border, top=top, limit=limit))
    if len(hits) < limit and border:
        hits += await hits_in(looking, WIDE, bottom=0, top=border, limit=limit - len(hits))
    return hits


async def hits_in(looking: Looking, size: int, *, bottom: int, top: int, limit: int) -> Rows:
    """Those from `bottom` up to below `top`."""
    edges = {"first": (top - 1) >> size, "last": bottom >> size}
    return await looking.rows(windows(size), **edges, top=top, limit=limit)


async def matched_from(looking: Looking, position: int, tickets: set[UUID]) -> set[UUID]:
    """Those of these requests that an earlier page has shown with a newer message."""
    rows = await looking.rows(
        select(Message.ticket_id).where(
            Message.ticket_id.in_(tickets),
            Message.position >= position,
            readable_by(looking.caller),
            MATCHES,
        )
    )
    return {row.ticket_id for row in rows}


async def shown(looking: Looking, messages: list[UUID]) -> list[api.Found | api.StaffFound]:
    """These messages and their requests, newest first; who may read them is asked once more."""
    caller = looking.caller
    statement = results_of(for_staff=is_staff(caller))
    rows = await looking.rows(statement, messages=messages, customer_id=caller.id)
    return [found_by_words(looking, row) for row in rows]


def found_by_words(looking: Looking, row: Any) -> api.Found | api.StaffFound:
    joined = looking.words.joined_words
    message = api.FoundMessage(
        kind=row.kind,
        author_name=row.author_name,
        sent_at=row.sent_at,
        excerpt=excerpt(row.text, row.marked_text, joined),
    )
    subject = segments(row.subject, row.marked_subject, joined)
    return result(looking.caller, row, subject=subject, message=message)


# --- Statements -------------------------------------------------------------------------------
# Building one costs more than running it, so they are kept.

QUERY = cast(bindparam("query", type_=String), TSQUERY)
MATCHES = SEARCH.op("@@")(QUERY)
LIMIT: ColumnElement[int] = bindparam("limit", type_=Integer)
PART = bindparam("part", type_=String)
BELOW_TOP = Message.position < bindparam("top", type_=BigInteger)


def marked(text: Any) -> Any:
    return func.ts_headline(EVERY_WORD, func.public.searchable(text), QUERY, literal_column(MARKED))


@functools.cache
def query_of(*, for_staff: bool, is_unfinished: bool) -> Select[*tuple[Any, ...]]:
    """What PostgreSQL makes of the words, and the position of the newest message of all."""
    query = (query_for_staff if for_staff else query_for_customer)(
        bindparam("groups", type_=ARRAY(Text)),
        bindparam("last", type_=String),
        is_unfinished=is_unfinished,
    )
    newest = select(POSITIONS.c.last_value).scalar_subquery()
    return select(cast(query, String).label("query"), newest.label("newest"))


@functools.cache
def windows(size: int) -> Select[*tuple[Any, ...]]:
    """Window after window of the messages, from `first` back to `last`, those below `top`."""
    series, window = windows_of(Message.position, size)
    inside = (
        select(Message.position, Message.ticket_id, Message.id)
        .where(window == series.c.number, MATCHES, BELOW_TOP)
        .order_by(Message.position.desc())
        .limit(LIMIT)
        .lateral()
    )
    return select(inside).select_from(series, inside).limit(LIMIT)


@functools.cache
def units(size: int) -> Select[*tuple[Any, ...]]:
    """Window after window of the requests, those on units whose serial number holds this part."""
    series, window = windows_of(Ticket.number, size)
    inside = (
        select(Ticket.number)
        .where(window == series.c.number, Ticket.serial_number.like(PART))
        .order_by(Ticket.number.desc())
        .limit(LIMIT)
        .lateral()
    )
    return select(inside).select_from(series, inside).limit(LIMIT)


@functools.cache
def units_of_this_number() -> Select[*tuple[Any, ...]]:
    """A whole number needs no windows, which read all that begins like it."""
    return (
        select(Ticket.number)
        .where(Ticket.serial_number == PART)
        .order_by(Ticket.number.desc())
        .limit(LIMIT)
    )


@functools.cache
def units_of_customer() -> Select[*tuple[Any, ...]]:
    return (
        select(Ticket.number)
        .where(Ticket.customer_id == bindparam("customer_id"), Ticket.serial_number.like(PART))
        .order_by(Ticket.number.desc())
        .limit(LIMIT)
    )


def windows_of(places: Any, size: int) -> tuple[Any, Any]:
    """The numbers of windows from `first` back to `last`, and the window of each row."""
    # Places are bigint, and an index compares only what is of one type.
    first, last = (bindparam(name, type_=BigInteger) for name in ("first", "last"))
    numbers = func.generate_series(first, last, literal_column("-1")).table_valued("number")
    return numbers.render_derived(name="series"), places.op(">>")(literal_column(str(size)))


@functools.cache
def results_of(*, for_staff: bool) -> Select[*tuple[Any, ...]]:
    """Some messages with their requests; a customer's own alone, and no note."""
    statement = (
        select(
            *(STAFF_SUMMARY if for_staff else SUMMARY),
            Message.kind,
            Message.author_name,
            Message.sent_at,
            Message.text,
            marked(Message.text).label("marked_text"),
            marked(Ticket.subject).label("marked_subject"),
        )
        .join(Person, Person.id == Ticket.customer_id)
        .join(Message, Message.ticket_id == Ticket.id)
        .where(Message.id.in_(bindparam("messages", expanding=True)))
        .order_by(Message.position.desc())
    )
    if for_staff:
        return statement
    return statement.where(Ticket.customer_id == bindparam("customer_id", type_=Uuid), VISIBLE)


@functools.cache
def hits_of_customer() -> Select[*tuple[Any, ...]]:
    messages = newest_of_customer(bindparam("customer_id", type_=Uuid)).subquery()
    return (
        select(messages.c.position, messages.c.ticket_id, messages.c.id)
        .where(messages.c.search.op("@@")(QUERY), messages.c.position < BELOW_TOP.right)
        .order_by(messages.c.position.desc())
        .limit(LIMIT)
    )
