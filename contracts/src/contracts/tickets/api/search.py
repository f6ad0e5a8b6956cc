"""The one search box: numbers, serial numbers, and words; and what customers found have open."""

from typing import Annotated
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.text import Answer, Body, SearchText
from contracts.tickets.api.situations import MessageKind
from contracts.tickets.api.tickets import StaffTicketSummary, TicketSummary

LONGEST_RESULTS = 25


class Search(Body):
    text: SearchText = Field(
        description="A request's number, a serial number or 6 characters of one, or words: of what"
        " was written, of the product, of whose request it is and who answered. The last one may"
        " be unfinished. A longer text is searched by its first words."
    )
    limit: Annotated[int, Field(ge=1, le=LONGEST_RESULTS)] = 10
    after: str | None = Field(None, description="The page before this one gave it as `next`.")


class Segment(Answer):
    """A piece of text, and whether it is what was searched for. Plain text, never markup."""

    text: str
    match: bool


class FoundMessage(Answer):
    kind: MessageKind
    author_name: str
    sent_at: AwareDatetime
    excerpt: list[Segment]


class Found(Answer):
    ticket: TicketSummary
    subject: list[Segment]
    message: FoundMessage | None = Field(
        None, description="The newest message that matched; none for a number or serial number."
    )


class StaffFound(Answer):
    ticket: StaffTicketSummary
    subject: list[Segment]
    message: FoundMessage | None = None


class SearchResults(Answer):
    """`exact`: the request of this number, those on this serial number. `found`: newest first."""

    exact: list[Found]
    found: list[Found]
    next: str | None = None


class StaffSearchResults(Answer):
    exact: list[StaffFound]
    found: list[StaffFound]
    next: str | None = None


class UnresolvedOfCustomer(Answer):
    """A customer's unresolved requests; the count is exact to 1,000, and 1,001 means more."""

    customer_id: UUID
    count: int
    numbers: list[int] = Field(description="The newest ones, at most 3.")


class UnresolvedOfCustomers(Answer):
    """Those who have any."""

    customers: list[UnresolvedOfCustomer]
