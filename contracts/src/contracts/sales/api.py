"""Bodies of the sales HTTP API."""

import re
from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from contracts.numbers import SERIAL_NUMBER_LENGTH
from contracts.text import (
    EMAIL_LENGTH,
    NAME_LENGTH,
    SEARCH_LENGTH,
    Answer,
    Body,
    NotBlank,
    SearchText,
    Storable,
    limit,
)

ALPHABET = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
RAISED = {ord(small): ord(small) - 32 for small in "abcdefghijklmnopqrstuvwxyz"}
REASON_LENGTH = 500


def normalise_serial_number(text: str) -> str:
    """Drop blanks at both ends, raise a-z, and refuse whatever is then not 15 of 0-9 A-Z.

    Nothing else is repaired: `str.upper` would turn ß into SS and ı into I.
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
            "15 characters are needed, {length} were given",
            {"length": len(serial_number)},
        )
    return serial_number


SerialNumber = Annotated[str, Storable, AfterValidator(normalise_serial_number)]


def read_day(given: object) -> date:
    """`2026-11-24` and nothing else: pydantic alone would take seconds since 1970 for a day.

    Refused with `date_unreadable`.
    """
    if isinstance(given, date) and not isinstance(given, datetime):
        return given
    if isinstance(given, str) and re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", given):
        try:
            return date.fromisoformat(given)
        except ValueError:
            pass  # 31 February
    raise PydanticCustomError("date_unreadable", "a day is needed, such as 2026-11-24")


def read_day_if_any(given: object) -> date | None:
    return None if given is None else read_day(given)


Day = Annotated[date, BeforeValidator(read_day)]
OptionalDay = Annotated[date | None, BeforeValidator(read_day_if_any)]


class NewSale(Body):
    """One physical unit sold to one customer."""

    customer_id: UUID
    product_id: UUID
    serial_number: SerialNumber
    sold_on: Day
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

    One word of 3 characters is needed, `search_too_short` otherwise; shorter ones only narrow.
    Without a text the days alone decide.
    """

    text: SearchText = ""
    sold_from: OptionalDay = None
    sold_to: OptionalDay = Field(None, description="Included.")
    limit: int = Field(20, ge=1, le=50)
    after: str | None = Field(None, max_length=400)


class SerialNumberCheck(Body):
    product_id: UUID
    serial_number: SerialNumber


class SerialNumberChecked(Answer):
    """The sale that already holds this serial number for this product, if any."""

    serial_number: str
    sale: Sale | None = None


class Cancellation(Body):
    reason: Annotated[str, Storable, NotBlank, limit(REASON_LENGTH)]


class PurchaseCount(Answer):
    customer_id: UUID
    count: int


class PurchaseCounts(Answer):
    counts: list[PurchaseCount]


# --- Drafts -----------------------------------------------------------------------------------

# Whatever may be typed on the way to something valid, twice as long as that for good measure.
TypedNumber = Annotated[str, Storable, limit(100)]
TypedDay = Annotated[str, Storable, limit(100)]
TypedSearch = Annotated[str, Storable, limit(2 * SEARCH_LENGTH)]
TypedName = Annotated[str, Storable, limit(2 * NAME_LENGTH)]
TypedEmail = Annotated[str, Storable, limit(2 * EMAIL_LENGTH)]
Key = Annotated[str, Field(pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class DraftToKeep(Body):
    """A sale that is being entered, unfinished as it is; it replaces what was kept before."""

    key: Key = Field(
        description="A UUID, the Idempotency-Key under which this sale will be recorded: that ends"
        " its draft, and no other."
    )
    customer_id: UUID | None = None
    product_id: UUID | None = None
    withdrawn_confirmed: bool = False
    serial_number: TypedNumber = ""
    sold_on: TypedDay = Field("", description="As it was typed; empty while it is today.")
    customer_text: TypedSearch = Field("", description="In the search, nobody being chosen yet.")
    product_text: TypedSearch = Field("", description="In the search, nothing being chosen yet.")
    creating_customer: bool = Field(False, description="With the names and the address below.")
    first_name: TypedName = ""
    last_name: TypedName = ""
    email: TypedEmail = ""
    replaces: bool = Field(
        False,
        description="Replace the draft of another sale too; without it that is"
        " 409 `draft_of_another_sale`, unless nothing but searches would be lost.",
    )


class Draft(Answer):
    """The sale that this seller has begun; `saved_at` is missing when there is none."""

    key: str = ""
    customer_id: UUID | None = None
    product_id: UUID | None = None
    withdrawn_confirmed: bool = False
    serial_number: str = ""
    sold_on: str = ""
    customer_text: str = ""
    product_text: str = ""
    creating_customer: bool = False
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    saved_at: AwareDatetime | None = None
