"""Detects a stream that has lost events, and repairs it.

NATS numbers a stream's events and knows when it was created. A publisher remembers both for its own
stream, a consumer for those it reads: if they do not match, the stream is a new one or lost its
tail.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from uuid import UUID

import psycopg
import structlog
from nats.js.api import StreamInfo
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data.reading import Reader
from chassis.data.wire import RawStatement, Wire
from chassis.messaging.outbox import SCHEMA
from chassis.monitoring.loops import Stuck

log = structlog.get_logger()

RENEW_SECONDS = 5  # how often a relay shows its database that it is alive
EMPTY = "the stream {stream} of NATS is empty and was not: {publisher} publishes it again by itself"


def created(info: StreamInfo) -> datetime:
    """When the stream was created, which NATS reports of every stream."""
    if info.created is None:
        raise ValueError("NATS reports a stream without a creation time")
    return info.created


@dataclass(frozen=True)
class Known:
    """The last known state of a stream."""

    created_at: datetime
    position: int
    losses: int = 0

    def is_another(self, info: StreamInfo) -> bool:
        return info.created != self.created_at

    def is_shorter(self, info: StreamInfo) -> bool:
        return info.state.last_seq < self.position

    def is_gone(self, info: StreamInfo) -> bool:
        """Whether it has lost all events that it had."""
        return self.is_another(info) or (self.position > 0 and not info.state.messages)


KNOWN = f"SELECT created_at, position, losses FROM {SCHEMA}.streams WHERE name ="  # noqa: S608 - a constant
KNOWN_STREAM, LOCK_STREAM = text(f"{KNOWN} :name"), text(f"{KNOWN} :name FOR UPDATE")
NOTE = f"""
    INSERT INTO {SCHEMA}.streams (name, created_at, position, losses)
    VALUES (%(name)s, %(created_at)s, %(position)s, %(losses)s)
    ON CONFLICT (name) DO UPDATE SET created_at = excluded.created_at,
        position = excluded.position, losses = excluded.losses
"""  # noqa: S608 - a constant
MARK_STORED = f"""
    WITH noted AS ({NOTE})
    UPDATE {SCHEMA}.outbox SET published_at = now(), stored_as = stored.number
    FROM unnest(%(rows)s::bigint[], %(numbers)s::bigint[]) AS stored (position, number)
    WHERE outbox.position = stored.position
"""  # noqa: S608 - a constant


class OwnStream:
    """The publisher's stream: the number of the last stored event, and what was lost.

    `from_tables` publishes events again that are no longer in the outbox, before those that are.
    """

    def __init__(self, name: str, from_tables: Callable[[], Awaitable[int]] | None = None) -> None:
        self.name, self.from_tables = name, from_tables
        self.known: Known | None = None
        self.seen = 0  # the position of its last event at the last check

    @property
    def position(self) -> int:
        return self.known.position if self.known else 0

    def message_id(self, event_id: UUID) -> str:
        """The id by which NATS drops duplicates; changes with each loss, so that lost events are
        accepted.
        """
        losses = self.known.losses if self.known else 0
        return f"{event_id}.{losses}" if losses else str(event_id)

    async def compare(self, connection: psycopg.AsyncConnection, info: StreamInfo) -> int | None:
        """None if the stream holds what was stored, else the number of its last event.

        Everything after that is marked in the outbox to be published again.
        """
        row = await (await connection.execute(f"{KNOWN} %s", [self.name])).fetchone()
        known = noted = Known(*row) if row else None
        own = self.known
        if known and own and (known.created_at, known.losses) == (own.created_at, own.losses):
            known = replace(known, position=max(known.position, own.position))
        is_unnoted = known != noted  # stored by a batch that has not been noted yet
        is_new = known is None and not info.state.messages
        is_emptied = self.seen and info.state.first_seq > self.seen
        is_whole = is_new or is_emptied or (known is not None and known.is_gone(info))
        is_part = known is not None and known.is_shorter(info)
        lost = 0
        if is_whole and self.from_tables:
            lost = await alive_meanwhile(connection, self.from_tables())
        has_lost_unnoted = is_unnoted and (is_whole or is_part)
        async with connection.transaction():
            if is_whole or is_part:
                lost += await self.mark(connection, None if is_whole else info.state.last_seq)
            losses = (known.losses if known else 0) + (1 if lost or has_lost_unnoted else 0)
            self.known = Known(created(info), info.state.last_seq, losses)
            self.seen = info.state.last_seq if info.state.messages else 0
            await self.note(connection)
        if lost or has_lost_unnoted:
            log.warning("stream_was_lost", stream=self.name, published_again=lost)
            return 0 if is_whole else info.state.last_seq
        return None

    async def mark(self, connection: psycopg.AsyncConnection, behind: int | None) -> int:
        """All of it, or what was stored behind this number, or before numbers were remembered."""
        marked = await connection.execute(
            f"UPDATE {SCHEMA}.outbox SET published_at = NULL, stored_as = NULL"  # noqa: S608 - a constant
            " WHERE published_at IS NOT NULL AND (%(all)s OR coalesce(stored_as > %(behind)s, true))",
            {"all": behind is None, "behind": behind or 0},
        )
        return marked.rowcount

    async def note(self, connection: psycopg.AsyncConnection) -> None:
        """Store what is known of the stream, for the next relay."""
        if self.known is not None:
            await connection.execute(NOTE, self.noted())

    async def mark_stored(self, wire: Wire, stored: Mapping[int, int]) -> None:
        """These rows of the outbox have these numbers in the stream; with what is known of it."""
        if stored and self.known is not None:
            values = {"rows": list(stored), "numbers": list(stored.values())}
            await wire.run([RawStatement(MARK_STORED, values | self.noted())])

    def noted(self) -> dict[str, object]:
        return {"name": self.name, **({} if self.known is None else asdict(self.known))}

    def has_stored(self, position: int) -> None:
        if self.known and position > self.known.position:
            self.known = replace(self.known, position=position)


async def alive_meanwhile(connection: psycopg.AsyncConnection, work: Awaitable[int]) -> int:
    """Many tables take longer than a relay may be silent before another one takes its place."""
    working = asyncio.ensure_future(work)
    try:
        while not working.done():
            await asyncio.wait({working}, timeout=RENEW_SECONDS)
            await connection.execute("SELECT 1")
        return working.result()
    finally:
        working.cancel()


async def is_as_known(reader: Reader, stream: str, info: StreamInfo, settled: int) -> bool:
    """Whether the stream is unchanged, so that `is_lost_to` has nothing to do: the usual case."""
    row = (await reader.execute(KNOWN_STREAM, {"name": stream})).one_or_none()
    if row is None:
        return False
    known = Known(*row)
    has_all = not (known.is_another(info) or known.is_shorter(info))
    return has_all and settled <= known.position and bool(info.state.messages or not known.position)


async def is_lost_to(
    session: AsyncSession, stream: str, ask: Callable[[], Awaitable[StreamInfo]], settled: int
) -> bool:
    """Whether the stream is another one than this consumer knew; it is remembered from now on.

    `settled` is the position up to which everything was handled. NATS is asked once the row is
    locked: an older answer may end before what another replica has noted since. Raises Stuck while
    the stream is still empty.
    """
    row = (await session.execute(LOCK_STREAM, {"name": stream})).one_or_none()
    known, info = Known(*row) if row else None, await ask()
    if known and known.position and not info.state.messages:
        raise Stuck(EMPTY.format(stream=stream, publisher=stream.lower()))
    lost = known is not None and (known.is_another(info) or known.is_shorter(info))
    if lost or known is None or settled > known.position:
        await session.execute(
            text(f"""
                INSERT INTO {SCHEMA}.streams AS known (name, created_at, position)
                VALUES (:name, :created_at, :position)
                ON CONFLICT (name) DO UPDATE SET
                    created_at = excluded.created_at, position = excluded.position,
                    losses = known.losses + :losses,
                    lost_at = CASE WHEN :losses > 0 THEN now() ELSE known.lost_at END
            """),  # noqa: S608 - a constant
            {
                "name": stream,
                "created_at": info.created,
                "position": 0 if lost else settled,
                "losses": int(lost),
            },
        )
    return lost
