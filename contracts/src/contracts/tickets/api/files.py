"""Files of messages and drafts."""

from enum import StrEnum
from uuid import UUID

from pydantic import AwareDatetime, Field

from contracts.text import Answer
from contracts.tickets.api.situations import MessageKind


class FileState(StrEnum):
    RECEIVING = "receiving"
    CHECKING = "checking"  # all of it has come
    READY = "ready"
    REFUSED = "refused"


class FileForm(StrEnum):
    """The forms of a file: pictures are also stored re-encoded, in two sizes."""

    ORIGINAL = "original"  # of a picture for staff only: its metadata may contain the place
    SHOWN = "shown"
    THUMBNAIL = "thumbnail"


class File(Answer):
    """A file of a message."""

    id: UUID
    name: str = Field(description="Fit for a download, with the ending of its kind.")
    kind: str = Field(description="The MIME type, by its content.")
    size: int = Field(description="Bytes.")
    width: int | None = Field(None, description="Pixels, of a picture as it is shown.")
    height: int | None = None
    missing: bool = Field(False, description="The store has lost its content.")


class DraftFile(Answer):
    """A file that will be sent with a draft."""

    id: UUID
    name: str
    size: int = Field(description="Bytes, of the whole file.")
    received: int = Field(description="Bytes that have come.")
    state: FileState
    refusal: str | None = Field(None, description="The code, where it is refused.")
    kind: str | None = Field(None, description="The MIME type, once it is ready.")
    width: int | None = None
    height: int | None = None


class FileOfTicket(File):
    message_id: UUID
    message_kind: MessageKind
    author_name: str
    sent_at: AwareDatetime


class FilesOfTicket(Answer):
    """Newest message first, at most 500."""

    files: list[FileOfTicket]


class FileLimits(Answer):
    """The limits of files, to show before somebody chooses one."""

    files: int = Field(description="The most files of one message.")
    bytes: int = Field(description="The most bytes of one file.")
    kinds: list[str] = Field(description="MIME types.")
    endings: list[str] = Field(description="The endings of names that go with these kinds.")
    scanned: bool = Field(description="Whether a virus scanner looks at each file.")
