"""The engine, its transactions, and how a violated constraint becomes a refusal."""

import asyncio
import select
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast
from uuid import UUID

from fastapi import Depends, Request
from psycopg import AsyncConnection
from psycopg.errors import DiskFull
from psycopg.errors import Error as PostgresError
from psycopg.errors import IntegrityError as DriversIntegrityError
from sqlalchemy import DateTime, MetaData, Text, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, InvalidatePoolError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import MappedAsDataclass, Session
from sqlalchemy.pool import AsyncAdaptedQueuePool, ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn
from sqlalchemy.util.queue import Empty
from uuid_utils.compat import uuid7

from chassis import clock
from chassis.data.reading import Reader, Rows, Statement, Statements, Values
from chassis.data.wire import RawStatement, wire_of
from chassis.data.writing import (
    STATEMENTS,
    WAKERS,
    Wakers,
    commit_pending,
    discard_if_closed,
)
from chassis.errors import Refusal

NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

# For `type_annotation_map`: every time is aware, every text unbounded (limits are in contracts).
TYPES: dict[Any, Any] = {datetime: DateTime(timezone=True), str: Text()}

# Nothing may hang: a statement, a wait for a lock and a forgotten transaction all end.
LOCK_LIMIT = "-c lock_timeout=5s"
LIMITS = f"{LOCK_LIMIT} -c statement_timeout=15s -c idle_in_transaction_session_timeout=30s"


# A server that vanishes without a word is noticed within half a minute, also by who only waits.
WATCHED: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


A_MEGABYTE = """
    CREATE TEMPORARY TABLE room ON COMMIT DROP AS SELECT n FROM generate_series(1, 30000) AS n
"""

RETURNED_AT = "returned at"  # of a connection's `info`, by the monotonic clock


def metadata() -> MetaData:
    return MetaData(naming_convention=NAMES)


class Mapping(MappedAsDataclass, kw_only=True, eq=False, repr=False):
    """Base for the mapped classes of all services; each service has its own tables (`metadata`)."""

    type_annotation_map = TYPES


def new_id() -> UUID:
    """A UUIDv7: ordered by time, so indexes grow at their end."""
    return uuid7(nanoseconds=int(clock.now().timestamp() * 1e9))


class Pool(AsyncAdaptedQueuePool):
    """Lends the connection returned last, so that surplus ones stay idle and can be closed."""

    def close_idle(self, seconds: float) -> int:
        """Close the connections unused for so many seconds; returns their number."""
        idle: list[ConnectionPoolEntry] = []
        with suppress(Empty):
            while True:
                idle.append(self._pool.get(block=False))
        since = time.monotonic() - seconds
        old = [each for each in idle if each.info.get(RETURNED_AT, since) < since]
        for each in reversed(idle):
            if each not in old:
                self._do_return_conn(each)
        for each in old:
            self._dec_overflow()
            each.close()
        return len(old)


class Database:
    """A bounded pool of connections; a request that gets none in time is refused.

    `wakers`: how loops of this process are woken, by their names (`writing.wake_later`).
    """

    def __init__(
        self, url: str, *, size: int = 5, overflow: int = 5, wait: float = 2, name: str = "guichet"
    ) -> None:
        self.most = size + overflow
        self.was_full = asyncio.Event()  # set once a write fails because PostgreSQL's disk is full
        self.engine = create_async_engine(
            url,
            poolclass=Pool,
            pool_use_lifo=True,
            pool_size=size,
            max_overflow=overflow,
            pool_timeout=wait,
            pool_recycle=1800,
            pool_reset_on_return=None,  # a session has ended its transaction, a reader has none
            hide_parameters=True,  # the values of a statement that fails are people's
            connect_args={
                "options": LIMITS,
                "application_name": name,
                # Psycopg would forget all that is prepared with each rollback, ours too.
                "prepare_threshold": None,
                **WATCHED,
            },
        )
        event.listen(self.engine.sync_engine, "checkout", refuse_cut_off)
        event.listen(self.engine.sync_engine, "checkin", note_return)
        self.statements = Statements(self.engine.dialect)
        self.reader = PoolReader(self)
        self.wakers: Wakers = {}
        self.sessions = async_sessionmaker(
            self.engine,
            expire_on_commit=False,
            info={STATEMENTS: self.statements, WAKERS: self.wakers},
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[AsyncSession]:
        """Commits at the end, or rolls everything back if an exception leaves it."""
        session = self.sessions()
        try:
            try:
                yield session
                await commit_pending(session)
                await greenlet_spawn(commit_and_close, session.sync_session)
            except BaseException:
                await discard_if_closed(session)
                await session.__aexit__(None, None, None)  # also when this task is cancelled
                raise
        except (DBAPIError, PostgresError) as error:
            if isinstance(error.orig if isinstance(error, DBAPIError) else error, DiskFull):
                self.was_full.set()
            raise

    async def try_write(self) -> None:
        """Raises if PostgreSQL's disk has no room for another megabyte."""
        async with self.transaction() as session:
            await session.execute(text(A_MEGABYTE))

    async def read_clock(self) -> timedelta:
        """How far this process's clock is behind the database's; `chassis.clock` is corrected by
        it.
        """
        async with self.transaction() as session:
            sent_at = datetime.now(UTC)
            their_time = (await session.execute(text("SELECT clock_timestamp()"))).scalar_one()
            return clock.process_clock.compare(sent_at, their_time, datetime.now(UTC))

    @asynccontextmanager
    async def reading(self) -> AsyncGenerator[Reader]:
        """One connection from the same pool in autocommit mode: no BEGIN and no COMMIT to wait for.

        For a single batch there is `reader`.
        """
        pooled = await self.engine.raw_connection()
        wire = wire_of(pooled)
        try:
            yield Reader(wire, self.statements)
        finally:
            await greenlet_spawn(give_back, pooled)  # it never waits, so it cannot be cancelled

    async def close_idle(self, seconds: float) -> int:
        """As `Pool.close_idle`."""
        return await greenlet_spawn(cast("Pool", self.engine.pool).close_idle, seconds)

    async def close(self) -> None:
        await self.engine.dispose()


class PoolReader(Reader):
    """Takes a connection for each batch only, so that none is held while something else is done."""

    def __init__(self, database: Database) -> None:
        self.database, self.statements, self.before = database, database.statements, list

    async def with_setting(self, setting: str, statement: Statement, values: Values) -> Rows:
        async with self.database.reading() as reader:
            return await reader.with_setting(setting, statement, values)

    async def send(
        self, before: Sequence[RawStatement], batch: Sequence[RawStatement]
    ) -> list[Rows]:
        async with self.database.reading() as reader:
            return await reader.send(before, batch)


def commit_and_close(session: Session) -> None:
    """Commit and close in one step; usually COMMIT has been sent already."""
    session.commit()
    session.close()


def note_return(_: object, record: ConnectionPoolEntry) -> None:
    record.info[RETURNED_AT] = time.monotonic()


def give_back(pooled: PoolProxiedConnection) -> None:
    """Return it to the pool, or discard it if it is cut off or still at work."""
    if not wire_of(pooled).is_idle:
        pooled.invalidate()
    pooled.close()


def refuse_cut_off(_: object, record: ConnectionPoolEntry, __: object) -> None:
    """Have the pool make another connection, once PostgreSQL has ended or cut this one off.

    An idle connection has nothing to read unless PostgreSQL has ended it, so no statement needs to
    be sent to find out. The pool then replaces all connections that are as old, unchecked.
    """
    connection = cast("AsyncConnection", record.driver_connection)
    if not connection.closed:
        closing = select.poll()
        closing.register(connection.fileno(), select.POLLIN)
        if not closing.poll(0):
            return
    raise InvalidatePoolError


async def transaction(request: Request) -> AsyncGenerator[AsyncSession]:
    async with request.app.state.database.transaction() as session:
        yield session


# scope="function": commit before the answer leaves, so that a 201 is never a lie.
Transaction = Annotated[AsyncSession, Depends(transaction, scope="function")]


async def reading(request: Request) -> Reader:
    return request.app.state.database.reader


# What only reads: each select by itself, as it would be in a transaction of ours, too. No
# generator: FastAPI takes four times as long to end one as it takes to borrow the connection.
Reading = Annotated[Reader, Depends(reading)]


@contextmanager
def refusing(constraint: str, refusal: Refusal) -> Generator[None]:
    """Turn the violation of this constraint into a refusal, so that PostgreSQL decides races."""
    try:
        yield
    except (IntegrityError, DriversIntegrityError) as clash:
        cause = clash.orig if isinstance(clash, IntegrityError) else clash
        if isinstance(cause, PostgresError) and cause.diag.constraint_name == constraint:
            raise refusal from clash
        raise
