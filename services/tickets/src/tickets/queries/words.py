"""Turns typed text into queries."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    String,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, TSQUERY

from chassis.text.folding import fold
from contracts.numbers import request_number_in, serial_numbers_in
from contracts.text import first_words
from tickets.models import SEARCH, VISIBLE, Message, Stem, Ticket

# The newest messages of one customer that a search of theirs reads: far more than anybody writes.
NEWEST_OF_CUSTOMER = 5_000

SHORTEST_BEGINNING = 3
MAX_STEMS = 32
LONGEST_JOINED = 31  # as the index joins them

PART = re.compile(r"[^\W_]+")

EVERY_WORD = literal_column("'public.every_word'::regconfig")
SIMPLE = literal_column("'pg_catalog.simple'::regconfig")
LAST_CHARACTER = literal_column("U&'\\+10FFFF'")


@dataclass(frozen=True)
class Typed:
    """A typed search: the parts of its words, folded; the last word may be unfinished."""

    folded: str

    @cached_property
    def parts(self) -> list[str]:
        return PART.findall(self.folded)

    @property
    def last(self) -> str:
        return self.parts[-1]

    @property
    def is_unfinished(self) -> bool:
        return len(self.last) >= SHORTEST_BEGINNING

    @cached_property
    def joined(self) -> list[list[str]]:
        """For each part the words that it makes with its neighbours: two or three together, and
        all that no blank separates.
        """
        parts = self.parts
        made: list[list[str]] = [[] for _ in parts]
        for length in (2, 3):
            for start in range(len(parts) - length + 1):
                whole = "".join(parts[start : start + length])
                if len(whole) <= LONGEST_JOINED:
                    for at in range(start, start + length):
                        made[at].append(whole)
        start = 0
        for chain in map(PART.findall, self.folded.split()):
            end, whole = start + len(chain), "".join(chain)
            if len(chain) > 3 and len(whole) <= LONGEST_JOINED:
                for at in range(start, end):
                    made[at].append(whole)
            start = end
        return made

    @cached_property
    def joined_words(self) -> list[str]:
        return list(dict.fromkeys(word for made in [self.parts, *self.joined] for word in made))

    @property
    def groups(self) -> list[str]:
        """Each part with the words that may stand for it, for `request_query`."""
        pairs = zip(self.parts, self.joined, strict=True)
        return [" ".join(dict.fromkeys([part, *joined])) for part, joined in pairs]

    @property
    def number(self) -> int | None:
        return request_number_in(self.folded)

    @property
    def serial_numbers(self) -> list[str]:
        return serial_numbers_in(self.folded)


def typed(text: str) -> Typed:
    """Of a sign that stands for a whole sentence (« ﷺ ») no more than of others."""
    return Typed(first_words(fold(text)))


# --- Queries of words -------------------------------------------------------------------------

# A value, or a parameter of a cached statement.
Groups = list[str] | ColumnElement[Any]
Text = str | ColumnElement[str]


def query_for_customer(groups: Groups, last: Text, *, is_unfinished: bool) -> ColumnElement[Any]:
    """A customer's messages are read one by one, so a prefix needs no index."""
    beginning = func.quote_literal(last).op("||")(literal_column("':*'"))
    return query(groups, func.to_tsquery(SIMPLE, beginning) if is_unfinished else None)


def query_for_staff(groups: Groups, last: Text, *, is_unfinished: bool) -> ColumnElement[Any]:
    """A prefix is replaced by some stems that begin with it, each looked up in the index.

    (`begin:*` would collect everything that begins with it, however much that is.)
    """
    if not is_unfinished:
        return query(groups, None)
    stems = (
        select(Stem.stem)
        .where(Stem.stem >= last, Stem.stem < cast(last, String).op("||")(LAST_CHARACTER))
        .order_by(Stem.stem)
        .limit(MAX_STEMS)
        .subquery()
    )
    quoted = func.quote_literal(stems.c.stem)
    any_stem = select(func.string_agg(quoted, " | ")).select_from(stems).scalar_subquery()
    return query(groups, cast(func.coalesce(any_stem, ""), TSQUERY))


def query(groups: Groups, unfinished: ColumnElement[Any] | None) -> ColumnElement[Any]:
    groups = cast(groups, ARRAY(String)) if isinstance(groups, list) else groups
    none = literal_column("NULL::tsquery")
    return func.public.request_query(groups, none if unfinished is None else unfinished)


# --- A customer's own requests ----------------------------------------------------------------


def newest_of_customer(
    customer_id: UUID | ColumnElement[UUID],
) -> Select[*tuple[int, UUID, UUID, Any]]:
    """The messages that the customer may read; no notes."""
    return (
        select(Message.position, Message.ticket_id, Message.id, SEARCH)
        .where(Message.customer_id == customer_id, VISIBLE)
        .order_by(Message.position.desc())
        .limit(NEWEST_OF_CUSTOMER)
    )


def matches_of_customer(customer_id: UUID, text: str) -> ColumnElement[bool]:
    """Requests of this customer with this number or serial number, or with all these words."""
    words = typed(text)
    ways: list[ColumnElement[bool]] = [literal(False)]
    if words.number is not None:
        ways.append(Ticket.number == words.number)
    ways += [Ticket.serial_number.contains(part) for part in words.serial_numbers]
    if words.parts:
        messages = newest_of_customer(customer_id).subquery()
        query = query_for_customer(words.groups, words.last, is_unfinished=words.is_unfinished)
        wanted = select(cast(query, TSQUERY)).scalar_subquery()
        ways.append(
            Ticket.id.in_(select(messages.c.ticket_id).where(messages.c.search.op("@@")(wanted)))
        )
    return or_(*ways)
