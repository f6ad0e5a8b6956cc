"""How typed text becomes what the database can look for."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    case,
    cast,
    func,
    literal,
    literal_column,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import TSQUERY

from tickets.models import SEARCH, VISIBLE, Message, Stem, Ticket

# The newest messages of one customer that a search of theirs reads: far more than anybody writes.
NEWEST_OF_CUSTOMER = 5_000

SHORTEST_BEGINNING = 3
MOST_STEMS = 32

WORD = re.compile(r"[^\W_]+")
NUMBER = re.compile(r"(?:n\s?[°ºo]?|#)?\s*([0-9]{1,18})", re.IGNORECASE)
SERIAL_NUMBER = re.compile(r"[0-9A-Z]{15}", re.ASCII)

REQUESTS = literal_column("'public.requests'::regconfig")
SIMPLE = literal_column("'pg_catalog.simple'::regconfig")
NOTHING = literal_column("''::tsquery")
LAST_CHARACTER = literal_column("U&'\\+10FFFF'")


def joined(text: str) -> str:
    """Without blanks: numbers are written in groups, « 4 127 », and read aloud in groups."""
    return "".join(text.split())


def number_in(text: str) -> int | None:
    """The number of a request, if the text is nothing else: « 4127 », « n° 4 127 », « #4127 »."""
    found = NUMBER.fullmatch(joined(text))
    return int(found[1]) if found else None


def serial_number_in(text: str) -> str | None:
    found = SERIAL_NUMBER.fullmatch(joined(text).upper())
    return found[0] if found else None


def words_in(text: str) -> list[str]:
    return WORD.findall(unicodedata.normalize("NFC", text))


# --- Queries of words -------------------------------------------------------------------------

# A text, or a parameter of a statement that is kept.
Text = str | ColumnElement[str]


@dataclass(frozen=True)
class Typed:
    """The words of a search: the first ones, and the last one, which may be unfinished."""

    first: str
    last: str

    @property
    def is_unfinished(self) -> bool:
        return len(self.last) >= SHORTEST_BEGINNING


def typed(text: str) -> Typed | None:
    words = words_in(text)
    return Typed(" ".join(words[:-1]), words[-1]) if words else None


def all_of(words: Text) -> ColumnElement[str]:
    """Every one of these words, in whatever order; small words of no meaning are left out."""
    return func.plainto_tsquery(REQUESTS, func.public.searchable(words))


def both(
    first: Text, last: Text, beginning: ColumnElement[str] | None = None
) -> ColumnElement[str]:
    """Every word, the last one as it is or, when it may be unfinished, as a beginning.

    A last word of no meaning (« de ») is left out, as it would be elsewhere.
    """
    whole = all_of(last)
    if beginning is None:
        return all_of(first).op("&&")(whole)
    unfinished = whole.op("||")(beginning)
    return case(
        (all_of(first) == NOTHING, unfinished),
        (whole == NOTHING, all_of(first)),
        else_=all_of(first).op("&&")(unfinished),
    )


def plain(word: Text) -> ColumnElement[str]:
    return func.lower(func.public.unaccent(word))


def query_for_customer(first: Text, last: Text, *, is_unfinished: bool) -> ColumnElement[str]:
    """Their messages are read one by one: any beginning will do.

    Quoted, because one word may become several: « 15½ » is « 15 1/2 » without its accents.
    """
    quoted = func.quote_literal(plain(last))
    beginning = func.to_tsquery(SIMPLE, quoted.op("||")(literal_column("':*'")))
    return both(first, last, beginning if is_unfinished else None)


def query_for_staff(first: Text, last: Text, *, is_unfinished: bool) -> ColumnElement[str]:
    """A beginning stands for some stems that begin so: an index looks up each of them.

    (Asked for `begin:*` it would gather all that begins so, however much that is.)
    """
    if not is_unfinished:
        return both(first, last)
    stems = (
        select(Stem.stem)
        .where(Stem.stem >= plain(last), Stem.stem < plain(last).op("||")(LAST_CHARACTER))
        .order_by(Stem.stem)
        .limit(MOST_STEMS)
        .subquery()
    )
    quoted = func.quote_literal(stems.c.stem)
    any_stem = select(func.string_agg(quoted, " | ")).select_from(stems).scalar_subquery()
    return both(first, last, cast(func.coalesce(any_stem, ""), TSQUERY))


# --- A customer's own requests ----------------------------------------------------------------


def newest_of_customer(
    customer_id: UUID | ColumnElement[UUID],
) -> Select[*tuple[int, UUID, UUID, Any]]:
    """What the customer may read of what was said to them; notes are not among it."""
    return (
        select(Message.position, Message.ticket_id, Message.id, SEARCH)
        .where(Message.customer_id == customer_id, VISIBLE)
        .order_by(Message.position.desc())
        .limit(NEWEST_OF_CUSTOMER)
    )


def matches_of_customer(customer_id: UUID, text: str) -> ColumnElement[bool]:
    """Requests of this customer with this number or serial number, or with all these words."""
    number, serial_number, words = number_in(text), serial_number_in(text), typed(text)
    ways: list[ColumnElement[bool]] = [literal(False)]
    if number is not None:
        ways.append(Ticket.number == number)
    if serial_number is not None:
        ways.append(Ticket.serial_number == serial_number)
    if words:
        said = newest_of_customer(customer_id).subquery()
        asked = query_for_customer(words.first, words.last, is_unfinished=words.is_unfinished)
        query = select(cast(asked, TSQUERY)).scalar_subquery()
        ways.append(Ticket.id.in_(select(said.c.ticket_id).where(said.c.search.op("@@")(query))))
    return or_(*ways)
