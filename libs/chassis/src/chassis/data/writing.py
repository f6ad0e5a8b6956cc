"""Writes without the ORM, in the session's transaction; several are sent at once."""

import functools
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import Engine, Insert, Update, bindparam, event, insert, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from chassis.data.reading import Part, Reader, Statement, Values, raw_statement
from chassis.data.wire import BEGIN, COMMIT, RawStatement, wire_of

# Of `session.info`.
STATEMENTS = "statements"
LATER = "statements to run later"
READER = "reader"
WAKERS = "what wakes loops, by their names"

Wakers = dict[str, Callable[[], None]]


@functools.cache
def inserting(kind: type[DeclarativeBase], *names: str) -> Insert:
    """An INSERT of these columns; the others get their defaults in the database."""
    values = {name: bindparam(name) for name in names}
    return insert(kind.__table__).values(values).inline()  # ty: ignore[invalid-argument-type]


def add_later(session: AsyncSession, kind: type[DeclarativeBase], row: Values) -> None:
    """Insert this row before the transaction commits, in one round trip with the others."""
    run_later(session, inserting(kind, *row), row)


@functools.cache
def storing(kind: type[DeclarativeBase], names: tuple[str, ...]) -> Update:
    table = kind.__table__
    values = {name: bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
    return update(table).where(table.c.id == bindparam("row_id")).values(values)  # ty: ignore[invalid-argument-type]


def store_later(session: AsyncSession, entity: Any, names: tuple[str, ...]) -> None:
    """Store these columns of a row that was read without the ORM, before the transaction commits.

    All of them, changed or not, so that the statement never differs.
    """
    state = {f"new_{name}": getattr(entity, name) for name in names}
    run_later(session, storing(type(entity), names), {"row_id": entity.id, **state})


def run_later(session: AsyncSession, statement: Statement, values: Values) -> None:
    """Run before the transaction commits, or before `reader_of` reads, in one round trip.

    Their results are discarded. In a `savepoint` they belong to it.
    """
    session.info.setdefault(LATER, []).append(Part(statement, values))


async def reader_of(session: AsyncSession) -> Reader:
    """Reads on the session's connection, in its transaction.

    Writes that wait are sent ahead of the next statement, which sees them.
    """
    if session.new or session.dirty or session.deleted:
        await session.flush()
    reader = session.info.get(READER)
    if reader is None:
        wire = wire_of(await session.run_sync(lambda sync: sync.connection().connection))
        statements, info = session.info[STATEMENTS], session.info

        def before() -> list[RawStatement]:
            waiting = [raw_statement(statements, part) for part in info.pop(LATER, ())]
            return [BEGIN, *waiting] if wire.is_idle else waiting

        reader = session.info[READER] = Reader(wire, statements, before)
    return reader


async def ending(session: AsyncSession) -> Reader:
    """As `reader_of`, but what it reads is the last of the transaction: COMMIT goes with it.

    The answer is there only once everything is committed. A session on somebody else's connection,
    as in tests, does not end the transaction.
    """
    reader = await reader_of(session)
    if not isinstance(session.sync_session.bind, Engine):
        return reader
    return Reader(reader.wire, reader.statements, reader.before, [COMMIT])


async def flush_pending(session: AsyncSession) -> None:
    if session.info.get(LATER):
        await (await reader_of(session)).together()


@asynccontextmanager
async def savepoint(session: AsyncSession) -> AsyncGenerator[None]:
    """Rolls back what is written in this block, if an exception leaves it, and nothing else.

    What waits is sent ahead of the savepoint, and what was added in it before it ends: a statement
    that fails would take the one with it, and leave the other behind.
    """
    await flush_pending(session)
    try:
        async with session.begin_nested():
            await session.connection()  # else it begins with the session's own next statement
            yield
            await flush_pending(session)
    except BaseException:
        session.info.pop(LATER, None)
        raise


def wake_later(session: AsyncSession, name: str) -> None:
    """Wake the loop of this name once this transaction is committed."""
    if wake := session.info.get(WAKERS, {}).get(name):
        event.listen(session.sync_session, "after_commit", lambda _: wake())


async def commit_pending(session: AsyncSession) -> None:
    """Send COMMIT with the writes that wait, or by itself: psycopg's own takes twice the CPU.

    A session on somebody else's connection, as in tests, does not end the transaction.
    """
    if not isinstance(session.sync_session.bind, Engine):
        await flush_pending(session)
    elif session.info.get(LATER):
        await (await reader_of(session)).run([COMMIT])
    elif (reader := session.info.get(READER)) and reader.wire.has_failed:
        raise RuntimeError("a statement has failed: its transaction cannot be committed")
    elif reader and not reader.wire.is_idle:
        await (await reader_of(session)).run([COMMIT])


async def discard_if_closed(session: AsyncSession) -> None:
    """Do not roll back on a closed connection: that error would hide the first one."""
    if (reader := session.info.get(READER)) and reader.wire.connection.closed:
        await session.invalidate()
