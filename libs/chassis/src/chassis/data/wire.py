"""Sends statements to PostgreSQL in batches: one round trip for each batch."""

import asyncio
import functools
import re
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from psycopg import AsyncConnection
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import Error as PostgresError
from psycopg.errors import (
    FeatureNotSupported,
    InvalidSqlStatementName,
    OperationalError,
    error_from_result,
)
from psycopg.pq import ConnStatus, ExecStatus, Format, PipelineStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from sqlalchemy.pool import PoolProxiedConnection

from chassis.cancelling import to_its_end

PREPARED_AFTER = 5  # times that a statement was sent as text
MAX_PREPARED = 100  # per connection; then the least recently used one is dropped
CANCEL_SECONDS = 5

PARAMETER = re.compile(r"%\(([^)]+)\)s|%%")
WIRE = "wire"  # in the `info` of a pooled connection
# A table has changed below a prepared statement, or somebody has deallocated it.
OUTDATED = FeatureNotSupported, InvalidSqlStatementName
FAILED = {ExecStatus.FATAL_ERROR, ExecStatus.PIPELINE_ABORTED}


class RawStatement(NamedTuple):
    """SQL with parameters as `%(name)s`, and their values.

    `custom_plan`: PostgreSQL plans it for these values each time; it is never prepared.
    """

    text: str
    values: Mapping[str, Any]
    custom_plan: bool = False


BEGIN, COMMIT, ROLLBACK = (
    RawStatement("BEGIN", {}),
    RawStatement("COMMIT", {}),
    RawStatement("ROLLBACK", {}),
)


class AdaptedStatement(NamedTuple):
    """A statement as libpq takes it: bytes, with numbered parameters."""

    text: bytes
    values: Sequence[Any]
    types: tuple[int, ...]
    formats: Sequence[Format] | None
    custom_plan: bool

    @property
    def key(self) -> tuple[bytes, tuple[int, ...]]:
        return self.text, self.types


class Wire:
    """A connection, used by one task at a time; raises the driver's own errors.

    For each statement, psycopg's cursors use four times the CPU of the libpq calls that they make,
    with psycopg's pipeline mode too.
    """

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection, self.libpq = connection, connection.pgconn
        self.adapting = Transformer(connection)
        # The names of prepared statements, by text and types, and the keys of those that the batch
        # under way prepares: they are forgotten if it fails.
        self.names: OrderedDict[Any, bytes] = OrderedDict()
        self.being_prepared: set[Any] = set()
        self.uses: OrderedDict[Any, int] = OrderedDict()
        self.count = 0

    @property
    def is_idle(self) -> bool:
        """No statement and no transaction is under way."""
        return self.libpq.transaction_status == TransactionStatus.IDLE

    @property
    def has_failed(self) -> bool:
        """A statement of the transaction has failed: PostgreSQL answers COMMIT with a rollback."""
        return self.libpq.transaction_status == TransactionStatus.INERROR

    async def run(self, batch: Sequence[RawStatement]) -> list[list[Any]]:
        """The rows of each statement as named tuples. If one fails, those after it are not run.

        Outside a transaction, the batch is a transaction of its own.
        """
        try:
            return await self.run_once(batch)
        except OUTDATED:
            self.names.clear()
            if not self.is_idle:
                raise
            return await self.run_once(batch)

    async def roll_back(self) -> None:
        if not self.connection.closed and not self.is_idle:
            await self.run([ROLLBACK])

    async def run_once(self, batch: Sequence[RawStatement]) -> list[list[Any]]:
        adapted = [self.adapt(statement) for statement in batch]
        self.libpq.enter_pipeline_mode()
        try:
            readers = [reader for each in adapted for reader in self.send(each)]
            self.libpq.pipeline_sync()
            answers = await self.receive()
            found = [read(answer) for read, answer in zip(readers, answers, strict=False)]
        except asyncio.CancelledError:
            await to_its_end(self.cancel())
            raise
        finally:
            if self.libpq.pipeline_status != PipelineStatus.OFF:
                self.libpq.finish()  # what it would answer next is unknown
            while self.being_prepared:
                self.names.pop(self.being_prepared.pop(), None)
        return [rows for rows in found if rows is not None]

    # --- Sending ------------------------------------------------------------------------------

    def adapt(self, statement: RawStatement) -> AdaptedStatement:
        text, names = numbered_parameters(statement.text)
        values = self.adapting.dump_sequence(
            [statement.values[name] for name in names], [PyFormat.AUTO] * len(names)
        )
        types, formats = self.adapting.types or (), self.adapting.formats
        return AdaptedStatement(text, values, types, formats, statement.custom_plan)

    def send(self, each: AdaptedStatement) -> Generator[Callable[[PGresult], list[Any] | None]]:
        """Send it; yields one function for each answer to come, which reads that answer."""
        name = self.names.get(each.key)
        if name is not None:
            self.names.move_to_end(each.key)
        elif not each.custom_plan and self.is_often_used(each.key):
            self.count += 1
            name = self.names[each.key] = f"wire_{self.count}".encode()
            self.being_prepared.add(each.key)
            self.libpq.send_prepare(name, each.text, each.types)
            yield functools.partial(self.note_prepared, each.key)
            if len(self.names) > MAX_PREPARED:
                _, oldest = self.names.popitem(last=False)
                self.libpq.send_query_params(b"DEALLOCATE " + oldest, None)
                yield raise_if_failed
        if name is None:
            self.libpq.send_query_params(each.text, each.values, each.types, each.formats)
        else:
            self.libpq.send_query_prepared(name, each.values, each.formats)
        yield self.rows

    def is_often_used(self, key: Any) -> bool:
        uses = self.uses[key] = self.uses.pop(key, 0) + 1
        if len(self.uses) > MAX_PREPARED:
            self.uses.popitem(last=False)
        return uses > PREPARED_AFTER

    # --- Receiving ----------------------------------------------------------------------------

    async def receive(self) -> list[PGresult]:
        """All answers up to the end of the batch."""
        answers: list[PGresult] = []
        try:
            while self.libpq.flush():
                await self.wait_for_socket(writing=True)
                self.libpq.consume_input()
            while True:
                while self.libpq.is_busy():
                    await self.wait_for_socket()
                    self.libpq.consume_input()
                answer = self.libpq.get_result()
                if answer is not None and answer.status == ExecStatus.PIPELINE_SYNC:
                    break
                if answer is not None:
                    answers.append(answer)
                elif self.libpq.status == ConnStatus.BAD:
                    raise OperationalError("the connection is lost")
        except PostgresError:  # cut off; PostgreSQL may have sent the reason before
            self.libpq.finish()
            if not any(answer.status in FAILED for answer in answers):
                raise
        else:
            self.libpq.exit_pipeline_mode()
        return answers

    async def wait_for_socket(self, *, writing: bool = False) -> None:
        """Wait until there is something to read or, with `writing`, room to write."""
        loop, socket = asyncio.get_running_loop(), self.libpq.socket
        waiting: asyncio.Future[None] = loop.create_future()
        loop.add_reader(socket, wake, waiting)
        if writing:
            loop.add_writer(socket, wake, waiting)
        try:
            await waiting
        finally:
            loop.remove_reader(socket)
            if writing:
                loop.remove_writer(socket)

    async def cancel(self) -> None:
        """Have PostgreSQL stop this batch, within `CANCEL_SECONDS`; else close the connection."""
        try:
            async with asyncio.timeout(CANCEL_SECONDS):
                await self.connection.cancel_safe(timeout=CANCEL_SECONDS)
                await self.receive()
        except Exception:
            self.libpq.finish()

    def note_prepared(self, key: Any, answer: PGresult) -> None:
        raise_if_failed(answer)
        self.being_prepared.discard(key)

    def rows(self, answer: PGresult) -> list[Any]:
        raise_if_failed(answer)
        if not answer.nfields:
            return []
        names = tuple(answer.fname(n) or b"" for n in range(answer.nfields))
        self.adapting.set_pgresult(answer)
        return self.adapting.load_rows(0, answer.ntuples, row_of(names))


def wake(waiting: asyncio.Future[None]) -> None:
    if not waiting.done():
        waiting.set_result(None)


def raise_if_failed(answer: PGresult) -> None:
    if answer.status in FAILED:
        raise error_from_result(answer)


@functools.lru_cache(maxsize=512)
def row_of(names: tuple[bytes, ...]) -> Callable[[Iterable[Any]], Any]:
    return namedtuple("Row", [name.decode() for name in names], rename=True)._make


@functools.lru_cache(maxsize=512)
def numbered_parameters(text: str) -> tuple[bytes, tuple[str, ...]]:
    """The text with numbered parameters (`$1`), and their names in that order."""
    names: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        name = found[1]
        return "%" if name is None else f"${names.setdefault(name, len(names) + 1)}"

    return PARAMETER.sub(number, text).encode(), tuple(names)


def wire_of(pooled: PoolProxiedConnection) -> Wire:
    """The connection's wire: the same one for as long as the connection lives."""
    connection = cast("AsyncConnection", pooled.driver_connection)
    wire = pooled.info.get(WIRE)
    if wire is None or wire.connection is not connection:
        wire = pooled.info[WIRE] = Wire(connection)
    return wire
