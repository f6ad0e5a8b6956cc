"""Parts that outlived their launcher: known by what it wrote down, named, and ended."""

import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil

from local.launcher.machine.processes import wait_until

ENDING_SECONDS, KILLING_SECONDS = 15, 5
SAME_SECONDS = 0.5  # a process id is given again; the moment of a start with it hardly ever


@dataclass(frozen=True)
class Leftover:
    """One process that no launcher watches any more."""

    part: str
    pid: int
    stop_with: int = signal.SIGTERM

    def __str__(self) -> str:
        return f"{self.part} (process {self.pid})"

    def is_there(self) -> bool:
        """A zombie, which has ended but was not waited for, does not count as running."""
        try:
            return psutil.Process(self.pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def state(self) -> str:
        """The process's state in the kernel's words: running, stopped, disk-sleep ..."""
        try:
            return psutil.Process(self.pid).status()
        except psutil.NoSuchProcess:
            return "gone"


def started(pid: int | None) -> float | None:
    """When the process began, in seconds of the epoch; with its id, a name that is not given twice."""
    try:
        return psutil.Process(pid).create_time() if pid else None
    except psutil.NoSuchProcess:
        return None


def found(file: Path) -> list[Leftover]:
    """Those of the processes in a launcher's list that are still running."""
    try:
        written = json.loads(file.read_text())["processes"]
    except (FileNotFoundError, ValueError, KeyError):
        return []
    each = [
        (Leftover(part, known["pid"], known["stop_with"]), known["started"])
        for part, known in written.items()
    ]
    return [
        leftover
        for leftover, began in each
        if abs((started(leftover.pid) or 0) - began) < SAME_SECONDS and leftover.is_there()
    ]


def named(leftovers: list[Leftover]) -> str:
    return ", ".join(map(str, leftovers))


def end(leftovers: list[Leftover], seconds: float | None = None) -> list[Leftover]:
    """Ask them to end, then kill them; returns those that even the kernel cannot end."""
    for leftover in leftovers:
        send_signal(leftover, leftover.stop_with)
        send_signal(leftover, signal.SIGCONT)  # one that was halted hears nothing else
    if wait_until(
        lambda: not any(each.is_there() for each in leftovers), seconds or ENDING_SECONDS
    ):
        return []
    for leftover in leftovers:
        send_signal(leftover, signal.SIGKILL)
    wait_until(lambda: not any(each.is_there() for each in leftovers), KILLING_SECONDS)
    return [leftover for leftover in leftovers if leftover.is_there()]


def cannot_be_ended(leftovers: list[Leftover]) -> str:
    states = ", ".join(f"{each}: {each.state()}" for each in leftovers)
    return (
        f"These cannot be ended, not even by the kernel: {states}. They wait for a disk or a"
        " device; once that answers they end by themselves, else with this machine."
    )


def send_signal(leftover: Leftover, sign: int) -> None:
    """Each part leads a group of its own, whose others a kill has to reach as well."""
    try:
        if sign == signal.SIGKILL:
            os.killpg(leftover.pid, sign)
        else:
            os.kill(leftover.pid, sign)
    except ProcessLookupError:
        pass
