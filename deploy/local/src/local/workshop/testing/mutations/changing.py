"""What is changed: mutmut's operators, but for what nobody should compare, and into which files."""

import ast
import hashlib
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import libcst as cst
from mutmut.configuration import config
from mutmut.mutation import file_mutation, mutators
from mutmut.mutation.data import LineSpan, MutantLineSpans
from mutmut.utils.file_utils import walk_source_files
from mutmut.utils.format_utils import get_mutant_name

MUTANTS = Path("mutants")
TEXTS = (cst.SimpleString, cst.ConcatenatedString, cst.FormattedString)
NUMBER = re.compile("__mutmut_(orig|[0-9]+)")
LOGS = {"log", "write"}  # `write = log.warning if …`
# They wrap a function once and call it as often as it is called: what is wrapped can be changed.
WRAPPERS = {
    "property", "hybrid_property", "asynccontextmanager", "contextmanager",
    "staticmethod", "classmethod",
}  # fmt: skip

left_out: Counter[str] = Counter()


def is_text(node: cst.CSTNode) -> bool:
    """A sentence for people, or a statement for PostgreSQL, which refuses one that is not SQL."""
    if isinstance(node, cst.SimpleString):
        return " " in node.value.strip("'\" \n")
    if isinstance(node, cst.ConcatenatedString):
        return True
    return isinstance(node, cst.FormattedString) and any(
        isinstance(part, cst.FormattedStringText) and " " in part.value for part in node.parts
    )


def is_log(call: cst.Call) -> bool:
    function = call.func
    if isinstance(function, cst.Attribute):
        function = function.value
    return isinstance(function, cst.Name) and function.value in LOGS


def is_cast(call: cst.Call) -> bool:
    """`typing.cast`, which returns its argument: the type is only read by type checkers."""
    named = isinstance(call.func, cst.Name) and call.func.value == "cast"
    return named and bool(call.args) and isinstance(call.args[0].value, cst.SimpleString)


def words(node: cst.BaseString) -> Iterable[cst.BaseString]:
    """A code, a name of a field, a key: another one. Whole texts stay."""
    if not isinstance(node, cst.SimpleString) or node.value.startswith(('"""', "'''")):
        return
    if is_text(node):
        left_out["texts"] += 1
    else:
        yield next(iter(mutators.operator_string(node)))


def arguments(call: cst.Call) -> Iterable[cst.Call]:
    """One is None, or away; but not what a line of the log says, nor a text for people."""
    changed = list(mutators.operator_arg_removal(call))
    if is_log(call):
        left_out["log"] += len(changed)
        return
    texts = [
        is_text(each.value) or (each.keyword is not None and each.keyword.value == "detail")
        for each in call.args
    ]
    for new in changed:
        wrapped = {id(each) for each in new.args}
        if any(id(old) not in wrapped and text for old, text in zip(call.args, texts, strict=True)):
            left_out["texts"] += 1
        else:
            yield new


class Visitor(file_mutation.MutationVisitor):
    """Goes also into what is decorated by a wrapper, and by nothing of the log's words."""

    def _skip_node_and_children(self, node: cst.CSTNode) -> bool:
        if isinstance(node, cst.Call) and is_log(node):
            left_out["log"] += 1
            return True
        if isinstance(node, cst.Call) and is_cast(node):
            left_out["types"] += 1
            return True
        if isinstance(node, cst.Arg) and node.keyword and node.keyword.value == "detail":
            left_out["texts"] += 1
            return True
        if isinstance(node, cst.FunctionDef) and only_wrapped(node):
            return False
        return super()._skip_node_and_children(node)


def only_wrapped(function: cst.FunctionDef) -> bool:
    return len(function.decorators) == 1 and (
        isinstance(name := function.decorators[0].decorator, cst.Name) and name.value in WRAPPERS
    )


arranged = file_mutation.function_trampoline_arrangement


def arrange(function: cst.FunctionDef, mutants: Any, class_name: str | None) -> Any:
    """The switch has the decorator; what it calls has none, but for what belongs to a class."""
    declared, nodes, filled, names = arranged(function, mutants, class_name)
    wrapper = function.decorators and cst.ensure_type(function.decorators[0].decorator, cst.Name)
    if wrapper and wrapper.value not in {"staticmethod", "classmethod"}:
        nodes = [nodes[0], *(node.with_changes(decorators=[]) for node in nodes[1:])]
    return declared, nodes, filled, names


OPERATORS: dict[Callable[..., Any], Callable[..., Any]] = {
    mutators.operator_string: words,
    mutators.operator_arg_removal: arguments,
}
file_mutation.mutation_operators = [
    (kind, OPERATORS.get(operator, operator)) for kind, operator in mutators.mutation_operators
]
file_mutation.MutationVisitor = Visitor
file_mutation.function_trampoline_arrangement = arrange


@dataclass(frozen=True)
class Mutant:
    name: str  # as the switch knows it
    source: Path  # src/…
    function: str  # the hash of what it is a change of: a result stands while it does
    lines: range  # of the unchanged function in the file of mutants, that come by the change


def make() -> list[Mutant]:
    """Write the files with all mutants of each function in them, and return which there are."""
    found: list[Mutant] = []
    shutil.copytree("src", MUTANTS / "src", ignore=is_python, dirs_exist_ok=True)
    for source in walk_source_files():
        target = MUTANTS / source
        target.parent.mkdir(parents=True, exist_ok=True)
        code = source.read_text()
        if config().should_mutate(source):
            made = file_mutation.mutate_file_contents(str(source), code)
            code, spans = made.code, made.line_span_by_function_name
            MutantLineSpans(path=source, span_by_function_name=spans).save()
            lines = code.splitlines()
            for name in made.mutant_names:
                function = name.partition("__mutmut_")[0]
                own = spans[f"{function}__mutmut_orig"]
                found.append(
                    Mutant(
                        get_mutant_name(source, name),
                        source,
                        made.hash_by_function_name.get(function, digest(text(lines, own))),
                        changed_lines(lines, own, spans[name]),
                    )
                )
        if not target.exists() or target.read_text() != code:
            target.write_text(code)
    (MUTANTS / "left_out.json").write_text(json.dumps(left_out))
    return found


def is_python(_: str, names: list[str]) -> list[str]:
    return [name for name in names if name.endswith(".py")]


def text(lines: list[str], span: LineSpan) -> str:
    return "\n".join(lines[span.start - 1 : span.end])


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def changed_lines(lines: list[str], own: LineSpan, other: LineSpan) -> range:
    """The lines of the smallest statement that the change is in; of its head, if it holds others."""
    before, after = (
        [NUMBER.sub("", line) for line in lines[span.start - 1 : span.end]] for span in (own, other)
    )
    pairs = zip(before, after, strict=False)
    at = own.start + next((n for n, (a, b) in enumerate(pairs) if a != b), 0)
    first = next(line for line in before if line.strip())
    indent = len(first) - len(first.lstrip())  # of a method
    tree = ast.parse("\n".join(line[indent:] for line in before))
    best = range(own.start, own.end + 1)
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt) or node is tree.body[0]:  # its head runs but once
            continue
        first, last = own.start + node.lineno - 1, own.start + (node.end_lineno or 0) - 1
        if inside := getattr(node, "body", None) or getattr(node, "cases", None):
            inner = inside[0]
            line = inner.lineno if isinstance(inner, ast.stmt) else inner.pattern.lineno
            last = max(first, own.start + line - 2)
        if first <= at <= last and last - first < len(best):
            best = range(first, last + 1)
    return best
