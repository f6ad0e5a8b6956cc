"""The tables that make messaging reliable, and how an event enters them.

They live in each service's own database, in the schema `messaging`, so that an event and the
state it describes commit together.
"""

from collections.abc import AsyncIterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Identity,
    Index,
    MetaData,
    SQLColumnExpression,
    Text,
    cast,
    exists,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from chassis import clock
from chassis.data.database import NAMES, TYPES, new_id
from chassis.data.writing import add_later
from chassis.monitoring import tracing
from contracts.event import Envelope, Event, uuid7_of

SCHEMA = "messaging"
CHANNEL = "outbox"


class Messaging(DeclarativeBase):
    metadata = MetaData(schema=SCHEMA, naming_convention=NAMES)
    type_annotation_map = TYPES


class OutboxMessage(Messaging):
    """An event of this service; `published_at` is set once JetStream has stored it.

    `stored_as` is its number in the stream; None for events stored before numbers were recorded.
    """

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
    stored_as: Mapped[int | None] = mapped_column(BigInteger)


class KnownStream(Messaging):
    """A stream as this service last saw it: its own, or one that it reads.

    `created_at` comes from NATS and identifies the stream. `position` is the last event that was
    stored, or up to which all are handled. `losses` counts how often it had lost events.
    """

    __tablename__ = "streams"

    name: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime]
    position: Mapped[int] = mapped_column(BigInteger)
    losses: Mapped[int] = mapped_column(server_default="0")
    lost_at: Mapped[datetime | None]


class InboxMessage(Messaging):
    """An event that was handled here, and the position its stream had then."""

    __tablename__ = "inbox"

    consumer: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    stream: Mapped[str]
    position: Mapped[int] = mapped_column(BigInteger)
    handled_at: Mapped[datetime] = mapped_column(server_default=func.now())


class DeadLetter(Messaging):
    """An event that kept failing, stored with its error, so that those after it are handled."""

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
    """The result of a request with this key, so that repeating it creates nothing."""

    __tablename__ = "idempotency_keys"

    caller_id: Mapped[UUID] = mapped_column(primary_key=True)
    route: Mapped[str] = mapped_column(primary_key=True)
    key_hash: Mapped[bytes] = mapped_column(primary_key=True)
    fingerprint: Mapped[bytes]
    made_id: Mapped[UUID | None]
    made_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)


# Longer than an event that keeps failing is put off before it becomes a dead letter.
SETTLING = "1 day"


async def position_settled(session: AsyncSession, consumer: str, stream: str) -> int:
    """The position up to which everything in this stream is handled or a dead letter; 0 for nothing yet.

    Later events may be handled too, but one in between may still be waiting for its retry. What was
    handled before the stream was lost had other positions.
    """
    settled = await session.scalar(
        text(f"""
            WITH handled AS (
                SELECT position, handled_at FROM {SCHEMA}.inbox
                WHERE consumer = :consumer AND stream = :stream AND handled_at > coalesce(
                    (SELECT lost_at FROM {SCHEMA}.streams WHERE name = :stream), '-infinity'
                )
            )
            SELECT max(position) FROM handled WHERE handled_at < (
                SELECT max(handled_at) - interval '{SETTLING}' FROM handled
            )
        """),  # noqa: S608 - constants
        {"consumer": consumer, "stream": stream},
    )
    return settled or 0


LISTENING_SECONDS = 60
LISTENERS = 0x6C6973  # with the channel's name, the lock of those who listen to it


class Listener(AsyncConnection[Any]):
    """A connection that sleeps until it is notified.

    psycopg's looks ten times a second whether it was interrupted, which asyncio does by itself.
    """

    async def wait(
        self,
        gen: Any,
        interval: float = LISTENING_SECONDS,
        timeout: float | None = None,  # noqa: ASYNC109 - as psycopg's
    ) -> Any:
        return await super().wait(gen, interval=interval, timeout=timeout)


async def listen(connection: AsyncConnection, channel: str) -> None:
    """LISTEN on this channel: every later commit that notifies it is received; read what came
    before.

    Commits notify only while a relay holds this lock: see `chassis.migrations.make_waking`.
    """
    await connection.execute(SQL("LISTEN {}").format(Identifier(channel)))
    await connection.execute(
        "SELECT pg_advisory_lock_shared(%s, hashtext(%s))", [LISTENERS, channel]
    )


def publish(session: AsyncSession, event: Event, *, version: int | None = None) -> UUID:
    """Publish the event if, and only if, this transaction commits; returns the event's id.

    `version` is the aggregate's after the event; by default the event's own field of that name.
    """
    if version is None:
        version = getattr(event, "version", None)
    with tracing.span(f"announce {event.type}", tracing.SpanKind.PRODUCER):
        traceparent = tracing.here()
    row = enveloped(event, event.fact_id or new_id(), clock.now(), version, traceparent)
    add_later(session, OutboxMessage, row)
    return row["event_id"]


def enveloped(
    event: Event, id: UUID, time: datetime, version: int | None, traceparent: str | None = None
) -> dict[str, Any]:
    """The columns of its row in the outbox."""
    envelope = Envelope(
        id=id,
        source=f"/guichet/{event.type.partition('.')[0]}",
        type=event.type,
        subject=event.subject,
        time=time,
        aggregateversion=version,
        traceparent=traceparent,
        data=event.model_dump(mode="json"),
    )
    return {
        "event_id": id,
        "type": event.type,
        "subject": f"{event.type}.{event.subject}",
        "body": envelope.model_dump_json(exclude_none=True),
    }


class Again(NamedTuple):
    """An event that the outbox no longer holds, made again from the tables."""

    event: Event
    version: int | None
    at: datetime

    @property
    def id(self) -> UUID:
        """A fact has its own; that of a state is computed from its content and time."""
        whole = f"{self.event.type} {self.event.model_dump_json()} {self.version}"
        return self.event.fact_id or uuid7_of(self.at, whole)


AGAIN_BATCH = 500
BEFORE_ALL = 1 << 40  # more events than are ever published again at once


async def publish_again(session: AsyncSession, events: AsyncIterable[Again]) -> int:
    """Publish them before everything in the outbox, each once; returns how many there were."""
    first = await session.scalar(select(func.min(OutboxMessage.position)))
    position = (1 if first is None else first) - BEFORE_ALL
    rows: list[dict[str, Any]] = []
    count = 0

    async def insert() -> None:
        statement = postgresql.insert(OutboxMessage).values(rows).on_conflict_do_nothing()
        await session.execute(statement)
        rows.clear()

    async for again in events:
        row = enveloped(again.event, again.id, again.at, again.version)
        rows.append(row | {"position": position + count, "recorded_at": again.at})
        count += 1
        if len(rows) == AGAIN_BATCH:
            await insert()
    if rows:
        await insert()
    return count


def is_gone(event: type[Event], id: SQLColumnExpression[Any]) -> ColumnElement[bool]:
    """Whether the outbox holds none of this kind about this aggregate."""
    subject = literal(f"{event.type}.") + cast(id, Text)
    return ~exists().where(OutboxMessage.subject == subject)
