"""Messages of a request, and the time spent on them."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Text,
    UniqueConstraint,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from chassis.data.database import new_id
from chassis.errors import Malformed, NotFound
from chassis.http.auth import Caller
from contracts.tickets.api import MessageKind
from tickets.models.mapping import Base


class MessageUnknown(NotFound):
    code = "message_unknown"


class StaffOnly(Malformed):
    """A field that customers may not fill in."""

    code = "staff_only"


class Message(Base):
    """What somebody wrote in a request, and the status after it.

    `position` orders the messages of a request: it is drawn while the request is locked.
    """

    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint("kind IN ('customer', 'staff', 'note')", name="kind"),
        CheckConstraint(
            "minutes BETWEEN 0 AND 1440 AND (kind <> 'customer' OR minutes IS NULL)", name="minutes"
        ),
        UniqueConstraint("ticket_id", "position"),
        Index("ix_messages_of_customer", "customer_id", "position"),
        Index(
            "ix_messages_answers",
            "author_id",
            "ticket_id",
            postgresql_where=text("kind = 'staff'"),
        ),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    ticket_id: Mapped[UUID] = mapped_column(ForeignKey("tickets.id"))
    customer_id: Mapped[UUID]
    position: Mapped[int] = mapped_column(BigInteger, Identity(), init=False)
    kind: Mapped[str]
    author_id: Mapped[UUID]
    author_name: Mapped[str]
    author_role: Mapped[str]
    text: Mapped[str]
    sent_at: Mapped[datetime]
    status_after: Mapped[str]
    minutes: Mapped[int | None] = mapped_column(default=None)
    minutes_corrected: Mapped[bool] = mapped_column(default=False)

    def correct_minutes(
        self, minutes: int | None, *, by: Caller, at: datetime
    ) -> "MinutesCorrection | None":
        """Set another time spent, and record who changed it; None if it is the same."""
        if self.kind == MessageKind.CUSTOMER:
            raise MessageUnknown("no time is spent on what a customer wrote")
        if minutes == self.minutes:
            return None
        correction = MinutesCorrection(
            id=new_id(),
            message_id=self.id,
            corrected_by=by.id,
            corrected_by_name=by.name,
            corrected_at=at,
            old=self.minutes,
            new=minutes,
        )
        self.minutes, self.minutes_corrected = minutes, True
        return correction


# What customers may read: every query for them has this condition.
VISIBLE = Message.kind != literal_column("'note'")

# The words of the text, of what the request is about and of who takes part in it, written by the
# database itself. The class does not
# know of them: they would be read back after each insert.
SEARCH = Column("search", TSVECTOR, nullable=False)
MESSAGES = Message.metadata.tables["messages"]
MESSAGES.append_column(SEARCH)
Index(
    "ix_messages_search",
    text("(position >> 12)"),
    text("(position >> 16)"),
    SEARCH,
    postgresql_using="gin",
)


class MinutesCorrection(Base):
    """Who changed the time spent on a message, when, from what to what."""

    __tablename__ = "minutes_corrections"
    __table_args__ = (Index("ix_minutes_corrections_of_message", "message_id", "id"),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    message_id: Mapped[UUID] = mapped_column(ForeignKey("messages.id"))
    corrected_by: Mapped[UUID]
    corrected_by_name: Mapped[str]
    corrected_at: Mapped[datetime]
    old: Mapped[int | None]
    new: Mapped[int | None]


class StaleWords(Base):
    """A customer whose messages below a position still have an old search text.

    Written by a trigger when somebody's name changes; see `tickets.operations.rewording`.
    """

    __tablename__ = "stale_words"

    customer_id: Mapped[UUID] = mapped_column(ForeignKey("people.id"), primary_key=True)
    below: Mapped[int] = mapped_column(BigInteger)


class Stem(Base):
    """A stem that occurs in some message: a candidate for completing an unfinished word."""

    __tablename__ = "stems"

    stem: Mapped[str] = mapped_column(Text(collation="C"), primary_key=True)
