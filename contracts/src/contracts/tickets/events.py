"""The events of tickets: ids and products, never the text of a message, nothing about notes."""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from contracts.event import Event
from contracts.tickets.api import Priority, Status


class SoldProduct(BaseModel):
    """The product as it was when it was sold."""

    model_config = ConfigDict(frozen=True, extra="ignore", from_attributes=True)

    id: UUID
    reference: str
    designation: str


class Side(StrEnum):
    """Who acted: the customer or the shop."""

    CUSTOMER = "customer"
    STAFF = "staff"


class TicketOpened(
    Event, type="tickets.ticket-opened.v1", subject="ticket_id", fact=("ticket_id", "opened_at")
):
    """A customer asks for help about something they bought."""

    ticket_id: UUID
    version: int
    number: int
    customer_id: UUID
    sale_id: UUID
    product: SoldProduct
    serial_number: str
    opened_at: AwareDatetime
    follows_ticket_id: UUID | None = None


class TicketMessageAdded(
    Event,
    type="tickets.ticket-message-added.v1",
    subject="ticket_id",
    fact=("message_id", "sent_at"),
):
    """The customer or a staff member wrote; `status` is the one after the message."""

    ticket_id: UUID
    version: int
    number: int
    customer_id: UUID
    message_id: UUID
    author_id: UUID
    author_side: Side
    status: Status
    sent_at: AwareDatetime
    files: int = 0  # number of files sent with it


class TicketPrioritised(Event, type="tickets.ticket-prioritised.v1", subject="ticket_id"):
    """A staff member changed the priority; customers must not see it."""

    ticket_id: UUID
    version: int
    number: int
    customer_id: UUID
    priority: Priority
    prioritised_by: UUID
    prioritised_at: AwareDatetime


class TicketResolved(
    Event, type="tickets.ticket-resolved.v1", subject="ticket_id", fact=("ticket_id", "resolved_at")
):
    """The customer or a staff member closed the request, for good."""

    ticket_id: UUID
    version: int
    number: int
    customer_id: UUID
    resolved_by: UUID
    resolved_by_side: Side
    resolved_at: AwareDatetime
