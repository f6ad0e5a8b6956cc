"""The events of sales: facts, each handled once, in any order."""

from datetime import date
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from contracts.event import Event


class SoldProduct(BaseModel):
    """The product as it was when it was sold."""

    model_config = ConfigDict(frozen=True, extra="ignore", from_attributes=True)

    id: UUID
    reference: str
    designation: str


class SaleRecorded(
    Event, type="sales.sale-recorded.v1", subject="sale_id", fact=("sale_id", "recorded_at")
):
    """A customer now owns one physical unit of a product."""

    sale_id: UUID
    version: int
    customer_id: UUID
    seller_id: UUID
    product: SoldProduct
    serial_number: str
    sold_on: date
    recorded_at: AwareDatetime


class SaleCancelled(
    Event, type="sales.sale-cancelled.v1", subject="sale_id", fact=("sale_id", "cancelled_at")
):
    """A sale was a mistake: no new request may be opened on it; its serial number is free."""

    sale_id: UUID
    version: int
    customer_id: UUID
    product: SoldProduct
    serial_number: str
    cancelled_by: UUID
    cancelled_at: AwareDatetime
