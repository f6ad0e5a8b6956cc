"""What only reads is told the same as a session, and gives its connection back as it was."""

import asyncio
import gc
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import bindparam, func, literal, literal_column, select, text, tuple_
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import MultipleResultsFound, NoResultFound

from chassis.data import reading
from chassis.data.database import Database, new_id
from chassis.data.reading import Part, Question, Statements
from chassis.data.writing import add_later, reader_of
from chassis.messaging.outbox import IdempotencyKey, OutboxMessage

OUTBOX = select(OutboxMessage.position, OutboxMessage.event_id, OutboxMessage.recorded_at)


@pytest.fixture
async def announced(database: Database) -> list[UUID]:
    ids = [new_id() for _ in range(5)]
    async with database.transaction() as session:
        session.add_all(
            OutboxMessage(event_id=id, type="a", subject=f"a.{n}", body="{}")
            for n, id in enumerate(ids)
        )
    return ids


SHAPES = {
    "all": lambda ids: (OUTBOX.order_by(OutboxMessage.position), {}),
    "bound": lambda ids: (OUTBOX.where(OutboxMessage.event_id == bindparam("id")), {"id": ids[2]}),
    "in a list": lambda ids: (OUTBOX.where(OutboxMessage.event_id.in_(ids[:3])), {}),
    "in another": lambda ids: (OUTBOX.where(OutboxMessage.event_id.in_(ids[3:])), {}),
    "in nothing": lambda ids: (OUTBOX.where(OutboxMessage.event_id.in_([])), {}),
    "a key": lambda ids: (
        OUTBOX.where(tuple_(OutboxMessage.position, OutboxMessage.subject) < (3, "a.1")),
        {},
    ),
    "text": lambda ids: (text("SELECT subject FROM messaging.outbox ORDER BY 1"), {}),
    "percent": lambda ids: (OUTBOX.where(OutboxMessage.subject.like("a%")), {}),
    "labels": lambda ids: (select(func.count().label("many"), literal("x").label("y")), {}),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_rows_are_those_that_a_session_reads(database, announced, shape):
    statement, values = SHAPES[shape](announced)
    async with database.transaction() as session:
        expected = (await session.execute(statement, values)).all()
    async with database.reading() as reader:
        for _ in range(2):  # compiled, and remembered
            rows = await reader.execute(statement, values)
            assert [row._asdict() for row in rows] == [row._asdict() for row in expected]


async def test_one_shape_is_compiled_once_and_each_time_with_its_own_values(database, announced):
    async with database.reading() as reader:
        for id in announced:
            statement = OUTBOX.where(OutboxMessage.event_id == id)
            assert (await reader.execute(statement)).one().event_id == id
    assert len(database.statements.shapes) == 1


def test_of_shapes_without_end_only_the_last_stay_in_memory(monkeypatch):
    monkeypatch.setattr(reading, "MAX_SHAPES", 10)
    statements = Statements(postgresql.dialect())
    for _ in range(2):
        for limit in range(100):
            statements.of(OUTBOX.limit(literal_column(str(limit))), {})
    gc.collect()
    assert len(statements.known) == len(statements.shapes) < 20


async def test_an_answer_of_one_row_has_one(database, announced):
    async with database.reading() as reader:
        with pytest.raises(MultipleResultsFound):
            (await reader.execute(OUTBOX)).one_or_none()
        with pytest.raises(NoResultFound):
            (await reader.execute(OUTBOX.where(literal_column("false")))).one()
        assert await reader.scalar(select(IdempotencyKey.made_id)) is None
        count = await reader.execute(select(func.count()).select_from(OutboxMessage))
        assert count.scalar_one() == len(announced)


async def test_each_statement_sees_what_was_committed_before_it(database, announced):
    async with database.reading() as reader:
        before = await reader.scalar(select(func.count()).select_from(OutboxMessage))
        async with database.transaction() as session:
            session.add(OutboxMessage(event_id=new_id(), type="a", subject="a", body="{}"))
        assert await reader.scalar(select(func.count()).select_from(OutboxMessage)) == before + 1


async def one_connection(database: Database) -> Database:
    url = database.engine.url.render_as_string(hide_password=False)
    return Database(url, size=1, overflow=0, wait=1)


async def announce_and_fail(database: Database) -> None:
    async with database.transaction() as session:
        session.add(OutboxMessage(event_id=new_id(), type="b", subject="b", body="{}"))
        await session.flush()
        raise RuntimeError("rolled back")


async def test_the_connection_has_transactions_again_afterwards(database, announced):
    alone = await one_connection(database)
    for failing in (False, True):
        async with alone.reading() as reader:
            assert await reader.scalar(select(OutboxMessage.type)) == "a"
            if failing:
                with pytest.raises(psycopg.errors.DivisionByZero):
                    await reader.execute(select(literal_column("1 / 0")))
        with pytest.raises(RuntimeError, match="rolled back"):
            await announce_and_fail(alone)
        async with alone.reading() as reader:
            assert set(await reader.scalars(select(OutboxMessage.type))) == {"a"}
    await alone.close()


async def test_the_reader_of_a_request_holds_a_connection_for_each_batch_only(database, announced):
    alone = await one_connection(database)
    for _ in range(2):
        assert await alone.reader.scalar(select(OutboxMessage.type)) == "a"
        with pytest.raises(psycopg.errors.DivisionByZero):
            await alone.reader.execute(select(literal_column("1 / 0")))
        [row] = await alone.reader.with_setting(
            "SET LOCAL lock_timeout = 7", text("SELECT current_setting('lock_timeout')"), {}
        )
        assert row == ("7ms",)
        async with alone.reading() as reader:
            assert await reader.scalar(text("SELECT current_setting('lock_timeout')")) == "5s"
    await alone.close()


async def test_whoever_is_cancelled_keeps_no_connection(database, announced):
    alone = await one_connection(database)

    async def sleep() -> None:
        async with alone.reading() as reader:
            await reader.execute(text("SELECT pg_sleep(10)"))

    for _ in range(3):
        reading = asyncio.create_task(sleep())
        await asyncio.sleep(0.1)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    async with asyncio.timeout(30), alone.reading() as reader:
        assert await reader.scalar(select(OutboxMessage.type)) == "a"
    await alone.close()


async def test_a_setting_counts_for_one_statement_in_a_transaction_or_without(database, announced):
    shown, of = text("SELECT current_setting('work_mem') || :what"), {"what": "!"}
    setting = "SET LOCAL work_mem = '3MB'"
    async with database.reading() as reader:
        assert (await reader.with_setting(setting, shown, of)).scalar_one() == "3MB!"
        assert await reader.scalar(shown, of) != "3MB!"
        assert await reader.with_setting(setting, OUTBOX.where(literal_column("false")), {}) == []
    async with database.transaction() as session:
        add_later(
            session, OutboxMessage, {"event_id": new_id(), "type": "b", "subject": "b", "body": ""}
        )
        reader = await reader_of(session)
        b = select(OutboxMessage.subject).where(OutboxMessage.type == bindparam("type"))
        assert (await reader.with_setting(setting, b, {"type": "b"})).scalar_one() == "b"
        assert (await reader.with_setting(setting, shown, of)).scalar_one() == "3MB!"
        await session.rollback()
    async with database.reading() as reader:
        assert (await reader.scalars(b, {"type": "b"})) == []


async def test_a_value_of_one_row_or_none(database, announced):
    async with database.reading() as reader:
        none = await reader.execute(select(IdempotencyKey.made_id))
        assert none.scalar_one_or_none() is None
        one = await reader.execute(select(func.count(), literal(0)).select_from(OutboxMessage))
        assert one.scalar_one_or_none() == len(announced)


async def test_questions_are_answered_together_each_from_its_own_parts(database, announced):
    counted = Part(select(func.count()).select_from(OutboxMessage), {})
    named = Part(text("SELECT :name"), {"name": "x"}, custom_plan=True)
    one = Question([counted], lambda rows: rows.scalar_one())
    two = Question([named, counted], lambda a, b: (a.scalar_one(), b.scalar_one()))
    async with database.reading() as reader:
        assert await reader.ask_all(one, two, one) == [5, ("x", 5), 5]
        assert await reader.ask(two) == ("x", 5)
