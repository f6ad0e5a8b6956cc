"""Calls to tickets: a customer's requests, the queues of staff, one request."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from contracts.paging import PAGE_MOST
from contracts.tickets.api import (
    Changes,
    Desk,
    DeskTicket,
    Draft,
    Home,
    Message,
    OwnedProducts,
    Priority,
    QuickReplies,
    QuickReply,
    RenderedQuickReplies,
    SearchResults,
    Sort,
    StaffMessage,
    StaffNames,
    StaffSearchResults,
    StaffThread,
    StaffTicket,
    StaffTickets,
    StaffView,
    Status,
    Thread,
    Ticket,
    Tickets,
    TimeSpent,
    UnresolvedOfCustomer,
    UnresolvedOfCustomers,
)
from web.clients.gateway import Gateway


async def open_ticket(gateway: Gateway, new: dict[str, Any], *, key: str) -> Ticket:
    """As the contract's `NewTicket` lists it."""
    return await gateway.send("POST", "/api/tickets", new, Ticket, key=key)


async def home(
    gateway: Gateway,
    *,
    status: Status | None = None,
    sale_id: str | None = None,
    text: str = "",
    after: str | None = None,
) -> Home:
    """Everything on a customer's first page, filtered or not."""
    return await gateway.get(
        "/api/tickets/home", Home, status=status, sale_id=sale_id, q=text or None, after=after
    )


async def owned_products(
    gateway: Gateway, *, limit: int = 25, after: str | None = None
) -> OwnedProducts:
    return await gateway.get("/api/tickets/owned-products", OwnedProducts, limit=limit, after=after)


@dataclass(frozen=True)
class QueueFilters:
    """The filters of a queue; an empty one does not filter. Days are in the shop's time zone."""

    product_id: str = ""
    priority: str = ""
    opened_from: str = ""
    opened_to: str = ""
    answered_by: str = ""
    unread: bool = False


async def desk(
    gateway: Gateway,
    view: StaffView,
    *,
    sort: Sort | None = None,
    filters: QueueFilters | None = None,
    limit: int = 25,
    after: str | None = None,
    open: int | None = None,
    before: str | None = None,
) -> Desk:
    """One page of a queue with the counts of all, and the request that is open next to it."""
    asked = {name: value for name, value in asdict(filters or QueueFilters()).items() if value}
    return await gateway.get(
        "/api/tickets/desk",
        Desk,
        view=view,
        sort=sort,
        counts=True,
        limit=limit,
        after=after,
        open=open,
        before=before,
        **asked,
    )


async def desk_ticket(gateway: Gateway, number: int) -> DeskTicket:
    """A request as the desk shows it next to its queue."""
    return await gateway.get(f"/api/tickets/{number}/desk", DeskTicket)


async def those_in_queue(
    gateway: Gateway, view: StaffView, filters: QueueFilters, numbers: Iterable[int]
) -> list[int]:
    """Which of these requests, fifty at most, the queue holds."""
    asked = {name: value for name, value in asdict(filters).items() if value}
    listed = await gateway.get(
        "/api/tickets",
        StaffTickets,
        view=view,
        limit=PAGE_MOST,
        number=[str(number) for number in numbers],
        **asked,
    )
    return [ticket.number for ticket in listed.tickets]


async def staff_names(gateway: Gateway) -> StaffNames:
    return await gateway.get("/api/tickets/staff", StaffNames)


async def tickets_of(
    gateway: Gateway,
    customer_id: UUID,
    view: StaffView,
    *,
    limit: int = 25,
    after: str | None = None,
) -> Tickets:
    """What staff see of one customer's requests, one view at a time."""
    return await gateway.get(
        "/api/tickets",
        Tickets,
        view=view,
        customer_id=str(customer_id),
        limit=limit,
        after=after,
    )


async def unresolved(
    gateway: Gateway, customers: Iterable[UUID]
) -> dict[UUID, UnresolvedOfCustomer]:
    """Open and in-progress requests of at most 50 customers; those without any are left out."""
    asked = [str(customer) for customer in customers]
    answer = await gateway.get("/api/tickets/unresolved", UnresolvedOfCustomers, customer_id=asked)
    return {each.customer_id: each for each in answer.customers}


async def thread(gateway: Gateway, number: int) -> Thread:
    return await gateway.get(f"/api/tickets/{number}", Thread)


async def earlier(gateway: Gateway, number: int, before: str) -> Thread:
    return await gateway.get(f"/api/tickets/{number}/messages", Thread, before=before)


async def resolve(gateway: Gateway, number: int) -> Ticket:
    return await gateway.send("POST", f"/api/tickets/{number}/resolution", None, Ticket)


# --- For staff --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Composed:
    """What a staff member sends; see the contract's own `Composed`."""

    text: str
    minutes: int | None
    seen_position: int | None
    send_anyway: bool
    files: list[str]


async def staff_thread(gateway: Gateway, number: int) -> StaffThread:
    return await gateway.get(f"/api/tickets/{number}", StaffThread)


async def staff_messages(
    gateway: Gateway, number: int, *, before: str | None = None, since: int | None = None
) -> StaffThread:
    """Earlier messages, or those after a position."""
    path = f"/api/tickets/{number}/messages"
    return await gateway.get(path, StaffThread, before=before, since=since)


async def reply(
    gateway: Gateway, number: int, composed: Composed, *, resolve: bool, key: str
) -> StaffMessage:
    body = {**asdict(composed), "resolve": resolve}
    path = f"/api/tickets/{number}/messages"
    return await gateway.send("POST", path, body, StaffMessage, key=key)


async def add_note(gateway: Gateway, number: int, composed: Composed, *, key: str) -> StaffMessage:
    path = f"/api/tickets/{number}/notes"
    return await gateway.send("POST", path, asdict(composed), StaffMessage, key=key)


async def prioritise(gateway: Gateway, number: int, priority: Priority) -> StaffTicket:
    path = f"/api/tickets/{number}/priority"
    return await gateway.send("PUT", path, {"priority": priority}, StaffTicket)


async def mark_seen(gateway: Gateway, number: int, position: int) -> None:
    await gateway.call("PUT", f"/api/tickets/{number}/seen", {"position": position})


async def time_spent(gateway: Gateway, message_id: UUID) -> TimeSpent:
    return await gateway.get(f"/api/tickets/messages/{message_id}/minutes", TimeSpent)


async def correct_minutes(gateway: Gateway, message_id: UUID, minutes: int | None) -> TimeSpent:
    path = f"/api/tickets/messages/{message_id}/minutes"
    return await gateway.send("PUT", path, {"minutes": minutes}, TimeSpent)


async def rendered_quick_replies(gateway: Gateway, number: int) -> RenderedQuickReplies:
    return await gateway.get(f"/api/tickets/{number}/quick-replies", RenderedQuickReplies)


async def quick_replies(gateway: Gateway) -> QuickReplies:
    return await gateway.get("/api/tickets/quick-replies", QuickReplies)


async def add_quick_reply(gateway: Gateway, *, title: str, text: str, key: str) -> QuickReply:
    body = {"title": title, "text": text}
    return await gateway.send("POST", "/api/tickets/quick-replies", body, QuickReply, key=key)


async def change_quick_reply(
    gateway: Gateway, quick_reply_id: UUID, *, title: str, text: str
) -> QuickReply:
    path = f"/api/tickets/quick-replies/{quick_reply_id}"
    return await gateway.send("PATCH", path, {"title": title, "text": text}, QuickReply)


async def remove_quick_reply(gateway: Gateway, quick_reply_id: UUID) -> None:
    await gateway.call("DELETE", f"/api/tickets/quick-replies/{quick_reply_id}")


# --- What happens meanwhile -------------------------------------------------------------------


def stream(gateway: Gateway, since: str) -> AbstractAsyncContextManager[AsyncIterator[str]]:
    """The lines of the live stream after this snapshot; it ends with the access token."""
    return gateway.listen("/api/tickets/stream", {"since": since} if since else {})


async def changes(gateway: Gateway, since: str) -> Changes:
    return await gateway.get("/api/tickets/changes", Changes, since=since)


# --- What a customer writes --------------------------------------------------------------------


async def say(
    gateway: Gateway,
    number: int,
    *,
    text: str,
    seen_position: int | None,
    key: str,
    resolve: bool = False,
    files: list[str],
) -> Message:
    """Write a message; refused if somebody wrote after `seen_position`."""
    body = {"text": text, "seen_position": seen_position, "resolve": resolve, "files": files}
    return await gateway.send("POST", f"/api/tickets/{number}/messages", body, Message, key=key)


async def my_draft(gateway: Gateway) -> Draft:
    """The draft of a request that is not opened yet."""
    return await gateway.get("/api/tickets/draft", Draft)


async def draft(gateway: Gateway, number: int | None) -> Draft:
    return await gateway.get(draft_path(number), Draft)


# --- Drafts -----------------------------------------------------------------------------------


async def keep_draft(gateway: Gateway, number: int | None, **draft: Any) -> None:
    """The draft of a message in a request, or, without a number, of a new request."""
    await gateway.call("PUT", draft_path(number), draft)


async def forget_draft(gateway: Gateway, number: int | None) -> None:
    await gateway.call("DELETE", draft_path(number))


async def empty_draft(gateway: Gateway, number: int | None) -> None:
    """Nothing is typed any more; its files stay."""
    await gateway.call("DELETE", f"{draft_path(number)}?keep_files=true")


def draft_path(number: int | None) -> str:
    return "/api/tickets/draft" if number is None else f"/api/tickets/{number}/draft"


# --- The one search box -----------------------------------------------------------------------


async def search_for_staff(
    gateway: Gateway, text: str, *, limit: int, after: str | None
) -> StaffSearchResults:
    body = {"text": text, "limit": limit, "after": after}
    return await gateway.send("POST", "/api/tickets/search", body, StaffSearchResults)


async def search_for_customer(
    gateway: Gateway, text: str, *, limit: int, after: str | None
) -> SearchResults:
    body = {"text": text, "limit": limit, "after": after}
    return await gateway.send("POST", "/api/tickets/search", body, SearchResults)
