"""What customers own, as tickets knows it from the events of sales."""

from datetime import date
from uuid import UUID

from pydantic import Field

from contracts.text import Answer


class OwnedProduct(Answer):
    """One unit that a customer bought, as tickets knows it from the events of sales."""

    sale_id: UUID
    product_id: UUID
    reference: str
    designation: str
    serial_number: str
    sold_on: date
    cancelled: bool


class OwnedProductOfMine(OwnedProduct):
    open_ticket: int | None = Field(
        None, description="The number of the newest unresolved request on it, if any."
    )


class OwnedProducts(Answer):
    """Newest purchase first."""

    owned_products: list[OwnedProductOfMine]
    next: str | None = None
