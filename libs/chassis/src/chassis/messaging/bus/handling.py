"""Registers handlers by event type, and handles each event once."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data.writing import reader_of
from chassis.messaging.outbox import SCHEMA
from chassis.monitoring import tracing
from chassis.monitoring.metrics import HANDLED
from contracts.event import Envelope, Event

E_ = TypeVar("E_", bound=Event)
Handler = Callable[[AsyncSession, E_], Awaitable[None]]


NEW = text(f"""
    INSERT INTO {SCHEMA}.inbox (consumer, event_id, stream, position)
    SELECT CAST(:consumer AS text), * FROM unnest(
        CAST(:ids AS uuid[]), CAST(:streams AS text[]), CAST(:positions AS bigint[]))
    ON CONFLICT DO NOTHING RETURNING event_id
""")  # noqa: S608 - a constant
STORED_AT = "stored_at"  # in `session.info`: when the event that is handled reached its stream


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
        """Handle it as a step of the trace in which the event was published."""
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
    """An event as received from a stream."""

    envelope: Envelope
    stream: str
    position: int
    stored_at: datetime | None = None  # by the broker's clock; where it is known


async def deliver(
    session: AsyncSession,
    subscriptions: Subscriptions,
    consumer: str,
    deliveries: Sequence[Delivery],
) -> int:
    """Handle each event once, in the caller's transaction; returns how many were new.

    The inbox rows commit with the effects, so a redelivery changes nothing. Events are sorted by
    aggregate, so that two replicas lock rows in the same order.
    """
    known = [d for d in deliveries if d.envelope.type in subscriptions.handlers]
    if not known:
        return 0
    rows = sorted(known, key=lambda d: d.envelope.id)
    values = {
        "consumer": consumer,
        "ids": [d.envelope.id for d in rows],
        "streams": [d.stream for d in rows],
        "positions": [d.position for d in rows],
    }
    new = set((await (await reader_of(session)).execute(NEW, values)).scalars())
    count = len(new)
    for delivery in sorted(known, key=lambda d: (d.envelope.subject, d.position)):
        if delivery.envelope.id in new:
            new.discard(delivery.envelope.id)  # the same event may be twice in one batch
            session.info[STORED_AT] = delivery.stored_at
            await subscriptions.handle(session, delivery.envelope)
            HANDLED.labels(delivery.envelope.type).inc()
    await session.flush()
    return count
