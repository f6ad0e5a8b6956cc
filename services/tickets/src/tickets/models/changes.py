"""That something happened to a request: what live pages are told."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from contracts.tickets.api import What
from tickets.models.mapping import Base

# What customers may hear of.
SHOWN_TO_CUSTOMERS = (What.OPENED, What.MESSAGE, What.RESOLVED)


class SharedKey(Base):
    """Seals what customers carry and shall not read; made by a migration, one for all replicas."""

    __tablename__ = "shared_keys"

    name: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(repr=False)


class Change(Base):
    """A row per change, kept for a day; committing one wakes whoever listens.

    Numbers drawn from a sequence are not committed in their order: who remembers the last one
    seen would miss one committed after it. A snapshot of PostgreSQL, which is what readers
    remember, says of every `transaction` whether it could be seen.
    """

    __tablename__ = "changes"
    __table_args__ = (Index("ix_changes_transaction", "transaction", "position"),)

    position: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True, init=False)
    transaction: Mapped[int] = mapped_column(
        BigInteger, server_default=text("(pg_current_xact_id()::text)::bigint"), init=False
    )
    number: Mapped[int] = mapped_column(BigInteger)
    customer_id: Mapped[UUID]
    what: Mapped[str]
    by_staff: Mapped[bool]
    version: Mapped[int]
    visible_version: Mapped[int]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now(), init=False)
