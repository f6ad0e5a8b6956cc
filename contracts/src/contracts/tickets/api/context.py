"""What staff need to know beside a request."""

from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.text import Answer
from contracts.tickets.api.owned_products import OwnedProduct
from contracts.tickets.api.tickets import StaffTicketSummary


class CustomerInContext(Answer):
    id: UUID
    name: str
    email: str | None = None
    registered_at: AwareDatetime | None = Field(None, description="Missing when not known.")


class Context(Answer):
    """Around a request; lists hold the newest, counts are exact to 1,000, never above 1,001."""

    customer: CustomerInContext
    products: list[OwnedProduct] = Field(description="The customer's other products.")
    product_count: int
    tickets: list[StaffTicketSummary] = Field(description="The customer's other requests.")
    ticket_count: int
    same_product: list[StaffTicketSummary] = Field(
        description="Other requests on the same product, whoever made them."
    )
    same_product_count: int
    same_product_resolved_count: int


class StaffMemberName(Answer):
    id: UUID
    name: str


class StaffNames(Answer):
    """Who of the staff may have answered, by name, at most 500."""

    staff: list[StaffMemberName]
