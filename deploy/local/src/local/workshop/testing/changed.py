"""Which tests a change reaches: from the changed files, along the imports, to the tests."""

import ast
import functools
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import grimp

from local.launcher.settings import ROOT
from local.workshop import history
from local.workshop.parts import PARTS, SOURCES, WHOLE_STACK

# Whatever else lies beside the sources is the business of these parts' tests.
FOLDERS = {
    "gateway": ("local", "architecture"),
    "deploy": ("local", "architecture"),
    "contracts": ("contracts",),
    "locks": ("architecture",),
    "docs": ("architecture",),
}
EVERYTHING = ("conftest.py", "pyproject.toml", "guichet")
NOBODY = (".ci", "bench")
MUCH = 3  # files: below, the start of a second process costs more than it saves


@dataclass(frozen=True)
class Reached:
    since: str  # the main branch, or the last commit
    tests: list[str]  # files, relative to the root

    @property
    def parts(self) -> set[str]:
        return {part_of(ROOT / file) for file in self.tests}

    @property
    def is_much(self) -> bool:
        return len(self.tests) > MUCH

    def described(self) -> str:
        counted = Counter(part_of(ROOT / file) for file in self.tests)
        return ", ".join(f"{part} {number} files" for part, number in counted.items())


def reached() -> Reached:
    """By everything that differs from the main branch, committed or not."""
    since = history.base()
    return Reached(since.name, tests_of(history.changed_since(since.commit)))


def tests_of(files: Iterable[str]) -> list[str]:
    """The test files, by their paths below the root; stories only where they changed themselves."""
    modules: set[str] = set()
    tests: set[Path] = set()
    for file in files:
        path, [top, *_] = ROOT / file, Path(file).parts
        if file in EVERYTHING:
            tests |= {test for part in set(PARTS) - set(WHOLE_STACK) for test in tests_in(part)}
        elif (part := tested_in(path)) is not None:
            tests |= tests_below(path, part)
        elif (module := module_of(path)) is not None:
            modules.add(module)
        elif (owner := owner_of(path)) is not None:
            tests |= tests_in(owner)
        elif top not in NOBODY:
            tests |= {test for part in FOLDERS.get(top, ()) for test in tests_in(part)}
    users = modules | {user for module in modules for user in users_of(module)}
    tests |= {
        test
        for part in set(PARTS) - set(WHOLE_STACK)
        for test in tests_in(part)
        if imported_by_test(test) & users
    }
    return sorted(str(test.relative_to(ROOT)) for test in tests)


# ---- Tests --------------------------------------------------------------------------------------


def tests_in(part: str) -> set[Path]:
    return set((ROOT / PARTS[part]).rglob("test_*.py"))


def tested_in(path: Path) -> str | None:
    """The part whose tests this file lies among."""
    return next(
        (part for part, folder in PARTS.items() if path.is_relative_to(ROOT / folder)), None
    )


def part_of(test: Path) -> str:
    return tested_in(test) or "?"


def tests_below(path: Path, part: str) -> set[Path]:
    """A test stands for itself; what several share, for those of its folder."""
    if path.name.startswith("test_") and path.suffix == ".py":
        return {path} & tests_in(part)  # it may be gone
    return {test for test in tests_in(part) if test.is_relative_to(path.parent)}


def imported_by_test(test: Path) -> set[str]:
    """The modules that a test imports, and those of each conftest.py that applies to it."""
    part = ROOT / PARTS[part_of(test)]
    shared = [folder / "conftest.py" for folder in test.parents if folder.is_relative_to(part)]
    return {name for file in (test, *shared) if file.exists() for name in imports(file)}


@functools.cache
def imports(file: Path) -> frozenset[str]:
    """Every module of ours that this file may mean: `from sales import models` means both."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(name for name in found if name.partition(".")[0] in SOURCES)


# ---- Modules ------------------------------------------------------------------------------------


@functools.cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*SOURCES, cache_dir=None)


def users_of(module: str) -> set[str]:
    """All that import it, directly or not; a module that is gone has none."""
    if module not in graph().modules:
        return set()
    return graph().find_downstream_modules(module)


def owner_of(path: Path) -> str | None:
    """The part among whose sources it lies."""
    owners = (part for part, folder in SOURCES.items() if path.is_relative_to(ROOT / folder))
    return next(owners, None)


def module_of(path: Path) -> str | None:
    """Migrations are run, not imported: like a template they stand for their whole part."""
    owner = owner_of(path)
    if owner is None or path.suffix != ".py" or "versions" in path.parts:
        return None
    below = path.relative_to(ROOT / SOURCES[owner]).with_suffix("").parts
    return ".".join((owner, *(part for part in below if part != "__init__")))
