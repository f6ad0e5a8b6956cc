"""Changes of requests, for live pages."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, func, text
from sqlalchemy.orm import Mapped, mapped_column

from contracts.tickets.api import What
from tickets.models.mapping import Base

# The kinds of changes that customers may see.
SHOWN_TO_CUSTOMERS = (What.OPENED, What.MESSAGE, What.RESOLVED)


class SharedKey(Base):
    """Encrypts what customers store but must not read; created by a migration, shared by all
    replicas.
    """

    __tablename__ = "shared_keys"

    name: Mapped[str] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(repr=False)


class Change(Base):
    """One row per change, kept for a day; its commit notifies listeners.

    Numbers from a sequence are not committed in order: a reader who remembers the last number seen
    would miss one committed later. So readers remember a PostgreSQL snapshot, which says for every
    `transaction` whether it was visible.
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
