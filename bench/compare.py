"""Two commits in one run: `python bench/compare.py HEAD~1 HEAD queue thread`; `.` is what lies here.

Two installations stand side by side, each with its own code, databases and ports, filled alike by
the code of the first, and are asked in turns, so that whatever else the machine does weighs on both. Printed is the CPU of every process
of each, in seconds for 1,000 operations, of the best turn, the ratio of the two, and between what
the ratios of half of the turns lie; `idle` is CPU seconds a minute. Then the memory (PSS) by part.
"""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Generator, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Annotated

import psutil
import typer
from routes import Everybody, everybody

ROOT = Path(__file__).parents[1]
IDLE = "idle"
IDLE_SECONDS = 20
SETTLING_SECONDS, MAX_SETTLING = 3, 40
QUIET = 0.15  # of one core

Parts = dict[str, float]


@dataclass
class Installation:
    """A running one; `turns` are the CPU milliseconds by part of one operation, turn by turn."""

    commit: str
    url: str
    processes: dict[str, int]
    unresolved: list[int]
    turns: dict[str, list[Parts]] = field(default_factory=lambda: defaultdict(list))

    def members(self) -> Iterator[tuple[str, psutil.Process]]:
        for part, pid in self.processes.items():
            first = psutil.Process(pid)
            yield from ((part, each) for each in (first, *first.children(recursive=True)))

    def cpu(self) -> Parts:
        """Milliseconds so far, with those of children that have ended."""
        used: Parts = defaultdict(float)
        for part, process in self.members():
            with contextlib.suppress(psutil.NoSuchProcess, OSError):
                used[part] += 1000 * (process_seconds(process.pid) + sum(process.cpu_times()[2:4]))
        return used

    def memory(self) -> Parts:
        """PSS in MiB."""
        pss: Parts = defaultdict(float)
        for part, process in self.members():
            with contextlib.suppress(psutil.NoSuchProcess):
                pss[part] += process.memory_full_info().pss / 2**20
        return pss

    def best(self, operation: str) -> Parts:
        return min(self.turns[operation], key=lambda parts: sum(parts.values()))


def process_seconds(pid: int) -> float:
    """CPU of one process, to the nanosecond where `/proc/<pid>/stat` counts hundredths."""
    return time.clock_gettime((~pid << 3) | 2)  # clock_getcpuclockid(3)


@contextlib.contextmanager
def code_of(commit: str, folder: Path) -> Generator[Path]:
    """Where the code of this commit lies."""
    if commit == ".":
        yield ROOT
        return
    git("worktree", "add", "--detach", str(folder), commit)
    try:
        yield folder
    finally:
        git("worktree", "remove", "--force", str(folder))


@contextlib.contextmanager
def running(commit: str, code: Path, state: Path, *, fill: int = 0) -> Generator[Installation]:
    """Filled with so many requests, or as its state is."""
    sources = [*code.glob("**/src"), code / "bench"]
    child = subprocess.Popen(
        [sys.executable, "-P", ROOT / "bench/installation.py", state, ROOT / "node_modules", str(fill)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources))},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with child:  # its end waits for it, standard input closed
        last = ""
        for last in iter(child.stdout.readline, "") if child.stdout else ():
            if last.startswith('{"url"'):
                break
        else:
            raise RuntimeError(f"{commit} did not start: {last}")
        yield Installation(commit, **json.loads(last))


def copy(filled: Path, state: Path) -> Path:
    """With owners: PostgreSQL may have to run as somebody else."""
    state.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["cp", "-a", filled, state], check=True)
    return state


def git(*arguments: str) -> None:
    subprocess.run(["git", "-C", ROOT, *arguments], check=True, capture_output=True)


# --- Measuring ---------------------------------------------------------------------------------


async def rest() -> None:
    await asyncio.sleep(IDLE_SECONDS)


async def turn(
    installation: Installation, people: Everybody, name: str, rounds: int, *, is_kept: bool = True
) -> None:
    operations: dict[str, Callable[[], Awaitable[object]]] = dict(people.operations())
    operation = operations.get(name, rest)
    rounds = rounds if name in operations else 1
    await people.prepare(name, rounds)
    if name == "reply":
        await asyncio.sleep(SETTLING_SECONDS)
    before = installation.cpu()
    for _ in range(rounds):
        await operation()
    spent = installation.cpu()
    scale = rounds if name in operations else 1000 * IDLE_SECONDS / 60
    if is_kept:
        installation.turns[name].append(
            {part: (spent[part] - before[part]) / scale for part in spent}
        )


async def settle(installation: Installation) -> None:
    """What a newer commit has to do once, after its migrations, is no page's cost."""
    for _ in range(MAX_SETTLING):
        before = sum(installation.cpu().values())
        await asyncio.sleep(SETTLING_SECONDS)
        if sum(installation.cpu().values()) - before < QUIET * 1000 * SETTLING_SECONDS:
            return


async def measure(
    both: list[Installation], operations: list[str], *, requests: int, rounds: int, turns: int
) -> None:
    for each in both:
        await settle(each)
    crowd = [(each, await everybody(each.url, requests, each.unresolved)) for each in both]
    for name in operations or [*(name for name, _ in crowd[0][1].operations()), IDLE]:
        if name != IDLE:
            for each, people in crowd:
                await turn(each, people, name, 20, is_kept=False)
        for _ in range(turns if name != IDLE else 1):
            for each, people in crowd:
                await turn(each, people, name, rounds)
        print_comparison(name, *both)
    for _, people in crowd:
        await people.leave()


# --- Telling -----------------------------------------------------------------------------------


def print_comparison(name: str, first: Installation, second: Installation) -> None:
    before, after = first.best(name), second.best(name)
    turns = zip(first.turns[name], second.turns[name], strict=True)
    ratios = [sum(after.values()) / sum(before.values()) for before, after in turns]
    lower, _, upper = quantiles(ratios, n=4) if len(ratios) > 1 else 3 * ratios
    typer.echo(f"| {name} | {row(before, after, f'{lower:.2f} to {upper:.2f}')} |")


def row(before: Parts, after: Parts, spread: str = "") -> str:
    total, now = sum(before.values()), sum(after.values())
    parts = sorted(before, key=lambda part: -before[part])
    named = [
        f"{part} {before[part]:.1f} → {after.get(part, 0):.1f}"
        for part in parts
        if before[part] >= 0.04 * total
    ]
    return f"{total:.1f} | {now:.1f} | {now / total:.2f} | {spread} | {', '.join(named)}"


def main(
    before: Annotated[str, typer.Argument(help="A commit.")],
    after: Annotated[str, typer.Argument(help="Another, or `.` for what lies here.")],
    operations: Annotated[list[str] | None, typer.Argument(help="Without: all.")] = None,
    *,
    requests: Annotated[int, typer.Option(help="In each installation.")] = 1_000,
    rounds: Annotated[int, typer.Option(help="Operations a turn.")] = 30,
    turns: Annotated[int, typer.Option(help="Of each installation.")] = 8,
    state: Annotated[
        Path | None, typer.Option(help="What `before` has filled is kept here for the next time.")
    ] = None,
) -> None:
    with tempfile.TemporaryDirectory(prefix="guichet-compare-") as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o711)  # as above
        codes = [
            stack.enter_context(code_of(commit, folder / f"code-{n}"))
            for n, commit in enumerate((before, after))
        ]
        filled = (state or folder).absolute() / f"filled-{requests}"
        if not filled.exists():
            with running(before, codes[0], folder / "filled", fill=requests):
                pass
            copy(folder / "filled", filled)
        both = [
            stack.enter_context(running(commit, code, copy(filled, folder / f"state-{n}")))
            for n, (commit, code) in enumerate(zip((before, after), codes, strict=True))
        ]
        typer.echo(f"| operation | {before} | {after} | ratio | of turns | parts |")
        typer.echo("| --- | --: | --: | --: | --- | --- |")
        asyncio.run(measure(both, operations or [], requests=requests, rounds=rounds, turns=turns))
        first, second = both
        typer.echo(f"| MiB PSS | {row(first.memory(), second.memory())} |")


if __name__ == "__main__":
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(main)
    command()
