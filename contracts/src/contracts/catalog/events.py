"""The events of catalog."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict

from contracts.event import Event


class ProductState(BaseModel):
    """One product as it now is; ignore a `version` that is not newer than the stored one."""

    model_config = ConfigDict(frozen=True, extra="ignore", from_attributes=True)

    id: UUID
    version: int
    reference: str
    designation: str
    on_sale: bool


class ProductsChanged(Event, type="catalog.products-changed.v1", subject="change_id"):
    """The whole state of at most 200 products that an import or a change touched."""

    change_id: UUID
    products: list[ProductState]
