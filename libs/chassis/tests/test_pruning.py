"""Old rows are deleted in batches; those that a restart or a lost stream needs stay."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, text, update

from chassis import pruning
from chassis.data.writing import flush_pending
from chassis.messaging.outbox import (
    CHANNEL,
    IdempotencyKey,
    InboxMessage,
    KnownStream,
    OutboxMessage,
    listen,
    publish,
)
from chassis.pruning import LOCK, AlreadyPruning, Prunable, prune
from chassis.settings import ServiceSettings
from contracts.event import Event
from contracts.topology import stream_name


class Named(Event, type="forgetting.named.v1", subject="id", personal=True):
    id: str
    name: str


class Counted(Event, type="forgetting.counted.v1", subject="id"):
    id: str


def settings(database, service="sales", **more) -> ServiceSettings:
    url = SecretStr(database.engine.url.render_as_string(hide_password=False))
    return ServiceSettings.model_validate({"service": service, "database_url": url, **more})


def id_of(at: datetime) -> UUID:
    return UUID(int=(int(at.timestamp() * 1_000) << 80) | uuid4().int >> 48)


async def put(database, event: Event, *, hours: float, published: bool = True) -> str:
    """Insert an event of so many hours ago; with `published`, NATS stored it at once."""
    at = datetime.now(UTC) - timedelta(hours=hours)
    async with database.transaction() as session:
        event_id = publish(session, event)
        await flush_pending(session)
        new_id = id_of(at)
        await session.execute(
            update(OutboxMessage)
            .where(OutboxMessage.event_id == event_id)
            .values(event_id=new_id, recorded_at=at, published_at=at if published else None)
        )
    return event.subject


async def forget_messaging(database, **more) -> str:
    prunable = await pruning.of_messaging(database, settings(database, **more))
    return await pruning.prune_all(database, prunable)


async def test_published_outbox_rows_are_deleted_those_with_names_sooner(database):
    month, day = 31 * 24, 25
    await put(database, Counted(id="old"), hours=month)
    await put(database, Named(id="old name", name="Ada"), hours=day)
    remaining = {
        await put(database, Counted(id="never stored"), hours=month, published=False),
        await put(database, Named(id="never stored name", name="A"), hours=month, published=False),
        await put(database, Counted(id="of yesterday"), hours=day),
        await put(database, Named(id="of this morning", name="Ada"), hours=3),
    }
    assert await forget_messaging(database) == "forgot 2 rows"
    async with database.transaction() as session:
        left = await session.scalars(select(OutboxMessage.subject))
        assert {subject.rpartition(".")[2] for subject in left} == remaining


async def test_inbox_rows_far_behind_their_stream_are_deleted(database):
    """The position from which a durable is made again is the same before and after."""
    stream, now = stream_name("identity"), datetime.now(UTC)
    ages = {1: 90, 2: 60, 3: 45, 4: 32, 5: 31.5, 6: 2, 7: 0.1}
    quiet = stream_name("catalog")
    async with database.transaction() as session:
        for name, positions in ((stream, ages), (quiet, {9: 70, 12: 60, 11: 59.5, 13: 58})):
            for position, days in positions.items():
                at = now - timedelta(days=days)
                session.add(
                    InboxMessage(
                        consumer="sales",
                        event_id=id_of(at),
                        stream=name,
                        position=position,
                        handled_at=at,
                    )
                )

    async def settled() -> list[int]:
        async with database.transaction() as session:
            return [
                await pruning.position_settled(session, "sales", each) for each in (stream, quiet)
            ]

    before = await settled()
    await forget_messaging(database)
    async with database.transaction() as session:
        left = set(await session.scalars(select(InboxMessage.position)))
    assert left == {6, 7, 12, 13}
    assert await settled() == before == [6, 12]


async def test_of_a_stream_that_was_lost_what_it_held_goes(database):
    """However high it stood there: the new one begins with one."""
    stream, now = stream_name("identity"), datetime.now(UTC)
    async with database.transaction() as session:
        lost_at = now - timedelta(days=40)
        session.add(KnownStream(name=stream, created_at=lost_at, position=3, lost_at=lost_at))
        for position, days in {900: 60, 1: 39, 2: 38, 3: 1}.items():
            at = now - timedelta(days=days)
            session.add(
                InboxMessage(
                    consumer="sales",
                    event_id=id_of(at),
                    stream=stream,
                    position=position,
                    handled_at=at,
                )
            )
    await forget_messaging(database)
    async with database.transaction() as session:
        assert set(await session.scalars(select(InboxMessage.position))) == {2, 3}


async def test_keys_stay_longer_than_any_draft(database):
    async with database.transaction() as session:
        for number, days in enumerate((7, 9)):
            session.add(
                IdempotencyKey(
                    caller_id=uuid4(),
                    route="/",
                    key_hash=bytes([number]),
                    fingerprint=b"",
                    made_at=datetime.now(UTC) - timedelta(days=days),
                )
            )
    assert await forget_messaging(database) == "forgot 1 rows"


MANY = Prunable("messaging.outbox", "published_at IS NULL", "position")


async def test_it_goes_in_batches_and_others_find_the_rows_free_between(database):
    async with database.transaction() as session:
        for number in range(7):
            publish(session, Counted(id=str(number)))
    assert await prune(database, MANY, batch=3) == 7
    async with database.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(OutboxMessage)) == 0


async def test_one_replica_at_a_time(database):
    async with database.transaction() as other:
        await other.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        with pytest.raises(AlreadyPruning):
            await prune(database, MANY)
        assert await pruning.prune_all(database, [MANY]) == "left it to another replica"


# --- Waking -----------------------------------------------------------------------------------


async def count_notifications(connection: psycopg.AsyncConnection, seconds: float) -> int:
    return len([None async for _ in connection.notifies(timeout=seconds, stop_after=1)])


async def test_a_commit_wakes_only_who_listens(database):
    """Also who begins to while the transaction runs: they wait for its end, and then read."""
    url = settings(database).database_url.get_secret_value().replace("+psycopg", "", 1)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(f"LISTEN {CHANNEL}")  # alone, this shows what is sent
        async with database.transaction() as session:
            publish(session, Counted(id="unheard"))
        assert await count_notifications(connection, 0.3) == 0

        async with database.transaction() as session:
            publish(session, Counted(id="meanwhile"))
            await flush_pending(session)
            listening = asyncio.create_task(listen(connection, CHANNEL))
            await asyncio.sleep(0.2)
            assert not listening.done()
        await listening
        for _ in range(2):
            async with database.transaction() as session:
                publish(session, Counted(id="heard"))
            assert await count_notifications(connection, 5) == 1
