"""The exchange in a request: messages, notes, what is sent, time spent."""

from typing import ClassVar
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.text import Answer, Body, MessageText
from contracts.tickets.api.drafts import Draft, StaffDraft
from contracts.tickets.api.fields import FileIds, Minutes, Position
from contracts.tickets.api.files import File
from contracts.tickets.api.situations import MessageKind, Priority, Status
from contracts.tickets.api.tickets import StaffTicket, Ticket


class Message(Answer):
    id: UUID
    position: int = Field(
        ge=1, description="Its place among the messages of this request that the reader may read."
    )
    kind: MessageKind
    author_id: UUID
    author_name: str
    author_role: str
    text: str
    sent_at: AwareDatetime
    status_after: Status
    files: list[File] = Field(default_factory=list)


class StaffMessage(Message):
    minutes: int | None = Field(None, description="Time spent on it.")
    minutes_corrected: bool = False


class VisibleText(Answer):
    """The words of a message that its customer may read, for the mail about it."""

    text: str
    files: list[str] = Field(default_factory=list, description="The names of its files.")


class Thread(Answer):
    """A request with its last messages, oldest first; `previous` pages to those before."""

    ticket: Ticket
    messages: list[Message]
    previous: str | None = None
    draft: Draft | None = Field(None, description="The reader's own draft in this request.")
    as_of: str = Field(description="For `/changes?since=`, which lists what came later.")


class StaffThread(Answer):
    """The same for staff, with notes among the messages."""

    ticket: StaffTicket
    messages: list[StaffMessage]
    previous: str | None = None
    draft: StaffDraft | None = Field(None, description="The reader's own draft in this request.")
    as_of: str = Field(description="For `/changes?since=`, which lists what came later.")


OF_DRAFT = "Files of the writer's draft, in this order; each is ready."


class Composed(Body):
    """A message whose writer may have missed what others wrote meanwhile.

    When somebody wrote after `seen_position`, sending is refused once: 409 `answered_meanwhile`,
    with the context `count`, `last_author_name` and `last_position`. `send_anyway` insists.
    """

    circumstances: ClassVar[frozenset[str]] = frozenset({"seen_position", "send_anyway", "minutes"})

    seen_position: Position | None = Field(
        None, description="Position of the last message that the writer has seen."
    )
    send_anyway: bool = False


class NewMessage(Composed):
    text: MessageText
    minutes: Minutes | None = Field(None, description="For staff alone.")
    resolve: bool = Field(False, description="Send, and resolve the request at once.")
    files: FileIds = Field(default_factory=list, description=OF_DRAFT)


class NewNote(Composed):
    text: MessageText
    minutes: Minutes | None = None
    files: FileIds = Field(default_factory=list, description=OF_DRAFT)


class Resolution(Composed):
    text: MessageText | None = Field(None, description="A last word.")
    minutes: Minutes | None = Field(None, description="For staff alone, with a last word.")


class NewPriority(Body):
    priority: Priority


class Seen(Body):
    position: Position = Field(description="Position of the last message that was shown.")


class NewMinutes(Body):
    minutes: Minutes | None = Field(description="None when no time is to be recorded.")


class MinutesCorrection(Answer):
    corrected_by: UUID
    corrected_by_name: str
    corrected_at: AwareDatetime
    old: int | None
    new: int | None


class TimeSpent(Answer):
    """The corrections, newest first, at most 50."""

    minutes: int | None
    corrections: list[MinutesCorrection]
