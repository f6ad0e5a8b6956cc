"""What the person at the terminal sees: a live list of steps with their times."""

import contextlib
import time
from collections.abc import Generator

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

console = Console(highlight=False)
complaints = Console(highlight=False, stderr=True)


def say(text: str) -> None:
    """A line as it is: brackets in a path are no markup, and nothing is folded."""
    console.print(text, markup=False, soft_wrap=True)


def complain(text: str) -> None:
    complaints.print("[red]✗[/]", end=" ")
    complaints.print(text, markup=False, soft_wrap=True)


class Step:
    def __init__(self, name: str) -> None:
        self.name, self.began, self.seconds = name, time.monotonic(), None
        self.failed = False
        self.detail = ""

    def report(self, detail: str) -> None:
        """How far it is, beside its name."""
        self.detail = detail

    def end(self, *, failed: bool) -> None:
        self.seconds, self.failed = time.monotonic() - self.began, failed


class Steps:
    """The steps so far; on a terminal redrawn while they last, elsewhere a line each."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.live = Live(get_renderable=self.table, console=console, refresh_per_second=8)

    def __enter__(self) -> "Steps":
        if console.is_terminal:
            self.live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if console.is_terminal:
            self.live.stop()

    @contextlib.contextmanager
    def step(self, name: str) -> Generator[Step]:
        step = Step(name)
        self.steps.append(step)
        try:
            yield step
        except BaseException:
            self.close(step, failed=True)
            raise
        self.close(step, failed=False)

    def close(self, step: Step, *, failed: bool) -> None:
        step.end(failed=failed)
        if not console.is_terminal:
            sign = "✗" if failed else "✓"
            console.print(f"{sign} {step.name:<24}{step.seconds:6.1f} s  {step.detail}".rstrip())

    def table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column()
        table.add_column(min_width=24)
        table.add_column(justify="right")
        table.add_column(style="dim")
        for step in self.steps:
            lasting = step.seconds is None
            seconds = time.monotonic() - step.began if step.seconds is None else step.seconds
            sign = Spinner("dots") if lasting else "[red]✗" if step.failed else "[green]✓"
            table.add_row(sign, step.name, f"{seconds:.1f} s", step.detail)
        return table
