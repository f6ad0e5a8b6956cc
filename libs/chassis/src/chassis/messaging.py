"""The tables that make messaging reliable, and how an event enters them.

They live in each service's own database, in the schema `messaging`, so that an event and the
state it tells of commit together.
"""

from datetime import datetime
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier
from sqlalchemy import BigInteger, Identity, Index, MetaData, func, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis import clock, tracing
from chassis.database import NAMES, TYPES, new_id
from contracts.event import Envelope, Event

SCHEMA = "messaging"
CHANNEL = "outbox"


class Messaging(DeclarativeBase):
    metadata = MetaData(schema=SCHEMA, naming_convention=NAMES)
    type_annotation_map = TYPES


class OutboxMessage(Messaging):
    """An event that was decided here; `published_at` tells that JetStream has stored it."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_unpublished", "position", postgresql_where=text("published_at IS NULL")),
    )

    position: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    event_id: Mapped[UUID] = mapped_column(unique=True)
    type: Mapped[str]
    subject: Mapped[str]
    body: Mapped[str]
    recorded_at: Mapped[datetime] = mapped_column(server_default=func.now())
    published_at: Mapped[datetime | None]


class InboxMessage(Messaging):
    """An event that was handled here, and where its stream then stood."""

    __tablename__ = "inbox"

    consumer: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    stream: Mapped[str]
    position: Mapped[int] = mapped_column(BigInteger)
    handled_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DeadLetter(Messaging):
    """An event that kept failing, set aside with its error so that those behind it go on."""

    __tablename__ = "dead_letters"

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    event_id: Mapped[UUID | None]
    stream: Mapped[str]
    position: Mapped[int] = mapped_column(BigInteger)
    subject: Mapped[str]
    body: Mapped[str]
    error: Mapped[str]
    attempts: Mapped[int]
    parked_at: Mapped[datetime] = mapped_column(server_default=func.now())


class IdempotencyKey(Messaging):
    """What a request with this key made, so that a repetition makes nothing."""

    __tablename__ = "idempotency_keys"

    caller_id: Mapped[UUID] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    made_id: Mapped[UUID | None]
    made_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


# Longer than an event that keeps failing is put off before it is set aside.
SETTLING = "1 day"


async def position_settled(session: AsyncSession, consumer: str, stream: str) -> int:
    """Of this stream all up to here is settled: handled, or set aside; 0 for nothing yet.

    Events behind it were handled too, but one in between may still be waiting to be tried again.
    """
    settled = await session.scalar(
        text(f"""
            SELECT max(position) FROM {SCHEMA}.inbox
            WHERE consumer = :consumer AND stream = :stream AND handled_at < (
                SELECT max(handled_at) - interval '{SETTLING}' FROM {SCHEMA}.inbox
                WHERE consumer = :consumer AND stream = :stream
            )
        """),  # noqa: S608 - constants
        {"consumer": consumer, "stream": stream},
    )
    return settled or 0


LISTENERS = 0x6C6973  # with the channel's name, the lock of those who listen to it


async def listen(connection: AsyncConnection, channel: str) -> None:
    """From now on every commit that wakes this channel is heard; what came before is to be read.

    Nobody is woken where nobody holds this lock: see `chassis.migrations.make_waking`.
    """
    await connection.execute(SQL("LISTEN {}").format(Identifier(channel)))
    await connection.execute(
        "SELECT pg_advisory_lock_shared(%s, hashtext(%s))", [LISTENERS, channel]
    )


def publish(session: AsyncSession, event: Event, *, version: int | None = None) -> UUID:
    """Announce the event if, and only if, this transaction commits; returns the event's id.

    `version` is the aggregate's after the event; by default the event's own field of that name.
    """
    if version is None:
        version = getattr(event, "version", None)
    with tracing.span(f"announce {event.type}", tracing.SpanKind.PRODUCER):
        traceparent = tracing.here()
    envelope = Envelope(
        id=new_id(),
        source=f"/guichet/{event.type.partition('.')[0]}",
        type=event.type,
        subject=event.subject,
        time=clock.now(),
        aggregateversion=version,
        traceparent=traceparent,
        data=event.model_dump(mode="json"),
    )
    session.add(
        OutboxMessage(
            event_id=envelope.id,
            type=event.type,
            subject=f"{event.type}.{event.subject}",
            body=envelope.model_dump_json(exclude_none=True),
        )
    )
    return envelope.id
