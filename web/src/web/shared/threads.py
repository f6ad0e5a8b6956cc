"""A request as a transcript: messages, changes of status, and what is new."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contracts.tickets.api import (
    Message,
    MessageKind,
    StaffThread,
    StaffTicket,
    Status,
    Thread,
)

# The buttons below a request: send the text; resolve, which asks once; resolve for good.
SEND, RESOLVE, CONFIRM = "send", "resolve", "confirm"

AnyThread = Thread | StaffThread


@dataclass(frozen=True)
class Event:
    """A change of status, shown between messages."""

    kind: str
    at: datetime
    by: str = ""


@dataclass(frozen=True)
class MessageEntry:
    """A message; `is_new` to a customer until they answer it, to staff until one of them opens it."""

    message: Message
    is_new: bool = False

    @property
    def by_staff(self) -> bool:
        return self.message.kind != MessageKind.CUSTOMER

    @property
    def is_note(self) -> bool:
        return self.message.kind == MessageKind.NOTE


def transcript(thread: AnyThread, *, reader_is_staff: bool) -> list[MessageEntry | Event]:
    """Messages and status changes, oldest first, as this reader may see them."""
    new = set(new_to_staff(thread) if reader_is_staff else new_to_customer(thread))
    entries: list[MessageEntry | Event] = []
    before = None if thread.previous else Status.OPEN
    for message in thread.messages:
        entries.append(MessageEntry(message, is_new=message.id in new))
        if message.status_after == Status.IN_PROGRESS and before == Status.OPEN:
            entries.append(Event("busy", message.sent_at))
        before = message.status_after
    return entries


def resolution(thread: AnyThread) -> Event | None:
    ticket = thread.ticket
    if ticket.resolved_at is None:
        return None
    return Event("done", ticket.resolved_at, ticket.resolved_by_name or "")


def new_to_staff(thread: AnyThread) -> Iterator[UUID]:
    """The customer's last messages that no staff member has opened."""
    if isinstance(thread.ticket, StaffTicket) and thread.ticket.unread:
        yield from last_of(thread, MessageKind.CUSTOMER, until=MessageKind.STAFF)


def new_to_customer(thread: AnyThread) -> Iterator[UUID]:
    """The last answers, while the customer can still reply."""
    if thread.ticket.status == Status.IN_PROGRESS:
        yield from last_of(thread, MessageKind.STAFF, until=MessageKind.CUSTOMER)


def last_of(thread: AnyThread, kind: MessageKind, *, until: MessageKind) -> Iterator[UUID]:
    """The last messages of one side, back to the other side's."""
    for message in reversed(thread.messages):
        if message.kind == until:
            return
        if message.kind == kind:
            yield message.id
