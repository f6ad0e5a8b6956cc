"""Publishes the outbox to JetStream."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple
from uuid import UUID

import psycopg
import structlog
from nats.js import JetStreamContext
from nats.js.api import PubAck
from nats.js.errors import APIError

from chassis.data.database import LOCK_LIMIT, WATCHED
from chassis.data.wire import RawStatement, Wire
from chassis.messaging import streams
from chassis.messaging.bus.connecting import BROKER_ERRORS, Refusals, answered
from chassis.messaging.bus.losses import RENEW_SECONDS, OwnStream
from chassis.messaging.outages import FORBIDDEN, of_files, of_publishing
from chassis.messaging.outbox import CHANNEL, Listener, listen
from chassis.monitoring.loops import Loop, Stuck
from chassis.monitoring.metrics import PUBLISHED

log = structlog.get_logger()

RELAY_LOCK = 0x0B0C5
RELAY_BATCH = 200
IN_FLIGHT = 50  # events sent before the first of them is acknowledged
STANDBY_SECONDS = 3
PUBLISH_SECONDS = 5
LOOK_SECONDS = 9  # how often it looks whether its stream is what it was
ELSEWHERE = 10071  # of JetStream: the stream does not end where we believed
LEASE_SECONDS = 20  # longer than any step between two signs of life


UNPUBLISHED = RawStatement(
    "SELECT position, event_id, subject, body FROM messaging.outbox"
    " WHERE published_at IS NULL ORDER BY position LIMIT %(most)s",
    {"most": RELAY_BATCH},
)


class Row(NamedTuple):
    """A row of the outbox."""

    position: int
    event_id: UUID
    subject: str
    body: str


class Lost(Exception):
    """The stream holds nothing after this number: publish what is missing first."""

    def __init__(self, last: int) -> None:
        self.last = last


class Relay:
    """Publishes committed outbox rows to JetStream, in order, at least once.

    One replica at a time: the one that holds the database's advisory lock and sends a heartbeat
    every few seconds; a frozen process loses it with its connection. No transaction is open across
    the network: a row is marked after JetStream has acknowledged the event, and `Nats-Msg-Id` makes
    sending it twice harmless. `loop` reports in one line why the oldest event cannot be stored.

    Each event is stored directly after its predecessor or not at all: in a stream that has lost
    events, nothing new comes before what is missing, which is published again.
    """

    def __init__(
        self,
        dsn: str,
        js: JetStreamContext,
        stream: str,
        poll: float,
        *,
        refusals: Refusals | None = None,
        from_tables: Callable[[], Awaitable[int]] | None = None,
    ) -> None:
        self.dsn, self.js, self.stream, self.poll = dsn, js, stream, poll
        self.refusals = refusals or Refusals()
        self.own = OwnStream(stream, from_tables)
        self.looked_at = float("-inf")
        self.loop = Loop("relay", quiet=60 + 2 * poll)
        self.renewed_at = time.monotonic()

    async def run(self) -> None:
        async with await Listener.connect(
            # No statement_timeout: a whole outbox may have to be marked.
            self.dsn,
            autocommit=True,
            application_name="relay",
            options=LOCK_LIMIT,
            **WATCHED,
        ) as connection:
            # To wait inside pg_advisory_lock() would hold back vacuum for as long.
            while not await self.is_ours(connection):
                self.loop.report("left it to another replica")
                await asyncio.sleep(STANDBY_SECONDS)
            await listen(connection, CHANNEL)
            wire = Wire(connection)
            while True:
                if time.monotonic() - self.looked_at > LOOK_SECONDS:
                    await self.look(connection)
                while await self.publish_batch(wire):
                    pass
                await self.wait(connection)

    async def is_ours(self, connection: psycopg.AsyncConnection) -> bool:
        """Whether we hold the lock; a frozen holder is disconnected, for the next attempt."""
        row = await (
            await connection.execute("SELECT pg_try_advisory_lock(%s)", [RELAY_LOCK])
        ).fetchone()
        if row is not None and row[0]:
            self.renewed_at = time.monotonic()
            return True
        ended = await connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks JOIN pg_stat_activity USING (pid)"
            " WHERE locktype = 'advisory' AND granted AND classid = 0 AND objid = %s"
            " AND datname = current_database() AND state = 'idle'"
            " AND clock_timestamp() - state_change > make_interval(secs => %s)",
            [RELAY_LOCK, LEASE_SECONDS],
        )
        if ended.rowcount:
            log.warning("relay_was_frozen", stream=self.stream)
        return False

    async def renew(self, connection: psycopg.AsyncConnection) -> None:
        """The heartbeat: any statement does; it fails if we were disconnected."""
        if time.monotonic() - self.renewed_at > RENEW_SECONDS:
            await connection.execute("SELECT 1")
            self.renewed_at = time.monotonic()

    async def wait(self, connection: psycopg.AsyncConnection) -> None:
        """For a commit that publishes something, or until the next heartbeat is due."""
        came = False
        while connection.pgconn.notifies():  # with answers to the wire
            came = True
        if came:
            return
        async for _ in connection.notifies(timeout=min(self.poll, RENEW_SECONDS), stop_after=1):
            return

    async def look(self, connection: psycopg.AsyncConnection) -> None:
        """Check that the stream exists, can be written, and holds what was stored."""
        try:
            await self.compare(connection)
            await answered(streams.prove_written(self.js, self.stream, self.stream.lower()))
        except BROKER_ERRORS as error:
            raise Stuck(self.why(error)) from error
        self.looked_at = time.monotonic()
        self.loop.report("found its stream as it was")

    async def compare(self, connection: psycopg.AsyncConnection) -> int | None:
        return await self.own.compare(connection, await answered(self.js.stream_info(self.stream)))

    def why(self, error: Exception) -> str:
        if self.refusals.of(f"{self.stream}."):
            return FORBIDDEN.format(what=f"publish to its stream {self.stream}")
        return of_files(error, self.stream) or of_publishing(error)

    async def publish_batch(self, wire: Wire) -> bool:
        """Whether there may be more; a commit from now on wakes us."""
        connection = wire.connection
        [found] = await wire.run([UNPUBLISHED])
        rows = [Row(*row) for row in found]
        stored: dict[int, int] = {}
        try:
            while waiting := rows[len(stored) :]:
                if len(waiting) > 1:
                    await self.send_several(connection, waiting[:IN_FLIGHT], stored)
                if waiting := rows[len(stored) :]:
                    stored[waiting[0].position] = await self.send(connection, waiting[0])
        except Lost as lost:
            stored = {row: number for row, number in stored.items() if number <= lost.last}
        finally:
            await self.own.mark_stored(wire, stored)
        if stored:
            self.loop.report(f"published {len(stored)} events")
        return len(rows) == RELAY_BATCH or len(stored) < len(rows)

    async def send_several(
        self, connection: psycopg.AsyncConnection, rows: Sequence[Row], stored: dict[int, int]
    ) -> None:
        """The events that were stored before the first failure, sent without waiting for each in
        turn.

        Each names its predecessor's number, so that nothing is stored after one that failed.
        """
        await self.renew(connection)
        behind = self.own.position
        sending = [asyncio.create_task(self.publish(row, behind + n)) for n, row in enumerate(rows)]
        for row, answer in zip(
            rows, await answered(asyncio.gather(*sending, return_exceptions=True)), strict=True
        ):
            if isinstance(answer, BROKER_ERRORS):
                return
            if isinstance(answer, BaseException):
                raise answer
            stored[row.position] = self.has_stored(row, answer)

    async def publish(self, row: Row, behind: int) -> PubAck:
        return await self.js.publish(
            row.subject,
            row.body.encode(),
            stream=self.stream,
            timeout=PUBLISH_SECONDS,
            headers={
                "Nats-Msg-Id": self.own.message_id(row.event_id),
                "Nats-Expected-Last-Sequence": str(behind),
            },
        )

    def has_stored(self, row: Row, answer: PubAck) -> int:
        self.own.has_stored(answer.seq)
        self.loop.report("published an event")
        if not answer.duplicate:
            PUBLISHED.labels(row.subject.rpartition(".")[0]).inc()
        return answer.seq

    async def send(self, connection: psycopg.AsyncConnection, row: Row) -> int:
        """The event's number in the stream, once it is stored, however long the broker is away.

        Raises Lost where events that were stored before it are missing.
        """
        wait = 0.2
        while True:
            await self.renew(connection)
            try:
                answer = await answered(self.publish(row, self.own.position))
            except BROKER_ERRORS as error:
                if isinstance(error, APIError) and error.err_code == ELSEWHERE:
                    if (last := await self.compare(connection)) is not None:
                        raise Lost(last) from error
                    continue  # stored by another publisher, or by us, the acknowledgement lost
                self.loop.report_trouble(self.why(error))
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5)
            else:
                return self.has_stored(row, answer)
