"""Reads without the ORM: statements compiled once per shape and run by the driver."""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar, cast
from weakref import ReferenceType, WeakKeyDictionary, ref

from psycopg.errors import Error as PostgresError
from sqlalchemy import CompoundSelect, Delete, Dialect, Insert, Select, TextClause, Update
from sqlalchemy.exc import MultipleResultsFound, NoResultFound
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.util import LRUCache

from chassis.data.wire import BEGIN, COMMIT, RawStatement, Wire

MAX_SHAPES = 500
# For `with_setting`, where the planner would rather read a table from its start for a common word.
BY_INDEX = "SET LOCAL enable_seqscan = off"

Statement = (
    Select[*tuple[Any, ...]]
    | CompoundSelect[*tuple[Any, ...]]
    | TextClause
    | Insert
    | Update
    | Delete
)
Values = Mapping[str, Any]


Answer = TypeVar("Answer")


class Part(NamedTuple):
    """A statement and its values.

    `custom_plan`: plan it for these values each time, where the number of rows depends on them.
    """

    statement: Statement
    values: Values
    custom_plan: bool = False


@dataclass(frozen=True)
class Question(Generic[Answer]):
    """Statements that do not depend on each other; `answer` is called with the rows of each."""

    parts: Sequence[Part]
    answer: Callable[..., Answer]


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


def answers_of(questions: Sequence[Question[Any]], found: Iterable[Rows]) -> list[Any]:
    """The answer to each question, from the rows of all parts of all questions in turn."""
    rows = iter(found)
    return [question.answer(*itertools.islice(rows, len(question.parts))) for question in questions]


class Statements:
    """A cache of compiled statements: the driver's SQL once per shape, the values for each
    execution.
    """

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.shapes: LRUCache[Any, Any] = LRUCache(MAX_SHAPES)
        # Most statements are built once and live as long as the process. A compiled statement
        # refers to its source: a strong reference here would keep both for ever.
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
        """The compiled statement, and the values that are written in the statement itself."""
        if (known := self.known.get(statement)) and (found := known[0]()):
            return found, *known[1:]
        # A private method, but the one that sessions call, too: nothing public uses the cache.
        made, extracted, given, _ = statement._compile_w_cache(
            self.dialect, compiled_cache=self.shapes, column_keys=[]
        )
        compiled = cast("SQLCompiler", made)
        self.known[statement] = ref(compiled), extracted, given
        return compiled, extracted, given


def raw_statement(statements: Statements, part: Part) -> RawStatement:
    return RawStatement(*statements.of(part.statement, part.values), part.custom_plan)


class Reader:
    """Runs statements on one connection: each sees what was committed before it.

    `before` returns the statements to send ahead of the next ones, in the same batch; `after` are
    sent behind them.
    """

    def __init__(
        self,
        wire: Wire,
        statements: Statements,
        before: Callable[[], list[RawStatement]] = list,
        after: Sequence[RawStatement] = (),
    ) -> None:
        self.wire, self.statements, self.before, self.after = wire, statements, before, after

    async def execute(
        self, statement: Statement, values: Values | None = None, *, custom_plan: bool = False
    ) -> Rows:
        """Raises the driver's own errors (`psycopg.Error`)."""
        [rows] = await self.together(Part(statement, values or {}, custom_plan))
        return rows

    async def together(self, *parts: Part) -> list[Rows]:
        """The rows of each, in one round trip; if one fails, all do."""
        return await self.run([raw_statement(self.statements, part) for part in parts])

    async def ask(self, question: Question[Answer]) -> Answer:
        [answer] = await self.ask_all(question)
        return answer

    async def ask_all(self, *questions: Question[Any]) -> list[Any]:
        """The answer of each, in one round trip."""
        parts = [part for question in questions for part in question.parts]
        return answers_of(questions, await self.together(*parts))

    async def with_setting(self, setting: str, statement: Statement, values: Values) -> Rows:
        """In a transaction with `setting` (`SET LOCAL …`), which ends with it."""
        batch = [RawStatement(setting, {}), raw_statement(self.statements, Part(statement, values))]
        before = self.before()
        if before or not self.wire.is_idle:
            answers = await self.send(before, batch)
        else:
            try:
                answers = await self.send([], [BEGIN, *batch, COMMIT])
            except PostgresError:
                await self.wire.roll_back()
                raise
        return next(filter(None, answers), Rows())

    async def run(self, batch: Sequence[RawStatement]) -> list[Rows]:
        return await self.send(self.before(), batch)

    async def send(
        self, before: Sequence[RawStatement], batch: Sequence[RawStatement]
    ) -> list[Rows]:
        everything = [*before, *batch, *self.after]
        if not everything:
            return []
        answers = await self.wire.run(everything)
        return [Rows(each) for each in answers[len(before) :][: len(batch)]]

    async def scalars(self, statement: Statement, values: Values | None = None) -> Rows:
        return (await self.execute(statement, values)).scalars()

    async def scalar(self, statement: Statement, values: Values | None = None) -> Any:
        """The first column of the first row, or None."""
        rows = await self.execute(statement, values)
        return rows[0][0] if rows else None
