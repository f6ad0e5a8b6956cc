"""A request as a transcript: messages, the changes of status between them, what is new."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from contracts.tickets.api import Message, MessageKind, StaffThread, Status, Thread

# The buttons below a request: send the text; resolve, which asks once; resolve for good.
SEND, RESOLVE, CONFIRM = "send", "resolve", "confirm"

AnyThread = Thread | StaffThread


@dataclass(frozen=True)
class Event:
    """A change of status, told between the messages."""

    kind: str
    at: datetime
    by: str = ""


@dataclass(frozen=True)
class Said:
    """A message; `is_new` when the reader has not answered it yet."""

    message: Message
    is_new: bool = False

    @property
    def by_staff(self) -> bool:
        return self.message.kind != MessageKind.CUSTOMER

    @property
    def is_note(self) -> bool:
        return self.message.kind == MessageKind.NOTE


def transcript(thread: AnyThread, *, reader_is_staff: bool) -> list[Said | Event]:
    """What happened, oldest first, as the reader sees it."""
    unanswered = set(unanswered_by(thread, reader_is_staff=reader_is_staff))
    entries: list[Said | Event] = []
    before = None if thread.previous else Status.OPEN
    for message in thread.messages:
        entries.append(Said(message, is_new=message.id in unanswered))
        if message.status_after == Status.IN_PROGRESS and before == Status.OPEN:
            entries.append(Event("busy", message.sent_at))
        before = message.status_after
    return entries


def resolution(thread: AnyThread) -> Event | None:
    ticket = thread.ticket
    if ticket.resolved_at is None:
        return None
    return Event("done", ticket.resolved_at, ticket.resolved_by_name or "")


def unanswered_by(thread: AnyThread, *, reader_is_staff: bool) -> Iterator[UUID]:
    """The other side's last messages, once the reader's side has spoken before them."""
    if thread.ticket.status != Status.IN_PROGRESS:
        return
    mine = MessageKind.STAFF if reader_is_staff else MessageKind.CUSTOMER
    for message in reversed(thread.messages):
        if message.kind == mine:
            return
        if message.kind != MessageKind.NOTE:
            yield message.id
