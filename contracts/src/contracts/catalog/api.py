"""Bodies of the catalog HTTP API."""

from enum import StrEnum
from uuid import UUID

from pydantic import Field

from contracts.text import Answer

LISTED_MOST = 9
REFERENCE_LENGTH = 500
DESIGNATION_LENGTH = 1_000
MAX_REJECTED = 1_000


class Product(Answer):
    id: UUID
    reference: str
    designation: str
    on_sale: bool
    version: int


class Matches(Answer):
    """The products of one group that match; listed only when 1 to 9 of them do."""

    count: int = Field(description="Exact to 1,000, never above 1,001.")
    products: list[Product]


class SearchState(StrEnum):
    TOO_SHORT = "too_short"
    SEARCHED = "searched"


class ProductSearch(Answer):
    """`withdrawn` always counts; it lists when `withdrawn=true` was asked.

    `exact` holds the products whose whole reference is the text, whatever its length.
    """

    text: str
    state: SearchState
    exact: list[Product]
    on_sale: Matches
    withdrawn: Matches


class RejectedRow(Answer):
    line: int
    reference: str
    reason: str = Field(description="A stable code, such as `reference_repeated`.")
    found: str = Field(
        default="", description="The text found there instead, cut to 40 characters."
    )


class TwinReference(Answer):
    """A row that was taken, whose reference differs from another by nothing that a person sees or
    means: case, accents, separators, signs that cannot be seen, letters of another alphabet.
    """

    line: int
    reference: str
    twin: str = Field(description="The other reference.")
    twin_line: int | None = Field(description="Its line; null for a product not in the file.")


class ImportReport(Answer):
    """The result of an import. `rejected` and `twins` list at most 1,000 rows each; counts are exact."""

    rows: int
    created: int
    changed: int
    unchanged: int
    withdrawn: int = Field(description="Were on sale before, are not any more; also in `changed`.")
    rejected_count: int
    rejected: list[RejectedRow]
    twin_count: int
    twins: list[TwinReference]
    seconds: float


class ImportState(StrEnum):
    RECEIVING = "receiving"
    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"


class ImportRefusal(Answer):
    """Why nothing of the file was taken; `context` has its line where there is one."""

    code: str = Field(description="A stable code, such as `import_undecodable`.")
    detail: str
    context: dict[str, str | int | float | bool | None]


class Import(Answer):
    """A file that comes in parts, and what became of it; forgotten a day after it began."""

    id: UUID
    state: ImportState
    length: int = Field(description="Bytes of the whole file.")
    received: int = Field(description="Bytes that have come: where to go on.")
    report: ImportReport | None = None
    refusal: ImportRefusal | None = None
