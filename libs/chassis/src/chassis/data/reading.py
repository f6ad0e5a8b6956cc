"""Reads without the ORM: statements compiled once per shape and run by the driver."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, cast
from weakref import ReferenceType, WeakKeyDictionary, ref

from psycopg import AsyncConnection
from psycopg.rows import namedtuple_row
from sqlalchemy import CompoundSelect, Delete, Dialect, Insert, Select, TextClause, Update
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import LRUCache

SHAPES_MOST = 500

Statement = (
    Select[*tuple[Any, ...]]
    | CompoundSelect[*tuple[Any, ...]]
    | TextClause
    | Insert
    | Update
    | Delete
)
Values = Mapping[str, Any]


class Rows(list[Any]):
    """All rows of a result, with the method names of SQLAlchemy's results."""

    def all(self) -> list[Any]:
        return self

    def one(self) -> Any:
        if not self:
            raise NoResultFound("no row was found when one was required")
        return self.one_or_none()

    def one_or_none(self) -> Any:
        if len(self) > 1:
            raise MultipleResultsFound("more than one row was found where one may be")
        return self[0] if self else None

    def scalars(self) -> "Rows":
        """The values of the first column."""
        return Rows(row[0] for row in self)

    def scalar_one(self) -> Any:
        return self.one()[0]

    def scalar_one_or_none(self) -> Any:
        row = self.one_or_none()
        return None if row is None else row[0]


class Statements:
    """A cache of compiled statements: the driver's SQL once per shape, the values for each
    execution.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.shapes: LRUCache[Any, Any] = LRUCache(SHAPES_MOST)
        # Most statements are built once and live as long as the process. What is compiled of one
        # holds that statement: held here, neither would ever go.
        self.known: WeakKeyDictionary[Any, tuple[ReferenceType[SQLCompiler], Any, Any]] = (
            WeakKeyDictionary()
        )

    def of(self, statement: Statement, values: Values) -> tuple[str, Values]:
        compiled, extracted, given = self.compiled(statement)
        parameters = compiled.construct_params(
            values, extracted_parameters=extracted, _collected_params=given
        )
        text, processors = compiled.string, compiled._bind_processors
        if compiled.post_compile_params:  # IN, as long as its list is
            expanded = compiled._process_parameters_for_postcompile(parameters)
            text, parameters = expanded.statement, {**expanded.parameters}
            processors = {**processors, **expanded.processors}
        for name, process in cast("Any", processors).items():
            if name in parameters:
                parameters[name] = process(parameters[name])
        return text, parameters

    def compiled(self, statement: Statement) -> tuple[SQLCompiler, Any, Any]:
        """With what stands in the statement itself for its values."""
        if (known := self.known.get(statement)) and (found := known[0]()):
            return found, *known[1:]
        # What the session itself calls: there is no other way to its cache of shapes.
        made, extracted, given, _ = statement._compile_w_cache(
            self.dialect, compiled_cache=self.shapes, column_keys=[]
        )
        compiled = cast("SQLCompiler", made)
        self.known[statement] = ref(compiled), extracted, given
        return compiled, extracted, given


class Reader:
    """Runs selects on one connection in autocommit: each sees what was committed before it."""

    def __init__(self, connection: AsyncConnection, statements: Statements) -> None:
        self.connection, self.statements = connection, statements

    async def execute(
        self,
        statement: Statement,
        values: Values | None = None,
        *,
        plans_anew: bool = False,
    ) -> Rows:
        """`plans_anew` plans each time, for values whose numbers of rows differ widely.

        Raises the driver's own errors (`psycopg.Error`).
        """
        text, parameters = self.statements.of(statement, values or {})
        cursor = self.connection.cursor(row_factory=namedtuple_row)
        await cursor.execute(cast("Any", text), parameters, prepare=False if plans_anew else None)
        return Rows(await cursor.fetchall() if cursor.description else ())

    @asynccontextmanager
    async def with_setting(self, setting: str) -> AsyncGenerator[None]:
        """One transaction, for a setting that is to hold no longer: `SET LOCAL …`."""
        async with self.connection.transaction():
            await self.connection.execute(cast("Any", setting))
            yield

    async def scalars(self, statement: Statement, values: Values | None = None) -> Rows:
        return (await self.execute(statement, values)).scalars()

    async def scalar(self, statement: Statement, values: Values | None = None) -> Any:
        """The first column of the first row, or None."""
        rows = await self.execute(statement, values)
        return rows[0][0] if rows else None


# In a transaction of its own, a session reads what it has just written.
AnyReader = Reader | AsyncSession
