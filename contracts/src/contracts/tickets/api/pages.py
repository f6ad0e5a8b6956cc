"""What one page shows at once, so that it costs one call."""

from pydantic import Field

from contracts.text import Answer
from contracts.tickets.api.context import Context
from contracts.tickets.api.messages import StaffThread
from contracts.tickets.api.owned_products import OwnedProducts
from contracts.tickets.api.tickets import StaffTickets, Tickets


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
