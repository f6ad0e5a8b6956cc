"""NATS JetStream: the relay that empties the outbox, the loops that handle events."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import nats
import nats.errors
import psycopg
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.errors import Error as JetStreamError
from pydantic import ValidationError
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import health, tracing
from chassis.database import Database
from chassis.messaging import CHANNEL, DeadLetter, InboxMessage
from chassis.metrics import HANDLED, PARKED, PUBLISHED, RETRIED
from chassis.troubles import describe, is_passing, of_broker, of_publishing
from contracts.event import Envelope, Event
from contracts.topology import LISTENINGS, Listening, stream_name

log = structlog.get_logger()

E_ = TypeVar("E_", bound=Event)
Handler = Callable[[AsyncSession, E_], Awaitable[None]]

RELAY_LOCK = 0x0B0C5
RELAY_BATCH = 200
STANDBY_SECONDS = 3
FETCH_SECONDS = 5
ARRIVAL_SECONDS = 2  # at most, for the rest of a batch whose first event is here
PUBLISH_SECONDS = 5

BROKER_TROUBLE = (TimeoutError, OSError, nats.errors.Error, JetStreamError)


async def connect(
    url: str, user: str, password: str, hear: Callable[[str], object] = lambda _: None
) -> Client:
    """A connection that outlives every outage of the broker; returns once the first one stands.

    `hear` is told of each trouble in one line; the log only of another one than the last.
    """
    last = ""

    async def told(error: Exception) -> None:
        nonlocal last
        trouble = of_broker(error)
        hear(trouble)
        if trouble != last:
            last = trouble
            log.warning("broker_trouble", user=user, trouble=trouble)

    async def lost() -> None:
        log.warning("broker_lost", user=user)

    async def back() -> None:
        log.info("broker_back", user=user)

    return await nats.connect(
        url,
        user=user,
        password=password,
        name=user,
        inbox_prefix=f"_INBOX.{user or 'anyone'}".encode(),
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.5,
        ping_interval=10,
        drain_timeout=5,
        error_cb=told,
        disconnected_cb=lost,
        reconnected_cb=back,
    )


async def forever(name: str, work: Callable[[], Awaitable[None]], pause: float = 1) -> None:
    """Keep a background loop alive: an outage is logged and outlived."""
    while True:
        try:
            await work()
        except Exception as error:
            log.warning("loop_failed", loop=name, error=describe(error))
        await asyncio.sleep(pause)


# --- Publishing -------------------------------------------------------------------------------


class Relay:
    """Moves committed outbox rows to JetStream, in order, at least once.

    One replica at a time: whoever holds the advisory lock of the database. No transaction is
    open across the network; a row is marked after JetStream has said that it stored the event,
    and `Nats-Msg-Id` makes a second sending harmless. `trouble` is why the oldest event is not
    stored now, in one line.
    """

    def __init__(self, dsn: str, js: JetStreamContext, stream: str, poll: float) -> None:
        self.dsn, self.js, self.stream, self.poll = dsn, js, stream, poll
        self.trouble: str | None = None

    async def run(self) -> None:
        async with await psycopg.AsyncConnection.connect(
            self.dsn, autocommit=True, application_name="relay"
        ) as connection:
            # To wait inside pg_advisory_lock() would hold back vacuum for as long.
            while not await self.is_ours(connection):  # noqa: ASYNC110 - another process's lock
                await asyncio.sleep(STANDBY_SECONDS)
            await connection.execute(f"LISTEN {CHANNEL}")
            while True:
                while await self.publish_batch(connection) == RELAY_BATCH:
                    pass
                async for _ in connection.notifies(timeout=self.poll, stop_after=1):
                    pass

    async def is_ours(self, connection: psycopg.AsyncConnection) -> bool:
        row = await (
            await connection.execute("SELECT pg_try_advisory_lock(%s)", [RELAY_LOCK])
        ).fetchone()
        return row is not None and bool(row[0])

    async def publish_batch(self, connection: psycopg.AsyncConnection) -> int:
        cursor = await connection.execute(
            "SELECT position, event_id, subject, body FROM messaging.outbox"
            " WHERE published_at IS NULL ORDER BY position LIMIT %s",
            [RELAY_BATCH],
        )
        rows = await cursor.fetchall()
        stored: list[int] = []
        try:
            for position, event_id, subject, body in rows:
                await self.send(event_id, subject, body)
                stored.append(position)
        finally:
            if stored:
                await connection.execute(
                    "UPDATE messaging.outbox SET published_at = now() WHERE position = ANY(%s)",
                    [stored],
                )
        return len(rows)

    async def send(self, event_id: UUID, subject: str, body: str) -> None:
        """Returns once JetStream has stored the event, however long the broker is away."""
        wait = 0.2
        while True:
            try:
                # Python 3.11 loses a cancellation that comes together with the broker's answer.
                await asyncio.shield(
                    self.js.publish(
                        subject,
                        body.encode(),
                        stream=self.stream,
                        timeout=PUBLISH_SECONDS,
                        headers={"Nats-Msg-Id": str(event_id)},
                    )
                )
            except BROKER_TROUBLE as error:
                self.hear(of_publishing(error))
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5)
            else:
                self.hear(None)
                PUBLISHED.labels(subject.rpartition(".")[0]).inc()
                return

    def hear(self, trouble: str | None) -> None:
        """The log is told of another one than the last, and of its end."""
        if trouble is not None and trouble != self.trouble:
            log.warning("publish_delayed", stream=self.stream, trouble=trouble)
        elif trouble is None and self.trouble is not None:
            log.info("publish_resumed", stream=self.stream)
        self.trouble = trouble


# --- Listening --------------------------------------------------------------------------------


class Subscriptions:
    """Which function handles which event, in one service."""

    def __init__(self) -> None:
        self.handlers: dict[str, tuple[type[Event], Handler[Any]]] = {}

    def on(self, event: type[E_]) -> Callable[[Handler[E_]], Handler[E_]]:
        def register(handler: Handler[E_]) -> Handler[E_]:
            if event.type in self.handlers:
                raise ValueError(f"{event.type} already has a handler")
            self.handlers[event.type] = (event, handler)
            return handler

        return register

    async def handle(self, session: AsyncSession, envelope: Envelope) -> None:
        """As one more step of what was being done when the event was announced."""
        event_type, handler = self.handlers[envelope.type]
        with tracing.span(
            f"handle {envelope.type}",
            tracing.SpanKind.CONSUMER,
            parent=tracing.parent_of(envelope.traceparent),
            attributes={"messaging.system": "nats", "messaging.message.id": str(envelope.id)},
        ):
            await handler(session, event_type.model_validate(envelope.data))


@dataclass(frozen=True)
class Delivery:
    """An event as it came from a stream."""

    envelope: Envelope
    stream: str
    position: int


async def deliver(
    session: AsyncSession,
    subscriptions: Subscriptions,
    consumer: str,
    deliveries: Sequence[Delivery],
) -> int:
    """Handle each event once, in the caller's transaction; returns how many were new.

    The inbox rows commit with the effects, so a redelivery changes nothing. Events are taken in
    the order of their aggregates, so that two replicas lock rows in one order.
    """
    known = [d for d in deliveries if d.envelope.type in subscriptions.handlers]
    if not known:
        return 0
    rows = [
        {
            "consumer": consumer,
            "event_id": d.envelope.id,
            "stream": d.stream,
            "position": d.position,
        }
        for d in sorted(known, key=lambda d: d.envelope.id)
    ]
    new = set(
        await session.scalars(
            postgresql.insert(InboxMessage)
            .values(rows)
            .on_conflict_do_nothing()
            .returning(InboxMessage.event_id)
        )
    )
    count = len(new)
    for delivery in sorted(known, key=lambda d: (d.envelope.subject, d.position)):
        if delivery.envelope.id in new:
            new.discard(delivery.envelope.id)  # the same event may be twice in one batch
            await subscriptions.handle(session, delivery.envelope)
            HANDLED.labels(delivery.envelope.type).inc()
    await session.flush()
    return count


class Consumer:
    """Handles what one service hears from one stream, in batches, through its durable."""

    def __init__(
        self,
        listening: Listening,
        subscriptions: Subscriptions,
        database: Database,
        js: JetStreamContext,
        *,
        batch: int = 100,
        retries: Sequence[float] = (1, 5, 30, 120, 600),
    ) -> None:
        self.name, self.stream = listening.service, stream_name(listening.to)
        self.subscriptions, self.database, self.js = subscriptions, database, js
        self.batch, self.retries = batch, tuple(retries)

    async def run(self) -> None:
        """Until the process has been asked to stop: what comes then is for the others."""
        subscription = await self.js.pull_subscribe_bind(durable=self.name, stream=self.stream)
        try:
            while not health.leaving.is_set():
                with suppress(TimeoutError):
                    await self.settle_or_give_back(await self.fetch(subscription))
        finally:
            with suppress(*BROKER_TROUBLE):
                await subscription.unsubscribe()
        await asyncio.Event().wait()  # or else it would be begun again

    async def fetch(self, subscription: JetStreamContext.PullSubscription) -> Sequence[Msg]:
        """Stopped while events arrive, it lets them come, and others are handed them."""
        before = subscription.delivered
        fetching = asyncio.create_task(subscription.fetch(self.batch, timeout=FETCH_SECONDS))
        try:
            return await asyncio.shield(fetching)
        except asyncio.CancelledError:
            arriving = subscription.delivered > before
            await asyncio.wait([fetching], timeout=ARRIVAL_SECONDS if arriving else 0)
            fetching.cancel()
            [fetched] = await asyncio.gather(fetching, return_exceptions=True)
            if not isinstance(fetched, BaseException):
                await self.give_back(fetched)
            raise

    async def settle_or_give_back(self, messages: Sequence[Msg]) -> None:
        try:
            await self.settle(messages)
        except asyncio.CancelledError:
            await self.give_back(messages)
            raise

    async def give_back(self, messages: Sequence[Msg]) -> None:
        """Others are handed what is not acknowledged at once, not after the ack wait."""
        for message in messages:
            if not message.is_acked:
                with suppress(*BROKER_TROUBLE):
                    await message.nak()

    async def settle(self, messages: Sequence[Msg]) -> None:
        """All in one transaction; if that fails, event by event."""
        if not messages:
            return
        try:
            await self.handle([self.read(message) for message in messages])
        except Exception as error:
            log.warning("batch_failed", consumer=self.name, error=describe(error))
            for message in messages:
                await self.settle_one(message)
        else:
            for message in messages:
                await message.ack()

    async def settle_one(self, message: Msg) -> None:
        while True:
            try:
                await self.handle([self.read(message)])
            except Exception as error:
                if is_passing(error):
                    # The event is not at fault: keep it and wait for the database.
                    log.warning("event_waits", consumer=self.name, error=describe(error))
                    await message.in_progress()
                    await asyncio.sleep(1)
                    continue
                with tracing.span("put off", parent=tracing.parent_of(step_of(message))):
                    await self.put_off(message, error)
                return
            await message.ack()
            return

    async def handle(self, deliveries: Sequence[Delivery]) -> None:
        async with self.database.transaction() as session:
            await deliver(session, self.subscriptions, self.name, deliveries)

    def read(self, message: Msg) -> Delivery:
        return Delivery(
            Envelope.model_validate_json(message.data),
            self.stream,
            message.metadata.sequence.stream,
        )

    async def put_off(self, message: Msg, error: Exception) -> None:
        """Try again after a pause that grows; at last set the event aside."""
        attempt = message.metadata.num_delivered or 1
        if attempt <= len(self.retries):
            RETRIED.labels(self.stream).inc()
            log.warning(
                "event_retried", subject=message.subject, attempt=attempt, error=describe(error)
            )
            await message.nak(delay=self.retries[attempt - 1])
            return
        PARKED.labels(self.stream).inc()
        log.error("event_parked", subject=message.subject, error=describe(error))
        await self.park(message, error, attempt)
        await message.ack()

    async def park(self, message: Msg, error: Exception, attempts: int) -> None:
        try:
            event_id: UUID | None = Envelope.model_validate_json(message.data).id
        except ValidationError:
            event_id = None
        async with self.database.transaction() as session:
            session.add(
                DeadLetter(
                    event_id=event_id,
                    stream=self.stream,
                    position=message.metadata.sequence.stream,
                    subject=message.subject,
                    body=message.data.decode(errors="replace").replace("\0", "�"),
                    error=describe(error),
                    attempts=attempts,
                )
            )


def step_of(message: Msg) -> str | None:
    """The step that announced this; nothing where somebody has published what is no event."""
    try:
        return Envelope.model_validate_json(message.data).traceparent
    except ValidationError:
        return None


def listenings_of(service: str) -> list[Listening]:
    return [listening for listening in LISTENINGS if listening.service == service]
