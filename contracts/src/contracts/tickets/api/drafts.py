"""Drafts of messages and requests."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, Field

from contracts.text import (
    MESSAGE_LENGTH,
    SUBJECT_LENGTH,
    Answer,
    Body,
    Key,
    OneLine,
    Storable,
    limit,
    unify_line_ends,
)
from contracts.tickets.api.fields import FileIds, Minutes, Position, TicketNumber
from contracts.tickets.api.files import DraftFile

DraftText = Annotated[str, AfterValidator(unify_line_ends), Storable, limit(MESSAGE_LENGTH)]
DraftSubject = Annotated[str, Storable, OneLine, limit(SUBJECT_LENGTH)]


class DraftKind(StrEnum):
    REPLY = "reply"
    NOTE = "note"


class DraftToKeep(Body):
    """The text as it is so far; it replaces the stored draft."""

    key: Key | None = Field(
        None,
        description="A UUID, the Idempotency-Key under which it will be sent. That ends this"
        " draft, and one that comes later is refused: 409 `already_sent`. Without, whatever is"
        " sent ends it.",
    )
    text: DraftText = ""
    kind: DraftKind = Field(DraftKind.REPLY, description="Notes are for staff alone.")
    minutes: Minutes | None = Field(None, description="For staff alone.")
    seen_position: Position | None = None
    subject: DraftSubject = Field("", description="Of a new request.")
    sale_id: UUID | None = Field(None, description="Of a new request.")
    follows: TicketNumber | None = Field(None, description="Of a new request.")
    files: FileIds = Field(
        default_factory=list,
        description="Files of another draft of the same person, which become those of this one.",
    )


class Draft(Answer):
    """This person's draft; `saved_at` is missing if there is none."""

    key: str | None = None
    text: str = ""
    seen_position: int | None = None
    subject: str = ""
    sale_id: UUID | None = None
    follows: int | None = None
    saved_at: AwareDatetime | None = None
    files: list[DraftFile] = Field(
        default_factory=list, description="What will be sent with it, in the order of arrival."
    )


class StaffDraft(Draft):
    kind: DraftKind = DraftKind.REPLY
    minutes: int | None = None
