"""One request, and the lists of requests."""

from uuid import UUID

from pydantic import AwareDatetime, Field, field_validator
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import ValidationInfo

from contracts.text import Answer, Body, MessageText, Subject
from contracts.tickets.api.fields import FileIds, TicketNumber
from contracts.tickets.api.owned_products import OwnedProduct
from contracts.tickets.api.situations import Priority, Status


class NewTicket(Body):
    follows: TicketNumber | None = Field(
        None, description="The caller's own resolved request that this one follows."
    )
    sale_id: UUID | None = Field(
        None,
        validate_default=True,
        description="The owned product that the request is about; that of `follows` by default.",
    )
    subject: Subject
    description: MessageText
    files: FileIds = Field(
        default_factory=list, description="Files of the draft of this request; each is ready."
    )

    @field_validator("sale_id")
    @classmethod
    def refuse_no_product(cls, sale_id: UUID | None, others: ValidationInfo) -> UUID | None:
        if sale_id is None and others.data.get("follows") is None:
            raise PydanticCustomError("required", "a product or a request to follow is required")
        return sale_id


class TicketSubject(Answer):
    """The subject of a request, for mails about it."""

    subject: str


class Ticket(Answer):
    id: UUID
    number: int = Field(description="The number that people see and that paths contain.")
    status: Status
    waiting_for_customer: bool = Field(description="In progress, and staff wrote last.")
    subject: str
    customer_id: UUID
    customer_name: str
    product: OwnedProduct
    opened_at: AwareDatetime
    waiting_since: AwareDatetime | None = Field(
        description="First message of the customer that staff has not answered yet."
    )
    last_activity_at: AwareDatetime
    resolved_at: AwareDatetime | None = None
    resolved_by_name: str | None = None
    resolved_by_customer: bool | None = None
    follows: int | None = Field(
        None, description="The number of the resolved request that this one follows."
    )
    followed_by: list[int] = Field(
        default_factory=list,
        description="The numbers of requests that follow this one, at most 20.",
    )
    version: int = Field(description="Grows with every change that the reader may see.")


class StaffTicket(Ticket):
    priority: Priority
    unread: bool = Field(
        description="The customer wrote something that no staff member has opened yet."
    )


class TicketSummary(Answer):
    """A line of a list."""

    number: int
    status: Status
    waiting_for_customer: bool
    subject: str
    customer_id: UUID
    customer_name: str
    designation: str
    reference: str
    serial_number: str
    opened_at: AwareDatetime
    waiting_since: AwareDatetime | None
    last_activity_at: AwareDatetime
    last_author_name: str = Field(description="The author of the last message.")
    last_text: str = Field(description="The first 200 characters of the last message.")
    resolved_at: AwareDatetime | None = None


class StaffTicketSummary(TicketSummary):
    product_id: UUID
    priority: Priority
    unread: bool = Field(
        description="The customer wrote something that no staff member has opened yet."
    )
    answered_by: list[str] = Field(
        description="The staff who answered, in the order of their first answer."
    )
    resolved_by_name: str | None = None


class Tickets(Answer):
    tickets: list[TicketSummary]
    next: str | None = None
    counts: dict[str, int] | None = Field(
        None, description="As in `GET …/counts`, if the request had `counts=true`."
    )
    as_of: str | None = Field(
        None,
        description="With `counts`: a snapshot for `/changes?since=`, which lists later changes.",
    )


class StaffTickets(Answer):
    """The same for staff."""

    tickets: list[StaffTicketSummary]
    next: str | None = None
    counts: dict[str, int] | None = None
    as_of: str | None = None


class Counts(Answer):
    """The number of requests in each view; exact to 1,000, and 1,001 means more."""

    counts: dict[str, int]
    as_of: str = Field(description="A snapshot for `/changes?since=`, which lists later changes.")
