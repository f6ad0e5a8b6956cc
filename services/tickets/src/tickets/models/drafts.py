"""Drafts of messages and requests."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from tickets.models.mapping import Base


class Draft(Base):
    """One per person and request; without a number it is for a request not opened yet.

    `key` is the Idempotency-Key under which it will be sent.
    """

    __tablename__ = "drafts"
    __table_args__ = (UniqueConstraint("person_id", "number", postgresql_nulls_not_distinct=True),)

    id: Mapped[UUID] = mapped_column(primary_key=True)
    person_id: Mapped[UUID]
    number: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("tickets.number"))
    key: Mapped[str | None]
    text: Mapped[str]
    kind: Mapped[str]
    minutes: Mapped[int | None]
    seen_position: Mapped[int | None] = mapped_column(BigInteger)
    subject: Mapped[str]
    sale_id: Mapped[UUID | None]
    follows: Mapped[int | None] = mapped_column(BigInteger)
    saved_at: Mapped[datetime]
