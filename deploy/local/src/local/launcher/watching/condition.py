"""The condition of the running parts: whether each is ready or why not, and its figures."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import psutil
from rich.table import Table

from local.launcher.machine.processes import Process
from local.launcher.machine.servers import get
from local.launcher.programs import Service
from local.launcher.screen import console, say
from local.launcher.stack import Stack
from local.launcher.watching.figures import Figures, read, together


@dataclass(frozen=True)
class Condition:
    """One process, on this machine or in a container."""

    part: str
    process: str
    ready: bool
    reasons: tuple[str, ...] = ()  # also of what is not well, but no reason to serve nobody
    port: str = ""
    memory: int = 0  # bytes
    figures: Figures | None = None

    @property
    def troubles(self) -> tuple[str, ...]:
        """The reasons, and what waits for somebody to look at it."""
        return (*self.reasons, *(waiting_for_somebody(self.figures) if self.figures else ()))

    @property
    def is_well(self) -> bool:
        """It serves, all its background work goes on, and there are no dead letters."""
        return self.ready and not self.troubles


def waiting_for_somebody(figures: Figures) -> Iterator[str]:
    if figures.dead_letters:
        yield (
            f"{figures.dead_letters} events failed and became dead letters: dead-letters list, show,"
            " retry, drop"
        )
    if figures.mails_too_old:
        yield (f"{figures.mails_too_old} mails came too late to be sent: see « E-mails non remis »")


def of(stack: Stack, pids: Mapping[str, int]) -> list[Condition]:
    """Every part of the local stack; memory that is shared counts by its share (PSS)."""
    return [of_process(stack, process, pids.get(process.name)) for process in stack.processes]


def of_process(stack: Stack, process: Process, pid: int | None) -> Condition:
    port = port_of(stack, process)
    ready, reasons, figures = process.is_ready(), (), None
    if isinstance(process, Service):
        ready, reasons = readiness_in(get(port, "/health/ready", whatever=True))
        figures = figures_in(get(port, "/metrics"))
    return Condition(
        part=process.name,
        process=str(pid or "-"),
        ready=ready,
        reasons=reasons,
        port=str(port),
        memory=memory(pid),
        figures=figures,
    )


def readiness_in(health: bytes | str | None) -> tuple[bool, tuple[str, ...]]:
    """The answer of `/health/ready`: whether it is ready, and a list of problems."""
    if not health:
        return False, ("does not answer",)
    try:
        reported = json.loads(health)
    except ValueError:
        return False, ("answers what is no health",)
    ready = reported.pop("ready", False)
    return ready, tuple(f"{name}: {how}" for name, how in reported.items() if not is_well(how))


def is_well(how: str) -> bool:
    """`ok`, of a loop with what it last did."""
    return how == "ok" or how.startswith("ok: ")


def figures_in(metrics: bytes | str | None) -> Figures | None:
    if not metrics:
        return None
    return read(metrics if isinstance(metrics, str) else metrics.decode())


def port_of(stack: Stack, process: Process) -> int:
    names = {"gateway": "gateway (public)"}
    return stack.settings.port_of(names.get(process.name, process.name))


def memory(pid: int | None) -> int:
    """A process's proportional share of memory; 0 when it is gone or may not be looked at."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(getattr(each.memory_full_info(), "pss", 0) for each in family)
    except psutil.Error:
        return 0


# ---- At the terminal --------------------------------------------------------------------


def show(conditions: list[Condition]) -> None:
    console.print(parts(conditions))
    troubles = [(each, reason) for each in conditions for reason in each.troubles]
    for each, reason in troubles:
        say(f"  {each.part} ({each.process}): {reason}")
    console.print()
    console.print(services(conditions))
    for line in since_their_start(conditions):
        say(line)


def parts(conditions: list[Condition]) -> Table:
    table = Table(box=None, pad_edge=False, show_footer=True)
    megabytes = sum(each.memory for each in conditions) / 2**20
    for title in ("part", "process", "port", "state"):
        table.add_column(title)
    for title in ("requests", "failed", "mean", "database"):
        table.add_column(title, justify="right")
    table.add_column("memory", f"{megabytes:.0f} MB", justify="right")
    for each in conditions:
        state = "[green]ready[/]" if each.is_well else "[yellow]troubled[/]"
        if not each.ready:
            state = "[red]not ready[/]"
        table.add_row(
            each.part, each.process, each.port, state, *work(each.figures), f"{each.memory / 2**20:.0f} MB"
        )  # fmt: skip
    return table


def work(figures: Figures | None) -> tuple[str, str, str, str]:
    if figures is None:
        return "", "", "", ""
    return (
        str(figures.requests),
        str(figures.failed),
        f"{figures.milliseconds:.0f} ms",
        f"{figures.in_use} of {figures.most}" if figures.has_database else "",
    )


def services(conditions: list[Condition]) -> Table:
    """What all replicas of one service share: its queues and dead letters."""
    table = Table(box=None, pad_edge=False)
    for title in ("service", "to publish", "to handle", "dead letters", "mails"):
        table.add_column(title)
    for service, figures in by_service(conditions).items():
        if figures.has_database:
            lag = ", ".join(f"{stream} {number}" for stream, number in figures.lag.items())
            table.add_row(
                service,
                queue(figures.outbox, figures.outbox_age),
                lag or "-",
                str(figures.dead_letters),
                mails(figures),
            )
    return table


def mails(figures: Figures) -> str:
    if figures.mails is None:
        return ""
    held_back = f", {figures.mails_too_old} too old to be sent" if figures.mails_too_old else ""
    return queue(figures.mails, figures.mails_age) + held_back


def queue(number: int, age: float) -> str:
    return f"{number}, oldest {age:.0f} s" if number else "0"


def by_service(conditions: Iterable[Condition]) -> dict[str, Figures]:
    found: dict[str, list[Figures]] = {}
    for each in conditions:
        if each.figures is not None:
            found.setdefault(each.part, []).append(each.figures)
    return {service: together(figures) for service, figures in found.items()}


def since_their_start(conditions: list[Condition]) -> list[str]:
    figures = together(by_service(conditions).values())
    totals = {
        "announced": figures.announced,
        "applied": figures.applied,
        "mailed": figures.mailed,
        "refused": figures.refused,
    }
    return [f"{what}: {counted(numbers)}" for what, numbers in totals.items() if numbers]


def counted(numbers: Counter[str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in numbers.most_common())
