"""Whether a stream is what it was: decided from its numbers and from what was noted of it."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import structlog
from nats.js.api import StreamConfig, StreamInfo, StreamState
from sqlalchemy import select

from chassis.data.database import Database, new_id
from chassis.data.wire import Wire
from chassis.messaging.bus.losses import Known, OwnStream, is_as_known, is_lost_to
from chassis.messaging.outbox import KnownStream, OutboxMessage
from chassis.monitoring.loops import Stuck

CREATED = datetime(2026, 11, 2, 8, tzinfo=UTC)
LATER = CREATED + timedelta(days=1)


def stream(last: int, *, held: int | None = None, created: datetime = CREATED) -> StreamInfo:
    """One whose last event has this number; it holds the last so many, by default all."""
    messages = last if held is None else held
    state = StreamState(
        messages=messages, bytes=0, first_seq=last - messages + 1, last_seq=last, consumer_count=0
    )
    return StreamInfo(StreamConfig(name="A"), state, created=created)


@pytest.fixture
async def connection(database: Database) -> AsyncGenerator[psycopg.AsyncConnection]:
    dsn = database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        yield connection


async def forget(connection: psycopg.AsyncConnection) -> None:
    await connection.execute("TRUNCATE messaging.outbox, messaging.streams")


async def published(database: Database, *numbers: int | None) -> None:
    """Rows of the outbox that the stream has stored under these numbers."""
    async with database.transaction() as session:
        for number in numbers:
            session.add(
                OutboxMessage(
                    event_id=new_id(),
                    type="a",
                    subject="a.1",
                    body="{}",
                    published_at=LATER,
                    stored_as=number,
                )
            )


async def noted(database: Database) -> tuple[datetime, int, int] | None:
    async with database.transaction() as session:
        row = await session.get(KnownStream, "A")
    return (row.created_at, row.position, row.losses) if row else None


async def waiting(database: Database) -> int:
    """Rows that are to be published again, or for the first time."""
    where = OutboxMessage.published_at.is_(None), OutboxMessage.stored_as.is_(None)
    async with database.transaction() as session:
        return len((await session.scalars(select(OutboxMessage).where(*where))).all())


@dataclass
class Case:
    """`before` is noted, as is `seen` in this process; `held` is what NATS holds."""

    before: Known | None
    held: StreamInfo
    answer: int | None
    waiting: int
    position: int
    losses: int
    seen: int = 0
    stored: Sequence[int | None] = (1, 2, 3)


THREE = Known(CREATED, 3, losses=4)
CASES = {
    "as it was": Case(THREE, stream(3), None, 0, 3, 4),
    "longer": Case(THREE, stream(5), None, 0, 5, 4),
    "unknown and full": Case(None, stream(3), None, 0, 3, 0),
    "new": Case(None, stream(0), None, 0, 0, 0, stored=()),
    "unknown and empty": Case(None, stream(0), 0, 3, 0, 1),
    "shorter": Case(THREE, stream(1), 1, 2, 1, 5),
    "shorter, from before numbers": Case(THREE, stream(2), 2, 2, 2, 5, stored=(1, 3, None)),
    "shorter by what is not in the outbox": Case(THREE, stream(2), None, 0, 2, 4, stored=(1, 2)),
    "another": Case(THREE, stream(3, created=LATER), 0, 3, 3, 5),
    "another and longer": Case(THREE, stream(9, created=LATER), 0, 3, 9, 5),
    "emptied": Case(THREE, stream(3, held=0), 0, 3, 3, 5),
    "emptied and filled again": Case(THREE, stream(7, held=4), 0, 3, 7, 5, seen=3),
    "its oldest gone": Case(THREE, stream(7, held=5), None, 0, 7, 4, seen=3),
}


async def test_a_publisher_publishes_again_what_its_stream_has_lost(database, connection):
    for case in CASES.values():
        await forget(connection)
        await published(database, *case.stored)
        await publishes_again(database, connection, case)


async def publishes_again(
    database: Database, connection: psycopg.AsyncConnection, case: Case
) -> None:
    own = OwnStream("A")
    own.known, own.seen = case.before, case.seen
    await own.note(connection)
    with structlog.testing.capture_logs() as logs:
        assert await own.compare(connection, case.held) == case.answer
    assert await waiting(database) == case.waiting
    assert await noted(database) == (case.held.created, case.position, case.losses)
    assert own.known == Known(case.held.created or CREATED, case.position, case.losses)
    assert own.seen == (case.position if case.held.state.messages else 0)
    logged = [(line["event"], line["stream"], line["published_again"]) for line in logs]
    assert logged == ([] if case.answer is None else [("stream_was_lost", "A", case.waiting)])
    event = new_id()
    id = f"{event}.{case.losses}" if case.losses else str(event)
    assert (own.message_id(event), own.position) == (id, case.position)
    assert (
        await OwnStream("A").compare(connection, case.held) is None or not case.held.state.messages
    )


async def test_what_only_tables_hold_is_published_again_where_all_is_lost(database, connection):
    calls = []

    async def from_tables() -> int:
        calls.append(1)
        return 2

    own = OwnStream("A", from_tables)
    own.known = Known(CREATED, 3)
    await own.note(connection)
    assert await own.compare(connection, stream(2)) is None
    assert calls == []
    assert await own.compare(connection, stream(2, created=LATER)) == 0
    assert calls == [1]
    assert await noted(database) == (LATER, 2, 1)


async def test_what_was_stored_and_not_noted_yet_is_missed_too(database, connection):
    """And what another relay has noted meanwhile goes before what this one knew."""
    own = OwnStream("A")
    await own.compare(connection, stream(1))
    own.has_stored(3)
    own.has_stored(2)
    assert own.position == 3
    assert await own.compare(connection, stream(2)) == 2
    assert (own.position, await noted(database)) == (2, (CREATED, 2, 1))
    other = OwnStream("A")
    await other.compare(connection, stream(4))
    assert await own.compare(connection, stream(4)) is None
    own.has_stored(9)
    other.known = Known(LATER, 4, losses=1)
    await other.note(connection)
    assert await own.compare(connection, stream(4, created=LATER)) is None


async def test_rows_are_marked_with_their_numbers_and_nothing_is_noted_for_none(
    database, connection
):
    own = OwnStream("A")
    wire = Wire(connection)
    await own.mark_stored(wire, {1: 1})
    await own.compare(connection, stream(1))
    async with database.transaction() as session:
        session.add_all(
            OutboxMessage(event_id=new_id(), type="a", subject="a.1", body="{}") for _ in range(3)
        )
    own.has_stored(8)
    await own.mark_stored(wire, {})
    assert await noted(database) == (CREATED, 1, 0)
    await own.mark_stored(wire, {1: 7, 2: 8})
    assert await noted(database) == (CREATED, 8, 0)
    async with database.transaction() as session:
        rows = await session.scalars(select(OutboxMessage).order_by(OutboxMessage.position))
        assert [(row.stored_as, row.published_at is None) for row in rows] == [
            (7, False),
            (8, False),
            (None, True),
        ]


# What is noted, held and settled; whether that is as it was, whether it is lost; what is noted then.
HEARD = [
    (None, stream(3), 2, False, False, (CREATED, 2, 0)),
    (None, stream(0), 0, False, False, (CREATED, 0, 0)),
    (Known(CREATED, 2), stream(3), 2, True, False, (CREATED, 2, 0)),
    (Known(CREATED, 2), stream(2), 1, True, False, (CREATED, 2, 0)),
    (Known(CREATED, 2), stream(3), 3, False, False, (CREATED, 3, 0)),
    (Known(CREATED, 0), stream(0), 0, True, False, (CREATED, 0, 0)),
    (Known(CREATED, 2, 1), stream(1), 1, False, True, (CREATED, 0, 2)),
    (Known(CREATED, 2, 1), stream(3, created=LATER), 2, False, True, (LATER, 0, 2)),
]


def answering(info: StreamInfo) -> Callable[[], Awaitable[StreamInfo]]:
    async def ask() -> StreamInfo:
        return info

    return ask


async def test_a_listener_knows_another_stream_and_starts_again(database, connection):
    for before, held, settled, as_known, lost, after in HEARD:
        await forget(connection)
        own = OwnStream("A")
        own.known = before
        await own.note(connection)
        async with database.reading() as reader:
            assert await is_as_known(reader, "A", held, settled) is as_known
        async with database.transaction() as session:
            assert await is_lost_to(session, "A", answering(held), settled) is lost
        assert await noted(database) == after
        async with database.transaction() as session:
            row = await session.get_one(KnownStream, "A")
            assert (row.lost_at is not None) is lost
            assert not await is_lost_to(session, "A", answering(held), settled)


async def test_a_listener_waits_for_a_stream_that_is_empty_and_was_not(database, connection):
    own = OwnStream("A")
    own.known = Known(CREATED, 2)
    await own.note(connection)
    for empty in (stream(2, held=0), stream(0, created=LATER)):
        async with database.reading() as reader:
            assert not await is_as_known(reader, "A", empty, 0)
        with pytest.raises(Stuck, match=r"^the stream A of NATS is empty and was not: a publishes"):
            async with database.transaction() as session:
                await is_lost_to(session, "A", answering(empty), 0)
    assert await noted(database) == (CREATED, 2, 0)
