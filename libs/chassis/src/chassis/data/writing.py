"""Writes without the ORM, in the session's transaction; several are sent as one statement."""

import functools
from collections.abc import Generator, Iterable
from typing import Any, cast

from psycopg import AsyncConnection
from sqlalchemy import Insert, bindparam, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase

from chassis.data.reading import Reader, Statement, Statements, Values

Waiting = tuple[Statement, Values]

# Of `session.info`.
STATEMENTS = "statements"
LATER = "statements to run later"
READER = "reader"


@functools.cache
def inserting(kind: type[DeclarativeBase], *names: str) -> Insert:
    """An INSERT of these columns; the others get their defaults in the database."""
    values = {name: bindparam(name) for name in names}
    return insert(kind.__table__).values(values).inline()  # ty: ignore[invalid-argument-type]


def add_later(session: AsyncSession, kind: type[DeclarativeBase], row: Values) -> None:
    """Insert this row before the transaction commits, in one statement with the others."""
    run_later(session, inserting(kind, *row), row)


def run_later(session: AsyncSession, statement: Statement, values: Values) -> None:
    """Run it before the transaction commits or `straight` reads, together with the others.

    They run as one statement, so none sees the effect of another, and their results are lost.
    Rolling back a savepoint meanwhile does not remove them.
    """
    session.info.setdefault(LATER, []).append((statement, values))


async def straight(session: AsyncSession) -> Reader:
    """A reader on the session's own connection, in its transaction, after all pending writes."""
    if session.new or session.dirty or session.deleted:
        await session.flush()
    reader = session.info.get(READER)
    if reader is None:
        raw = await (await session.connection()).get_raw_connection()
        connection = cast("AsyncConnection", raw.driver_connection)
        reader = session.info[READER] = Reader(connection, session.info[STATEMENTS])
    for group in groups(session.info.pop(LATER, ())):
        await reader.connection.execute(*together(reader.statements, group))
    return reader


async def write_what_waits(session: AsyncSession) -> None:
    if session.info.get(LATER):
        await straight(session)


def groups(waiting: Iterable[Waiting]) -> Generator[list[Waiting]]:
    """Split into groups that can be one statement: two rows of the same table need two."""
    group: list[Waiting] = []
    for each in waiting:
        if any(each[0] is other for other, _ in group):
            yield group
            group = []
        group.append(each)
    if group:
        yield group


def together(statements: Statements, group: list[Waiting]) -> tuple[Any, dict[str, Any]]:
    """One statement: all but the last in WITH, the parameters of each under its own prefix."""
    texts, parameters = [], {}
    for n, (statement, values) in enumerate(group):
        text, given = statements.of(statement, values)
        texts.append(text.replace("%(", f"%(s{n}_"))
        parameters |= {f"s{n}_{name}": value for name, value in given.items()}
    *others, last = texts
    first = ", ".join(f"w{n} AS ({text})" for n, text in enumerate(others))
    return f"WITH {first} {last}" if others else last, parameters
