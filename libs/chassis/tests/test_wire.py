"""Statements that are sent together: their order, their failures, what stays prepared."""

import asyncio
import contextlib
import os
import signal

import psycopg
import pytest
from sqlalchemy import bindparam, func, literal_column, select, text

from chassis.data import wire
from chassis.data.database import Database, new_id
from chassis.data.reading import Part, Question
from chassis.data.writing import add_later, reader_of
from chassis.messaging.outbox import OutboxMessage

ADD = text("INSERT INTO messaging.inbox (consumer, event_id, stream, position)"
           " VALUES ('c', :id, 's', 1)")  # fmt: skip
COUNT = select(func.count()).select_from(OutboxMessage)
ADDED = text("SELECT count(*) FROM messaging.inbox")
PREPARED = text("SELECT count(*) FROM pg_prepared_statements")
NUMBER = text("SELECT CAST(:n AS int) AS n")


async def test_each_sees_what_the_one_before_has_written_and_answers_in_turn(database: Database):
    async with database.reading() as reader:
        _, one, _, two = await reader.together(
            Part(ADD, {"id": new_id()}), Part(ADDED, {}), Part(ADD, {"id": new_id()}), Part(ADDED, {})
        )  # fmt: skip
        assert (one.scalar_one(), two.scalar_one()) == (1, 2)
        first = Question([Part(NUMBER, {"n": 1}), Part(NUMBER, {"n": 2})], lambda *rows: rows)
        second = Question([Part(NUMBER, {"n": 3})], lambda rows: rows.scalar_one())
        [one], [two] = await reader.ask(first)
        assert (one.n, two.n) == (1, 2)
        assert (await reader.ask_all(first, second))[1] == 3


async def test_one_that_fails_leaves_nothing_of_its_batch_and_a_connection_that_works(database):
    async with database.reading() as reader:
        for _ in range(2 * wire.PREPARED_AFTER):  # also once it is prepared
            with pytest.raises(psycopg.errors.DivisionByZero):
                await reader.together(
                    Part(ADD, {"id": new_id()}),
                    Part(select(literal_column("1 / 0")), {}),
                    Part(ADD, {"id": new_id()}),
                )
        assert await reader.scalar(ADDED) == 0


async def test_values_that_cannot_be_sent_cost_no_connection(database: Database):
    async with database.reading() as reader:
        pid = await reader.scalar(text("SELECT pg_backend_pid()"))
        with pytest.raises(psycopg.DataError):
            await reader.scalar(text("SELECT CAST(:text AS text)"), {"text": "a\0b"})
        assert await reader.scalar(text("SELECT pg_backend_pid()")) == pid


async def test_what_is_often_asked_is_prepared_and_not_too_much_of_it(database, monkeypatch):
    monkeypatch.setattr(wire, "MAX_PREPARED", 10)
    async with database.reading() as reader:
        for n in range(30):
            for _ in range(wire.PREPARED_AFTER + 2):
                statement = text(f"SELECT {n} + CAST(:n AS int)")
                assert await reader.scalar(statement, {"n": n}) == 2 * n
        assert await reader.scalar(PREPARED) == 10


async def read_and_fail(database: Database, n: int) -> None:
    async with database.transaction() as session:
        assert await (await reader_of(session)).scalar(NUMBER, {"n": n}) == n
        await session.execute(text("SELECT 1"))
        raise RuntimeError


async def test_a_rollback_forgets_nothing_that_is_prepared(database: Database):
    for n in range(2 * wire.PREPARED_AFTER):
        with pytest.raises(RuntimeError):
            await read_and_fail(database, n)


async def test_more_than_fits_into_a_socket_goes_there_and_back(database: Database):
    long = "é" * 5_000_000
    async with database.reading() as reader:
        again = await reader.scalar(select(bindparam("text")), {"text": long})
        assert again == long


async def announce_twice(database: Database) -> None:
    same = {"event_id": new_id(), "type": "a", "subject": "a.1", "body": "{}"}
    async with database.transaction() as session:
        add_later(session, OutboxMessage, same)
        add_later(session, OutboxMessage, same)


async def test_a_deferred_write_that_fails_at_commit_is_raised_and_rolled_back(database: Database):
    with pytest.raises(psycopg.errors.UniqueViolation):
        await announce_twice(database)
    async with database.reading() as reader:
        assert await reader.scalar(COUNT) == 0


async def test_a_connection_that_postgresql_ends_says_why(database: Database):
    async with database.reading() as reader:
        with pytest.raises(psycopg.errors.AdminShutdown):
            await reader.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    async with database.reading() as reader:
        assert await reader.scalar(COUNT) == 0


async def end_in_transaction(database: Database) -> None:
    async with database.transaction() as session:
        await (await reader_of(session)).execute(
            text("SELECT pg_terminate_backend(pg_backend_pid())")
        )


async def test_in_a_transaction_it_says_so_too(database: Database):
    with pytest.raises(psycopg.errors.AdminShutdown):
        await end_in_transaction(database)


@pytest.mark.parametrize("times", [1, 2])
async def test_whoever_is_cancelled_stays_so_however_often(database: Database, times):
    async def slow() -> None:
        async with database.transaction() as session:
            await (await reader_of(session)).execute(text("SELECT pg_sleep(30)"))

    task = asyncio.create_task(slow())
    await asyncio.sleep(0.2)
    for _ in range(times):
        task.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await task
    async with database.reading() as reader:
        working = text("SELECT count(*) FROM pg_stat_activity"
                       " WHERE state = 'active' AND query LIKE '%pg_sleep(30)'")  # fmt: skip
        assert await reader.scalar(working) == 0


async def test_one_that_cannot_be_taken_back_is_ended_and_its_reader_cancelled(
    database: Database, monkeypatch
):
    monkeypatch.setattr(wire, "CANCEL_SECONDS", 0.2)

    async def slow() -> None:
        async with database.reading() as reader:
            pids.append(await reader.scalar(text("SELECT pg_backend_pid()")))
            os.kill(pids[0], signal.SIGSTOP)
            await reader.execute(text("SELECT 1"))

    pids: list[int] = []
    task = asyncio.create_task(slow())
    while not pids:  # noqa: ASYNC110 - a list tells nobody
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)  # it asks
    task.cancel()
    try:
        with pytest.raises(asyncio.CancelledError):
            await task
    finally:
        os.kill(pids[0], signal.SIGCONT)


async def test_a_search_that_fails_with_a_setting_costs_no_connection(database: Database):
    pid = text("SELECT pg_backend_pid()")
    async with database.reading() as reader:
        first = await reader.scalar(pid)
        with pytest.raises(psycopg.errors.QueryCanceled):
            await reader.with_setting(
                "SET LOCAL statement_timeout = 50", text("SELECT pg_sleep(:s)"), {"s": 5}
            )
        assert await reader.scalar(pid) == first
        assert await reader.scalar(text("SHOW statement_timeout")) != "50ms"


async def test_what_is_prepared_outlives_a_table_that_changes(database: Database):
    async with database.transaction() as session:
        await session.execute(text("CREATE TEMPORARY TABLE changing (n int)"))
        reader = await reader_of(session)
        for _ in range(2 * wire.PREPARED_AFTER):
            await reader.execute(text("SELECT n FROM changing"))
        await session.execute(text("ALTER TABLE changing ALTER n TYPE bigint"))
        await session.execute(text("SAVEPOINT before"))
        with pytest.raises(psycopg.errors.FeatureNotSupported):
            await reader.execute(text("SELECT n FROM changing"))
        await session.execute(text("ROLLBACK TO before"))
        assert await reader.execute(text("SELECT n FROM changing")) == []


async def test_a_statement_with_a_custom_plan_is_never_prepared(database: Database):
    async with database.reading() as reader:
        for custom_plan in (True, False):
            for n in range(2 * wire.PREPARED_AFTER):
                assert await reader.execute(NUMBER, {"n": n}, custom_plan=custom_plan) == [(n,)]
            assert await reader.scalar(PREPARED) == (0 if custom_plan else 1)


async def test_more_values_than_can_be_sent_leave_no_connection_in_between(database: Database):
    many = {f"v{n}": n for n in range(70_000)}
    with pytest.raises(psycopg.Error):
        async with database.reading() as reader:
            await reader.execute(text("SELECT " + " + ".join(f":{name}" for name in many)), many)
    async with database.transaction() as session:
        assert (await session.execute(text("SELECT 1"))).scalar_one() == 1


async def fail_and_go_on(database: Database) -> None:
    async with database.transaction() as session:
        reader = await reader_of(session)
        with contextlib.suppress(psycopg.errors.DivisionByZero):
            await reader.execute(select(literal_column("1 / 0")))


async def test_a_suppressed_failure_is_not_reported_as_committed(database: Database):
    with pytest.raises(RuntimeError, match="cannot be committed"):
        await fail_and_go_on(database)
