"""From the outbox to JetStream."""

import asyncio
import time
from uuid import UUID

import psycopg
import structlog
from nats.js import JetStreamContext

from chassis.bus.connecting import BROKER_TROUBLE, Refusals, answered
from chassis.database import WATCHED
from chassis.loops import Loop, Stuck
from chassis.messaging import CHANNEL, listen
from chassis.metrics import PUBLISHED
from chassis.troubles import FORBIDDEN, of_publishing

log = structlog.get_logger()

RELAY_LOCK = 0x0B0C5
RELAY_BATCH = 200
STANDBY_SECONDS = 3
PUBLISH_SECONDS = 5
RENEW_SECONDS = 5
LEASE_SECONDS = 20  # longer than any step between two signs of life


class Relay:
    """Moves committed outbox rows to JetStream, in order, at least once.

    One replica at a time: whoever holds the advisory lock of the database, and shows every few
    seconds that it is alive; a process that is frozen loses it with its connection. No transaction
    is open across the network; a row is marked after JetStream has said that it stored the event,
    and `Nats-Msg-Id` makes a second sending harmless. `loop` says why the oldest event is not
    stored now, in one line.
    """

    def __init__(
        self,
        dsn: str,
        js: JetStreamContext,
        stream: str,
        poll: float,
        refusals: Refusals | None = None,
    ) -> None:
        self.dsn, self.js, self.stream, self.poll = dsn, js, stream, poll
        self.refusals = refusals or Refusals()
        self.loop = Loop("relay", quiet=60 + 2 * poll)
        self.renewed_at = time.monotonic()

    async def run(self) -> None:
        async with await psycopg.AsyncConnection.connect(
            self.dsn, autocommit=True, application_name="relay", **WATCHED
        ) as connection:
            # To wait inside pg_advisory_lock() would hold back vacuum for as long.
            while not await self.is_ours(connection):
                self.loop.did("left it to another replica")
                await asyncio.sleep(STANDBY_SECONDS)
            await listen(connection, CHANNEL)
            while True:
                while published := await self.publish_batch(connection):
                    self.loop.did(f"published {published} events")
                await self.look()
                await self.wait(connection)

    async def is_ours(self, connection: psycopg.AsyncConnection) -> bool:
        """Whoever has it and is frozen is let go of, for the next try."""
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
        """Any statement shows that we are alive; one fails if we were let go of."""
        if time.monotonic() - self.renewed_at > RENEW_SECONDS:
            await connection.execute("SELECT 1")
            self.renewed_at = time.monotonic()

    async def wait(self, connection: psycopg.AsyncConnection) -> None:
        """For a commit that announces something, or until it is time to look without one."""
        ends = time.monotonic() + self.poll
        while (left := ends - time.monotonic()) > 0:
            async for _ in connection.notifies(timeout=min(left, RENEW_SECONDS), stop_after=1):
                return
            await self.renew(connection)

    async def look(self) -> None:
        """A stream that is gone is told before somebody has something to announce."""
        try:
            await answered(self.js.stream_info(self.stream))
        except BROKER_TROUBLE as error:
            raise Stuck(self.why(error)) from error
        self.loop.did("found nothing to publish")

    def why(self, error: Exception) -> str:
        if self.refusals.of(f"{self.stream}."):
            return FORBIDDEN.format(what=f"publish to its stream {self.stream}")
        return of_publishing(error)

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
                await self.send(connection, event_id, subject, body)
                stored.append(position)
        finally:
            if stored:
                await connection.execute(
                    "UPDATE messaging.outbox SET published_at = now() WHERE position = ANY(%s)",
                    [stored],
                )
        return len(rows)

    async def send(
        self, connection: psycopg.AsyncConnection, event_id: UUID, subject: str, body: str
    ) -> None:
        """Returns once JetStream has stored the event, however long the broker is away."""
        wait = 0.2
        while True:
            await self.renew(connection)
            try:
                await answered(
                    self.js.publish(
                        subject,
                        body.encode(),
                        stream=self.stream,
                        timeout=PUBLISH_SECONDS,
                        headers={"Nats-Msg-Id": str(event_id)},
                    )
                )
            except BROKER_TROUBLE as error:
                self.loop.cannot(self.why(error))
                await asyncio.sleep(wait)
                wait = min(wait * 2, 5)
            else:
                self.loop.did("published an event")
                PUBLISHED.labels(subject.rpartition(".")[0]).inc()
                return
