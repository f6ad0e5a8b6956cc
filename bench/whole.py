"""What a whole installation uses while it is measured: CPU and memory of every process of it."""

from collections.abc import Iterator
from contextlib import suppress

import psutil

from local.launcher.stack import Stack


class Cpu:
    """Milliseconds of CPU that the parts of the installation have used since this was made."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.before = self.now()

    def now(self) -> dict[str, float]:
        """By part; with what its processes have waited for, such as connections that have ended."""
        used: dict[str, float] = {}
        for part, process in members(self.stack):
            with suppress(psutil.NoSuchProcess):
                used[part] = used.get(part, 0) + 1000 * sum(process.cpu_times()[:4])
        return used

    def used(self) -> dict[str, float]:
        return {part: after - self.before[part] for part, after in self.now().items()}


def members(stack: Stack) -> Iterator[tuple[str, psutil.Process]]:
    """Every process with the part that it belongs to, PostgreSQL's connections too."""
    for part in stack.processes:
        first = psutil.Process(part.pid)
        yield from ((part.name, process) for process in (first, *first.children(recursive=True)))


def memory(stack: Stack) -> int:
    """PSS in bytes."""
    pss = 0
    for _, process in members(stack):
        with suppress(psutil.NoSuchProcess):
            pss += process.memory_full_info().pss
    return pss
