"""Bodies of the sales HTTP API."""

import re
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError, PydanticKnownError

from contracts.numbers import ALPHABET, RAISED, SERIAL_NUMBER_LENGTH
from contracts.paging import CURSOR_LENGTH, PAGE, PAGE_MOST
from contracts.text import (
    Answer,
    Body,
    Key,
    NotBlank,
    SearchText,
    Storable,
    limit,
)

REASON_LENGTH = 500
OLDEST_YEARS = 10


def normalise_serial_number(text: str) -> str:
    """Drop blanks at both ends, raise a-z, and refuse whatever is then not 15 of 0-9 A-Z.

    Nothing else is repaired.
    Refused with `serial_number_character` (context: position from 1, character) or
    `serial_number_length` (context: length).
    """
    serial_number = text.strip().translate(RAISED)
    for position, character in enumerate(serial_number, start=1):
        if character not in ALPHABET:
            raise PydanticCustomError(
                "serial_number_character",
                "character {position} is neither a digit nor a letter from A to Z",
                {"position": position, "character": character},
            )
    if len(serial_number) != SERIAL_NUMBER_LENGTH:
        raise PydanticCustomError(
            "serial_number_length",
            f"{SERIAL_NUMBER_LENGTH} characters are needed, {{length}} were given",
            {"length": len(serial_number)},
        )
    return serial_number


SerialNumber = Annotated[str, Storable, AfterValidator(normalise_serial_number)]


def read_day(given: object) -> date:
    """`2026-11-24` and nothing else: pydantic alone would take seconds since 1970 for a day.

    Refused with `date_unreadable`, or with `text_empty` where nothing is given.
    """
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    if isinstance(given, str) and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", given):
        try:
            return date.fromisoformat(given)
        except ValueError:
            pass  # 31 February
    if isinstance(given, str) and not given.strip():
        raise PydanticCustomError("text_empty", "a day is required, such as 2026-11-24")
    raise PydanticCustomError("date_unreadable", "a day is needed, such as 2026-11-24")


def read_day_if_any(given: object) -> date | None:
    return None if given is None else read_day(given)


Day = Annotated[date, BeforeValidator(read_day)]
OptionalDay = Annotated[date | None, BeforeValidator(read_day_if_any)]


def years_before(day: date, years: int) -> date:
    """The same day of an earlier year; 28 February where that year has no 29th."""
    try:
        return day.replace(year=day.year - years)
    except ValueError:
        return day.replace(year=day.year - years, day=28)


def day_refusal(sold_on: date, today: date) -> str | None:
    """The code of why nothing was sold on that day; `today` is the shop's."""
    if sold_on > today:
        return "sold_on_in_future"
    if sold_on < years_before(today, OLDEST_YEARS):
        return "sold_on_too_long_ago"
    return None


class NewSale(Body):
    """One physical unit sold to one customer."""

    customer_id: UUID
    product_id: UUID
    serial_number: SerialNumber
    sold_on: Day = Field(
        description="Not later than today where the shop is, and at most ten years ago:"
        " `sold_on_in_future`, `sold_on_too_long_ago` otherwise."
    )
    withdrawn_confirmed: bool = Field(
        False, description="The seller knows that the product is no longer on sale."
    )


class SoldProduct(Answer):
    id: UUID
    reference: str
    designation: str


class Sale(Answer):
    id: UUID
    number: str = Field(description="For people, such as `V-2026-00413`.")
    customer_id: UUID
    seller_id: UUID
    seller_name: str
    product: SoldProduct
    serial_number: str
    sold_on: date
    recorded_at: AwareDatetime
    cancelled_at: AwareDatetime | None = None
    cancelled_by_name: str | None = None
    cancellation_reason: str | None = None


class Sales(Answer):
    """Newest first."""

    sales: list[Sale]
    next: str | None = None


class SaleSearch(Body):
    """Every word must occur somewhere in a sale: its number, serial number, product or customer.

    A text has 3 letters or digits at least, `search_too_short` otherwise (context: missing).
    Without a text the days alone decide.
    """

    text: SearchText = ""
    sold_from: OptionalDay = None
    sold_to: OptionalDay = Field(None, description="Included.")
    limit: int = Field(PAGE, ge=1, le=PAGE_MOST)
    after: str | None = Field(None, max_length=CURSOR_LENGTH)


class SerialNumberCheck(Body):
    product_id: UUID
    serial_number: SerialNumber


class SerialNumberChecked(Answer):
    """What staff should know before they sell this unit; cancelled sales do not count."""

    serial_number: str
    sale: Sale | None = Field(None, description="Of this very unit: it cannot be sold again.")
    same_number: Sale | None = Field(
        None, description="The newest sale of another product with this serial number."
    )
    look_alike: Sale | None = Field(
        None, description="The newest sale whose serial number has O for 0 here, or I for 1."
    )


class Cancellation(Body):
    reason: Annotated[str, Storable, NotBlank, limit(REASON_LENGTH)]


class PurchaseCount(Answer):
    customer_id: UUID
    count: int


class PurchaseCounts(Answer):
    counts: list[PurchaseCount]


# --- Drafts -----------------------------------------------------------------------------------

DraftName = Annotated[str, Field(pattern="^[a-z_]{1,40}$")]
DraftText = Annotated[str, Storable, limit(1_000)]
DRAFT_FIELDS = 50


def refuse_many_fields(content: object) -> object:
    """Before each of them is looked at, where each may be an error."""
    if isinstance(content, dict) and len(content) > DRAFT_FIELDS:
        facts = {
            "field_type": "Dictionary",
            "max_length": DRAFT_FIELDS,
            "actual_length": len(content),
        }
        raise PydanticKnownError("too_long", facts)
    return content


DraftContent = Annotated[
    dict[DraftName, DraftText],
    Field(max_length=DRAFT_FIELDS),
    BeforeValidator(refuse_many_fields),
]


class DraftToKeep(Body):
    """A sale that is being entered, as it is so far; it replaces the stored draft."""

    key: Key = Field(
        description="A UUID, the Idempotency-Key under which this sale will be recorded: that ends"
        " its draft, and no other."
    )
    content: DraftContent = Field(
        default_factory=dict,
        description="What is typed and chosen, by the names of the page that asks for it again;"
        " sales does not read it.",
    )
    negligible: bool = Field(
        False,
        description="Whether it holds nothing worth keeping: another draft may replace it without a question.",
    )
    replaces: bool = Field(
        False,
        description="Replace the draft of another sale too; without it that is"
        " 409 `draft_of_another_sale`, unless that one is negligible.",
    )


class Draft(Answer):
    """The seller's draft of a sale; `saved_at` is missing if there is none."""

    key: str = ""
    content: dict[str, str] = Field(default_factory=dict)
    saved_at: AwareDatetime | None = None
