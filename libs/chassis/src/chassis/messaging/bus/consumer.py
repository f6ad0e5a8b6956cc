"""From JetStream to the handlers, through one durable consumer per service and stream."""

import asyncio
import time
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

import structlog
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import ConsumerInfo, StreamInfo
from nats.js.errors import NotFoundError
from pydantic import ValidationError

from chassis.cancelling import to_its_end
from chassis.data.database import Database
from chassis.messaging import streams
from chassis.messaging.bus.connecting import BROKER_ERRORS, Refusals, answered
from chassis.messaging.bus.handling import Delivery, Subscriptions, deliver
from chassis.messaging.bus.losses import is_as_known, is_lost_to
from chassis.messaging.bus.pulling import Pull
from chassis.messaging.outages import FORBIDDEN, is_no_stream, of_files, of_listening
from chassis.messaging.outbox import DeadLetter, position_settled
from chassis.monitoring import health, tracing
from chassis.monitoring.loops import Loop, Stuck
from chassis.monitoring.metrics import DEAD_LETTERED, LAG, RETRIED
from chassis.outages import describe, is_transient
from contracts.event import Envelope
from contracts.topology import LISTENINGS, Listening, stream_name

log = structlog.get_logger()

FETCH_SECONDS = 5  # how long one fetch waits for an event
QUIET_SECONDS = 10  # the same while no event waits: NATS reports a deleted durable at once
LOOK_SECONDS = 5  # how often a busy consumer measures its lag


class Consumer:
    """Handles the events of one stream in batches, through the service's durable consumer."""

    def __init__(
        self,
        listening: Listening,
        subscriptions: Subscriptions,
        database: Database,
        js: JetStreamContext,
        *,
        batch: int = 100,
        retries: Sequence[float] = (1, 5, 30, 120, 600),
        refusals: Refusals | None = None,
    ) -> None:
        self.name, self.stream = listening.service, stream_name(listening.to)
        self.types = listening.types
        self.subscriptions, self.database, self.js = subscriptions, database, js
        self.batch, self.retries = batch, tuple(retries)
        self.refusals = refusals or Refusals()
        self.loop = Loop(f"consumer {self.stream}")
        self.looked_at, self.starved = float("-inf"), 0
        self.is_quiet, self.has_fetched = False, False
        self.failures: dict[int, int] = {}  # how often handling failed, by position in the stream
        self.was_cut_off = asyncio.Event()

    async def run(self) -> None:
        """Run until the process is stopping: later events are for the other replicas."""
        pull = Pull(self.js._nc, self.stream, self.name)
        await pull.open()
        self.starved, self.has_fetched = 0, False
        try:
            await self.look(handled=0)  # so that the lag is known from the start
            while not health.leaving.is_set():
                await self.turn(pull)
        finally:
            await to_its_end(self.leave(pull))
        self.loop.report("left")
        self.loop.quiet = float("inf")
        await asyncio.Event().wait()  # a loop that returns is started again

    async def turn(self, pull: Pull) -> None:
        try:
            messages = await self.fetch(pull)
        except BROKER_ERRORS:  # also if no event came in time; `look` finds out which
            messages = []
        self.has_fetched = not self.is_forbidden(since=pull.requested_at)
        try:
            await self.settle(messages)
        except asyncio.CancelledError:
            # Not returned to NATS yet: while we still pull, it would deliver them to us again.
            pull.put_back(messages)
            raise
        if not messages or time.monotonic() - self.looked_at > LOOK_SECONDS:
            await self.look(handled=len(messages))

    async def look(self, handled: int) -> None:
        """Measure the lag, and check that NATS delivers what is waiting."""
        try:
            known = await answered(self.js.consumer_info(self.stream, self.name))
            info = await self.ask_stream()
        except NotFoundError as gone:
            if is_no_stream(gone):
                raise Stuck(of_listening(gone, self.stream)) from gone
            await self.make_durable()
            return
        except BROKER_ERRORS as error:
            LAG.labels(self.stream).set(float("nan"))
            raise Stuck(self.why(error)) from error
        if self.was_cut_off.is_set():
            await self.take_back(known)
            self.starved = 0
            self.loop.report("took back what was under way")
            return
        await self.compare(known, info)
        self.looked_at = time.monotonic()
        waiting, taken = known.num_pending or 0, known.num_ack_pending or 0
        LAG.labels(self.stream).set(waiting + taken)
        self.is_quiet = not (handled or waiting or taken)
        if self.is_forbidden():
            raise Stuck(self.why(TimeoutError()))
        is_starved = waiting and not handled and taken < streams.MAX_UNACKNOWLEDGED
        self.starved = self.starved + 1 if is_starved else 0
        if self.starved > 1:  # once may be an event that came after the fetch
            raise Stuck(f"NATS hands over none of the {waiting} events that wait: see its log")
        if self.loop.trouble and not self.has_fetched:
            return  # started again after trouble, which is over only when a fetch succeeds
        self.loop.report(f"handled {handled} events" if handled else "found nothing new")

    async def compare(self, known: ConsumerInfo, info: StreamInfo) -> None:
        """A stream that was lost is read again from its beginning; the inbox skips what was
        handled.
        """
        settled = known.ack_floor.stream_seq if known.ack_floor else 0
        try:
            is_known = await is_as_known(self.database.reader, self.stream, info, settled)
            if not is_known:
                await self.compare_thoroughly(settled)
            await answered(streams.prove_written(self.js, self.stream, self.name))
        except BROKER_ERRORS as error:
            raise Stuck(of_files(error, self.stream) or self.why(error)) from error

    async def compare_thoroughly(self, settled: int) -> None:
        async with self.database.transaction() as session:
            if await is_lost_to(session, self.stream, self.ask_stream, settled):
                await answered(streams.reset_durable(self.js, self.stream, self.name, 1))
                log.warning("stream_was_lost", stream=self.stream)

    async def take_back(self, known: ConsumerInfo) -> None:
        """Have unacknowledged events delivered again at once after a restart of NATS.

        Without a reset of the durable that happens only after ack_wait.
        """
        floor = known.ack_floor.stream_seq if known.ack_floor else 0
        if known.num_ack_pending:
            try:
                await answered(streams.reset_durable(self.js, self.stream, self.name, floor + 1))
            except BROKER_ERRORS as error:
                raise Stuck(self.why(error)) from error
        self.was_cut_off.clear()

    async def ask_stream(self) -> StreamInfo:
        return await answered(self.js.stream_info(self.stream))

    def is_forbidden(self, since: float = float("inf")) -> bool:
        return self.refusals.of(f".{self.stream}.{self.name}.", since)

    def why(self, error: Exception) -> str:
        if self.is_forbidden():
            return FORBIDDEN.format(what=f"read the stream {self.stream}")
        return of_listening(error, self.stream)

    async def make_durable(self) -> None:
        """Create the lost durable again, from the position up to which everything is settled."""
        try:
            async with self.database.transaction() as session:
                lost = await is_lost_to(session, self.stream, self.ask_stream, settled=0)
                settled = 0 if lost else await position_settled(session, self.name, self.stream)
            info = await self.ask_stream()
            # A stream that does not reach so far is another one.
            position = settled + 1 if settled <= info.state.last_seq else 1
            await answered(streams.ensure_durable(self.js, self.stream, self.name, self.types))
            await answered(streams.reset_durable(self.js, self.stream, self.name, position))
        except BROKER_ERRORS as error:
            raise Stuck(self.why(error)) from error
        log.warning("durable_made_again", stream=self.stream, position=position)
        self.loop.report("made its durable again")

    @property
    def fetch_seconds(self) -> float:
        return QUIET_SECONDS if self.is_quiet else FETCH_SECONDS

    async def fetch(self, pull: Pull) -> Sequence[Msg]:
        """The next events. If it is cancelled, it has taken none of them."""
        waiting = asyncio.create_task(pull.wait(self.batch, self.fetch_seconds))
        cut_off = asyncio.create_task(self.was_cut_off.wait())
        try:
            await asyncio.wait({waiting, cut_off}, return_when=asyncio.FIRST_COMPLETED)
            if cut_off.done():
                pull.forget_request()
            if waiting.done():
                waiting.result()
            return pull.take(self.batch)
        finally:
            waiting.cancel()
            cut_off.cancel()

    async def leave(self, pull: Pull) -> None:
        """Return unacknowledged events at once, so that other replicas need not wait for ack_wait."""
        for message in await pull.close():
            if not message.is_acked:
                with suppress(*BROKER_ERRORS):
                    await message.nak()

    async def settle(self, messages: Sequence[Msg]) -> None:
        """Handle them all in one transaction; if that fails, one by one."""
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
                self.failures.pop(message.metadata.sequence.stream, None)
                await message.ack()

    async def settle_one(self, message: Msg) -> None:
        while True:
            try:
                await self.handle([self.read(message)])
            except Exception as error:
                if is_transient(error):
                    # The event is not at fault: keep it and wait for the database.
                    self.loop.report_trouble(describe(error))
                    await message.in_progress()
                    await asyncio.sleep(1)
                    continue
                with tracing.span("put off", parent=tracing.parent_of(step_of(message))):
                    await self.put_off(message, error)
                return
            self.failures.pop(message.metadata.sequence.stream, None)
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
            message.metadata.timestamp,
        )

    async def put_off(self, message: Msg, error: Exception) -> None:
        """Retry after a growing pause; after the last one the event becomes a dead letter.

        This process counts the failures itself: an event that is delivered again because a replica
        or NATS was stopped has not failed.
        """
        position = message.metadata.sequence.stream
        attempt = self.failures[position] = self.failures.get(position, 0) + 1
        if attempt <= len(self.retries):
            RETRIED.labels(self.stream).inc()
            log.warning(
                "event_retried", subject=message.subject, attempt=attempt, error=describe(error)
            )
            await message.nak(delay=self.retries[attempt - 1])
            return
        DEAD_LETTERED.labels(self.stream).inc()
        log.error("event_parked", subject=message.subject, error=describe(error))
        await self.store_dead_letter(message, error, attempt)
        del self.failures[position]
        await message.ack()

    async def store_dead_letter(self, message: Msg, error: Exception, attempts: int) -> None:
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
    """The trace step in which this event was published; None for something that is no event."""
    try:
        return Envelope.model_validate_json(message.data).traceparent
    except ValidationError:
        return None


def listenings_of(service: str) -> list[Listening]:
    return [listening for listening in LISTENINGS if listening.service == service]
