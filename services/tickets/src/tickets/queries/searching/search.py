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
    CompoundSelect,
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
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY

from chassis.data.reading import Reader
from chassis.http import paging
from chassis.http.auth import Caller
from contracts.numbers import SERIAL_NUMBER_LENGTH
from contracts.tickets import api
from tickets.models import SEARCH, VISIBLE, Message, Person, Ticket, is_staff
from tickets.queries.lists import STAFF_SUMMARY, SUMMARY
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

MAX_EXACT = 10
# Several messages of one request may match: so many more are looked at than are shown.
HITS_PER_RESULT = 3
MAX_ROUNDS = 5

# The sequences that messages draw their positions from, and requests their numbers.
POSITIONS = table("messages_position_seq", column("last_value", BigInteger))
NUMBERS = table("tickets_number_seq", column("last_value", BigInteger))

# The windows are powers of two, each with its expression in the index.
NARROW, WIDE = 12, 16

Rows = Sequence[Row[*tuple[Any, ...]]]
Result = dict[str, Any]  # as `api.Found`, the row as its request
Statement = Select[*tuple[Any, ...]] | CompoundSelect[*tuple[Any, ...]]


async def search(
    reader: Reader, caller: Caller, wanted: api.Search
) -> api.SearchResults | api.StaffSearchResults:
    words = typed(wanted.text)
    exact = await exactly(reader, caller, words)
    known = {row.ticket_id for row in exact}
    below = None if wanted.after is None else await place_of(reader, caller, wanted.after)
    looking = Looking(reader, caller, words)
    hits, last = [], None
    if words.parts:
        hits, last = await newest_hits(looking, below=below, limit=wanted.limit, known=known)
    found = await shown(looking, [hit.id for hit in hits]) if hits else []
    return results(
        caller,
        exact=[] if wanted.after is not None else [found_exactly(row) for row in exact],
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
    """Validate all of it at once; the rows become summaries of their requests."""
    kind = api.StaffSearchResults if is_staff(caller) else api.SearchResults
    return kind.model_validate(parts)


# --- Numbers ----------------------------------------------------------------------------------


def lines(caller: Caller) -> Select[*tuple[Any, ...]]:
    columns = STAFF_SUMMARY if is_staff(caller) else SUMMARY
    return (
        select(*columns, Ticket.id.label("ticket_id"))
        .join(Person, Person.id == Ticket.customer_id)
        .where(visible_to(caller))
    )


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
        values: dict[str, Any] = {"part": f"%{part}%"}
        if not is_staff(caller):
            values |= {"customer_id": caller.id}
            found |= set((await reader.scalars(units_of_customer(), values)).all())
            continue
        if len(part) == SERIAL_NUMBER_LENGTH:
            values["part"] = part
            found |= set((await reader.scalars(units_of_this_number(), values)).all())
            continue
        found |= set((await reader.scalars(units(NARROW, WIDE), values)).all())
    return sorted(found, reverse=True)[:MAX_EXACT]


def found_exactly(row: Any) -> Result:
    return {"ticket": row, "subject": [api.Segment(text=row.subject, match=False)]}


# --- Words ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Looking:
    """One search: who reads, and the words that a message must contain."""

    reader: Reader
    caller: Caller
    words: Typed

    @property
    def query(self) -> ColumnElement[Any]:
        """The words as a tsquery, with parameters that `rows` fills in."""
        return query_of(for_staff=is_staff(self.caller), is_unfinished=self.words.is_unfinished)

    async def rows(self, statement: Statement, **values: Any) -> Rows:
        typed = {"groups": self.words.groups, "last": self.words.last}
        return (await self.reader.execute(statement, {**typed, **values})).all()


async def newest_hits(
    looking: Looking, *, below: int | None, limit: int, known: set[UUID]
) -> tuple[list[Any], UUID | None]:
    """The newest matching message of each request, and the message that the page ends with."""
    first_below, wanted, last = below, HITS_PER_RESULT * limit, None
    found: dict[UUID, Any] = {}
    for _ in range(MAX_ROUNDS):
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
    if is_staff(looking.caller):
        return await looking.rows(hits_of_staff(looking.query, NARROW, WIDE, limit), below=below)
    statement = hits_of_customer(looking.query, limit)
    return await looking.rows(statement, below=below, customer_id=looking.caller.id)


async def matched_from(looking: Looking, position: int, tickets: set[UUID]) -> set[UUID]:
    """Those of these requests that an earlier page has shown with a newer message."""
    rows = await looking.rows(
        select(Message.ticket_id).where(
            Message.ticket_id.in_(tickets),
            Message.position >= position,
            readable_by(looking.caller),
            matches(looking.query),
        )
    )
    return {row.ticket_id for row in rows}


async def shown(looking: Looking, messages: list[UUID]) -> list[Result]:
    """These messages and their requests, newest first; the right to read them is checked once more."""
    caller = looking.caller
    statement = results_of(looking.query, for_staff=is_staff(caller))
    rows = await looking.rows(statement, messages=messages, customer_id=caller.id)
    return [found_by_words(looking, row) for row in rows]


def found_by_words(looking: Looking, row: Any) -> Result:
    joined = looking.words.joined_words
    return {
        "ticket": row,
        "subject": segments(row.subject, row.marked_subject, joined),
        "message": {
            "kind": row.kind,
            "author_name": row.author_name,
            "sent_at": row.sent_at,
            "excerpt": excerpt(row.text, row.marked_text, joined),
        },
    }


# --- Statements -------------------------------------------------------------------------------
# Building one costs more than running it, so they are cached.

PART = bindparam("part", type_=String)
BELOW: ColumnElement[int] = bindparam("below", type_=BigInteger)


@functools.cache
def query_of(*, for_staff: bool, is_unfinished: bool) -> ColumnElement[Any]:
    """The words as a tsquery that PostgreSQL computes once in each statement."""
    query = (query_for_staff if for_staff else query_for_customer)(
        bindparam("groups", type_=ARRAY(Text)),
        bindparam("last", type_=String),
        is_unfinished=is_unfinished,
    )
    return select(cast(query, TSQUERY)).scalar_subquery()


def constant(number: int) -> ColumnElement[int]:
    """A limit, written into the statement.

    For a limit that is a parameter, PostgreSQL assumes a tenth of all rows, and plans each time.
    """
    return literal_column(str(number))


def matches(query: ColumnElement[Any]) -> ColumnElement[bool]:
    return SEARCH.op("@@")(query)


def marked(text: Any, query: ColumnElement[Any]) -> Any:
    return func.ts_headline(EVERY_WORD, func.public.searchable(text), query, literal_column(MARKED))


@functools.cache
def hits_of_staff(query: ColumnElement[Any], narrow: int, wide: int, limit: int) -> Statement:
    end = select(POSITIONS.c.last_value).scalar_subquery() + 1
    given = select(query.label("query"), func.coalesce(BELOW, end).label("top")).cte("given")
    found = select(Message.position, Message.ticket_id, Message.id).where(
        matches(select(given.c.query).scalar_subquery())
    )
    top = select(given.c.top).scalar_subquery()
    return newest_first(found, Message.position, top, (narrow, wide), limit)


@functools.cache
def units(narrow: int, wide: int) -> Statement:
    """The newest requests on units whose serial number holds this part."""
    newest = select(NUMBERS.c.last_value).scalar_subquery()
    found = select(Ticket.number).where(Ticket.serial_number.like(PART))
    return newest_first(found, Ticket.number, newest + 1, (narrow, wide), MAX_EXACT)


def newest_first(
    found: Select[*tuple[Any, ...]],
    places: Any,
    top: ColumnElement[int],
    sizes: tuple[int, int],
    limit: int,
) -> Statement:
    """The first of them below `top`, window after window: narrow ones, then wide ones.

    PostgreSQL reads a window only when those before it did not hold enough.
    """
    narrow, wide = sizes
    # Places are bigint, and an index compares only what is of one type.
    zero: ColumnElement[int] = literal_column("CAST(0 AS bigint)")
    border = (top - 1).op(">>")(constant(wide)).op("<<")(constant(wide))
    parts = []
    for size, first, last in ((narrow, top - 1, border), (wide, border - 1, zero)):
        bits = constant(size)
        edges = (first.op(">>")(bits), last.op(">>")(bits), literal_column("-1"))
        series = func.generate_series(*edges).table_valued("number").render_derived(name="series")
        window = found.where(places.op(">>")(bits) == series.c.number, places < top)
        inside = window.order_by(places.desc()).limit(constant(limit)).lateral()
        parts.append(select(inside).select_from(series, inside))
    return union_all(*parts).limit(constant(limit))


@functools.cache
def units_of_this_number() -> Select[*tuple[Any, ...]]:
    """A whole number needs no windows, which read all that begins like it."""
    return (
        select(Ticket.number)
        .where(Ticket.serial_number == PART)
        .order_by(Ticket.number.desc())
        .limit(constant(MAX_EXACT))
    )


@functools.cache
def units_of_customer() -> Select[*tuple[Any, ...]]:
    return (
        select(Ticket.number)
        .where(Ticket.customer_id == bindparam("customer_id"), Ticket.serial_number.like(PART))
        .order_by(Ticket.number.desc())
        .limit(constant(MAX_EXACT))
    )


@functools.cache
def results_of(query: ColumnElement[Any], *, for_staff: bool) -> Select[*tuple[Any, ...]]:
    """Some messages with their requests; a customer's own alone, and no note."""
    statement = (
        select(
            *(STAFF_SUMMARY if for_staff else SUMMARY),
            Message.kind,
            Message.author_name,
            Message.sent_at,
            Message.text,
            marked(Message.text, query).label("marked_text"),
            marked(Ticket.subject, query).label("marked_subject"),
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
def hits_of_customer(query: ColumnElement[Any], limit: int) -> Statement:
    messages = newest_of_customer(bindparam("customer_id", type_=Uuid)).subquery()
    return (
        select(messages.c.position, messages.c.ticket_id, messages.c.id)
        .where(
            messages.c.search.op("@@")(query),
            messages.c.position < func.coalesce(BELOW, messages.c.position + 1),
        )
        .order_by(messages.c.position.desc())
        .limit(constant(limit))
    )
