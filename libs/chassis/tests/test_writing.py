"""What a session writes by the driver is in its transaction, in order, and whole or not at all."""

import time
from contextlib import AsyncExitStack, suppress

from sqlalchemy import func, select, text

from chassis.data.database import Database, new_id
from chassis.data.writing import add_later, run_later, straight, wake_later
from chassis.messaging.outbox import OutboxMessage

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
        reader = await straight(session)
        subjects = await reader.scalars(SUBJECTS)
        assert subjects == ["of the session, with 100 %", "later, with 100 % and %(name)s"]
        assert (await straight(session)) is reader


async def test_a_transaction_that_fails_leaves_nothing(database: Database):
    with suppress(RuntimeError):
        async with database.transaction() as session:
            add_later(session, OutboxMessage, row("a.1"))
            reader = await straight(session)
            assert await reader.scalar(select(func.count()).select_from(OutboxMessage)) == 1
            add_later(session, OutboxMessage, row("a.2"))
            raise RuntimeError
    async with database.reading() as reader:
        assert await reader.scalars(SUBJECTS) == []


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
