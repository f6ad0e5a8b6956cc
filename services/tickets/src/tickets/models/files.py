"""Files that belong to a draft, then to a message."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, SmallInteger, text
from sqlalchemy.orm import Mapped, mapped_column

from chassis.errors import Malformed, NotFound, Refusal
from tickets.models.mapping import Base


class FileUnknown(NotFound):
    """No such file, or the caller may not see it."""

    code = "file_unknown"


class FileNotOfDraft(Refusal):
    """A file to send is not in the writer's draft: it was removed or sent meanwhile."""

    code = "file_not_of_draft"


class FileNotReady(Refusal):
    """The file is still being uploaded or checked."""

    code = "file_not_ready"


class FileWasRefused(Refusal):
    """A file that was refused cannot be sent: it must be removed first."""

    code = "file_refused"


class TooManyFiles(Refusal):
    code = "too_many_files"


class FileTooLarge(Refusal):
    status, code = 413, "file_too_large"


class FileEmpty(Malformed):
    code = "file_empty"


class FileNameless(Malformed):
    code = "file_nameless"


class FileMissing(NotFound):
    """The object store has lost the file."""

    code = "file_missing"


class File(Base):
    """A file, whose content is in the object store under its id.

    It belongs to a draft until it is sent with a message. If it belongs to neither, the daily job
    deletes it; see `tickets.operations.stored_files`.
    """

    __tablename__ = "files"
    __table_args__ = (
        CheckConstraint("state IN ('receiving', 'ready', 'refused')", name="state"),
        CheckConstraint("(state = 'refused') = (refusal IS NOT NULL)", name="refusal"),
        CheckConstraint("state <> 'ready' OR num_nonnulls(kind, digest) = 2", name="ready"),
        CheckConstraint("message_id IS NULL OR state = 'ready'", name="sent"),
        CheckConstraint("message_id IS NULL OR draft_id IS NULL", name="place"),
        Index("ix_files_of_message", "message_id", "place"),
        Index("ix_files_of_draft", "draft_id", "id"),
        Index("ix_files_of_person", "person_id", "made_at"),
        Index("ix_files_missing", "id", postgresql_where=text("missing")),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)  # the same as its upload's
    person_id: Mapped[UUID]  # the sender
    draft_id: Mapped[UUID | None] = mapped_column(ForeignKey("drafts.id", ondelete="SET NULL"))
    name: Mapped[str]
    size: Mapped[int] = mapped_column(BigInteger)
    made_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(default="receiving")
    refusal: Mapped[str | None] = mapped_column(default=None)
    message_id: Mapped[UUID | None] = mapped_column(ForeignKey("messages.id"), default=None)
    place: Mapped[int | None] = mapped_column(SmallInteger, default=None)  # in the message
    kind: Mapped[str | None] = mapped_column(default=None)
    digest: Mapped[str | None] = mapped_column(default=None)  # SHA-256 of the original
    # Of the picture that is shown instead of the original.
    shown_kind: Mapped[str | None] = mapped_column(default=None)
    width: Mapped[int | None] = mapped_column(default=None)
    height: Mapped[int | None] = mapped_column(default=None)
    missing: Mapped[bool] = mapped_column(default=False)
