"""What a session writes by the driver is in its transaction, in order, and whole or not at all."""

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime

import pytest
from psycopg.errors import DivisionByZero, UniqueViolation
from sqlalchemy import Insert, func, insert, select, text
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data.database import WATCHED, Database, Pool, new_id, refusing
from chassis.data.writing import (
    add_later,
    ending,
    reader_of,
    run_later,
    savepoint,
    wake_later,
)
from chassis.errors import Refusal
from chassis.messaging.outbox import KnownStream, OutboxMessage

SUBJECTS = select(OutboxMessage.subject).order_by(OutboxMessage.position)


def row(subject: str) -> dict[str, object]:
    return {"event_id": new_id(), "type": "a", "subject": subject, "body": "{}"}


async def test_rows_come_in_the_order_in_which_they_were_added(database: Database):
    async with database.transaction() as session:
        for subject in ("a.1", "a.2", "a.3"):
            add_later(session, OutboxMessage, row(subject))
    async with database.reading() as reader:
        assert await reader.scalars(SUBJECTS) == ["a.1", "a.2", "a.3"]


async def test_what_waits_and_what_the_session_holds_is_there_for_who_reads(database: Database):
    async with database.transaction() as session:
        session.add(OutboxMessage(**row("of the session, with 100 %")))
        add_later(session, OutboxMessage, row("later, with 100 % and %(name)s"))
        renamed = text("UPDATE messaging.inbox SET stream = 'b %%' WHERE stream = :old")
        run_later(session, renamed, {"old": "a"})
        reader = await reader_of(session)
        subjects = await reader.scalars(SUBJECTS)
        assert subjects == ["of the session, with 100 %", "later, with 100 % and %(name)s"]
        assert (await reader_of(session)) is reader


async def test_a_transaction_that_fails_leaves_nothing(database: Database):
    with suppress(RuntimeError):
        async with database.transaction() as session:
            add_later(session, OutboxMessage, row("a.1"))
            reader = await reader_of(session)
            assert await reader.scalar(select(func.count()).select_from(OutboxMessage)) == 1
            add_later(session, OutboxMessage, row("a.2"))
            raise RuntimeError
    async with database.reading() as reader:
        assert await reader.scalars(SUBJECTS) == []


async def test_who_reads_last_reads_what_is_committed(database: Database):
    count = select(func.count()).select_from(OutboxMessage)
    async with database.transaction() as session, database.reading() as other:
        add_later(session, OutboxMessage, row("a.1"))
        assert await (await reader_of(session)).scalar(count) == 1
        add_later(session, OutboxMessage, row("a.2"))
        assert await other.scalar(count) == 0
        assert await (await ending(session)).scalar(count) == 2
        assert await other.scalar(count) == 2

    async def write_twice(twice: dict[str, object]) -> None:
        async with database.transaction() as session:
            add_later(session, OutboxMessage, twice)
            add_later(session, OutboxMessage, twice)
            await (await ending(session)).scalar(count)

    with pytest.raises(UniqueViolation):
        await write_twice(row("a.3"))
    async with database.reading() as reader:
        assert await reader.scalar(count) == 2


async def test_a_savepoint_takes_back_what_was_added_in_it_and_nothing_else(database: Database):
    async def add_and_fail(session: AsyncSession, ask: str) -> None:
        async with savepoint(session):
            add_later(session, OutboxMessage, row("in one that fails"))
            await (await reader_of(session)).execute(text(ask))
            add_later(session, OutboxMessage, row("at its end"))
            raise LookupError

    async with database.transaction() as session:
        add_later(session, OutboxMessage, row("before"))
        with suppress(DivisionByZero):
            await add_and_fail(session, "SELECT 1 / 0")
        with suppress(LookupError):
            await add_and_fail(session, "SELECT 1")
        async with savepoint(session):
            add_later(session, OutboxMessage, row("in one that holds"))
    async with database.reading() as reader:
        assert await reader.scalars(SUBJECTS) == ["before", "in one that holds"]


async def test_a_loop_is_woken_by_what_is_committed_alone(database):
    woken = []
    database.wakers["a loop"] = lambda: woken.append("woken")

    async def fail() -> None:
        async with database.transaction() as session:
            wake_later(session, "a loop")
            await session.execute(text("SELECT 1"))
            raise LookupError

    with suppress(LookupError):
        await fail()
    async with database.transaction() as session:
        wake_later(session, "a loop")
        wake_later(session, "another")
        await session.execute(text("SELECT 1"))
        assert woken == []
    assert woken == ["woken"]


async def test_connections_that_nobody_uses_are_closed(database):
    async def at_once(many: int) -> None:
        async with AsyncExitStack() as used:
            for _ in range(many):
                await used.enter_async_context(database.reading())

    await at_once(4)
    assert await database.close_idle(60) == 0
    begun = time.monotonic()
    await at_once(2)
    assert await database.close_idle(time.monotonic() - begun) == 2
    assert database.engine.pool.checkedin() == 2
    await at_once(4)
    assert await database.close_idle(0) == 4
    await at_once(1)


async def test_a_connection_is_bounded_in_all_it_does(database):
    """Nothing hangs: not a statement, a lock, a transaction, nor a server that vanishes."""
    named = Database(database.engine.url.render_as_string(hide_password=False), name="depot")
    shown = {
        "application_name": "depot",
        "lock_timeout": "5s",
        "statement_timeout": "15s",
        "idle_in_transaction_session_timeout": "30s",
    }
    async with named.reading() as reader:
        for name, value in shown.items():
            assert await reader.scalar(text(f"SHOW {name}")) == value
        connection = reader.wire.connection
        given = connection.info.get_parameters()
        assert {name: given[name] for name in WATCHED} == {
            name: str(value) for name, value in WATCHED.items()
        }
        assert connection.prepare_threshold is None
    pool = named.engine.pool
    assert isinstance(pool, Pool)
    assert (named.most, pool.size(), pool.timeout(), pool._recycle) == (10, 5, 2, 1800)
    with pytest.raises(DataError, match="division by zero") as refused:
        async with named.transaction() as session:
            await session.execute(text("SELECT 1 / 0, :secret"), {"secret": "of somebody"})
    assert "of somebody" not in str(refused.value)
    async with named.transaction() as session:  # as before, since nothing is reset
        assert await session.scalar(text("SELECT 1")) == 1
    await named.close()


async def test_the_violation_that_is_named_is_a_refusal_and_no_other(database):
    class Taken(Refusal):
        code = "taken"

    async def write(session: AsyncSession, statement: Insert) -> None:
        await session.execute(statement)

    async def write_straight(session: AsyncSession, statement: Insert) -> None:
        await (await reader_of(session)).execute(statement)

    async def twice(constraint: str, write: Callable[..., Awaitable[None]]) -> None:
        row = {"name": "A", "created_at": datetime.now(UTC), "position": 1}
        async with database.transaction() as session:
            with refusing(constraint, Taken("somebody has it")):
                await write(session, insert(KnownStream).values(row))
                await write(session, insert(KnownStream).values(row))

    with pytest.raises(Taken):
        await twice("pk_streams", write)
    with pytest.raises(Taken):
        await twice("pk_streams", write_straight)
    with pytest.raises(IntegrityError):
        await twice("another", write)
    with pytest.raises(UniqueViolation):
        await twice("another", write_straight)
