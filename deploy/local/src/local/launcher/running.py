"""Whether this checkout's Guichet runs, and what other terminals may ask of it."""

import contextlib
import fcntl
import json
import os
import signal
from collections.abc import Generator
from pathlib import Path
from typing import IO, Any

from local.launcher import leftovers
from local.launcher.leftovers import Leftover
from local.launcher.machine.processes import CannotStart, wait_until
from local.launcher.machine.servers import make_state
from local.launcher.screen import say
from local.launcher.settings import LocalSettings
from local.launcher.stack import Stack


class AlreadyRunning(CannotStart):
    pass


@contextlib.contextmanager
def alone(state: Path) -> Generator[None]:
    """Hold the state's lock; the kernel lets go of it however the launcher ends."""
    make_state(state)
    with (state / "launcher.pid").open("a+") as file:
        # Another terminal that only asks holds it for an instant.
        if not wait_until(lambda: held(file, fcntl.LOCK_EX), 0.5):
            raise AlreadyRunning(already(state))
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield
        file.truncate(0)


def held(file: IO[str], kind: int) -> bool:
    """Take the lock if nobody holds it."""
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def already(state: Path) -> str:
    where = about(state).get("public_url", "it is still starting")
    return f"Guichet is already running from this folder (process {launcher(state)}): {where}"


def launcher(state: Path) -> int | None:
    """The process id of the launcher that runs now, if one does."""
    try:
        with (state / "launcher.pid").open() as file:
            if not held(file, fcntl.LOCK_SH):
                return int(file.read() or 0) or None
    except FileNotFoundError:
        pass
    return None


def about(state: Path) -> dict[str, Any]:
    """The state that the launcher stores once everything is ready; empty before."""
    try:
        written = json.loads((state / "running.json").read_text())
    except FileNotFoundError:
        return {}
    return written if written["ready"] else {}


def left_over(state: Path) -> list[Leftover]:
    """Parts of a launcher that was killed; none while one runs."""
    return [] if launcher(state) else leftovers.found(state / "running.json")


def running_stack(settings: LocalSettings) -> Stack:
    """The stack as it runs, whatever ports this terminal's settings name."""
    known = about(settings.state)
    if not launcher(settings.state) or not known:
        raise CannotStart(not_running(settings.state))
    same = {name: known[name] for name in ("public_url", "smtp_host")}
    return Stack(settings.model_copy(update={**known["ports"], **same}))


def not_running(state: Path) -> str:
    left = left_over(state)
    if left:
        return (
            "Guichet is not running, but parts of it are left from a launcher that was killed:"
            f" {leftovers.named(left)}. ./guichet down ends them."
        )
    return "Guichet is not running. Start it with ./guichet up"


def stop(state: Path, seconds: float = 60) -> bool:
    """Ask the launcher to stop everything, or end what one has left; whether there was any."""
    pid = launcher(state)
    if pid is None:
        return end_leftovers(state)
    os.kill(pid, signal.SIGTERM)
    if not wait_until(lambda: launcher(state) is None, seconds):
        raise CannotStart(f"The launcher (process {pid}) has not stopped after {seconds:.0f} s.")
    return True


def end_leftovers(state: Path) -> bool:
    left = left_over(state)
    if not left:
        return False
    say(f"Left from a launcher that was killed: {leftovers.named(left)}. Ending them ...")
    if still := leftovers.end(left):
        raise CannotStart(leftovers.cannot_be_ended(still))
    return True
