"""Everything that one page shows, so that it takes one call."""

from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.text import Answer
from contracts.tickets.api.messages import StaffThread
from contracts.tickets.api.owned_products import OwnedProduct, OwnedProducts
from contracts.tickets.api.tickets import StaffTickets, StaffTicketSummary, Tickets


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
        description="Other requests about the same product, of all customers."
    )
    same_product_count: int
    same_product_resolved_count: int


class StaffMemberName(Answer):
    id: UUID
    name: str


class StaffNames(Answer):
    """The staff who may have answered, sorted by name, at most 500."""

    staff: list[StaffMemberName]


class Home(Answer):
    """A customer's first page."""

    awaiting: Tickets = Field(description="What waits for their answer; on the first page alone.")
    others: Tickets = Field(description="A page of the others, with the counts of the views.")
    owned: OwnedProducts


class DeskTicket(Answer):
    """A request with what staff need to know around it, for a page that has its queue already."""

    thread: StaffThread
    context: Context


class Desk(Answer):
    """A queue with its counts, and the request that is open beside it."""

    queue: StaffTickets
    thread: StaffThread | None = None
    context: Context | None = None
