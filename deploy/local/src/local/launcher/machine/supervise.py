"""Parts that die are started again, after pauses that grow while they keep dying.

Nothing that the launcher cannot write, on a full disk, ends it: it says so and tries again.
"""

import contextlib
import subprocess
import time
from collections.abc import Callable, Iterable

from local.launcher.machine.processes import Process

PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECONDS = 60.0
TROUBLE = (OSError, subprocess.TimeoutExpired)  # the latter of what does not end, even killed


class Watched:
    """One part, and how often it has died recently."""

    def __init__(self, process: Process, pauses: tuple[float, ...] = PAUSES) -> None:
        self.process, self.pauses = process, pauses
        self.deaths = 0
        self.since = time.monotonic()
        self.start_at: float | None = None

    def look(self, say: Callable[[str], object]) -> bool:
        """Check the process now and then; returns whether it was just restarted."""
        now = time.monotonic()
        if self.process.is_alive():
            if self.deaths and now - self.since > STEADY_SECONDS:
                self.deaths = 0
            return False
        if self.start_at is None:
            self.put_off(f"has ended ({self.how()})", say)
        if self.start_at is None or now < self.start_at:
            return False
        try:
            self.process.start()
        except TROUBLE as trouble:
            self.put_off(f"cannot be started ({reason(trouble)})", say)
            return False
        self.start_at, self.since = None, now
        say(f"{self.process.name} is started again (process {self.process.pid}).")
        return True

    def put_off(self, why: str, say: Callable[[str], object]) -> None:
        pause = self.pauses[min(self.deaths, len(self.pauses) - 1)]
        self.deaths += 1
        self.start_at = time.monotonic() + pause
        say(f"{self.process.name} {why}; again in {pause:.0f} s. Its log: {self.process.log}")

    def how(self) -> str:
        code = self.process.running.returncode if self.process.running else None
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def reason(trouble: Exception) -> str:
    return (trouble.strerror if isinstance(trouble, OSError) else None) or str(trouble)


class Supervisor:
    def __init__(
        self,
        processes: Iterable[Process],
        say: Callable[[str], object],
        pauses: tuple[float, ...] = PAUSES,
    ) -> None:
        self.watched = [Watched(process, pauses) for process in processes]
        self.terminal = say
        self.trouble = ""
        self.is_owed = False  # whether a restart has yet to be reported

    def say(self, line: str) -> None:
        """Print a line; on a full disk that may fail if the output goes to a file."""
        with contextlib.suppress(OSError):
            self.terminal(line)

    def look(self) -> bool:
        """Whether anything was started again."""
        started = [watched.look(self.say) for watched in self.watched]
        return any(started)

    def does(self, then: Callable[[], object]) -> bool:
        """Whether it could be done; if not, it says so once."""
        try:
            then()
        except TROUBLE as refused:
            trouble = reason(refused)
            if trouble != self.trouble:
                self.say(
                    f"The launcher cannot write down who runs ({trouble}): make room. It goes on"
                    " looking after all parts."
                )
            self.trouble = trouble
            return False
        if self.trouble:
            self.say("The launcher has written down who runs.")
        self.trouble = ""
        return True

    def look_and_tell(self, then: Callable[[], object]) -> None:
        """`then` is called after every new start, again at the next look where it cannot be done."""
        self.is_owed = self.look() or self.is_owed
        if self.is_owed:
            self.is_owed = not self.does(then)

    def watch(self, then: Callable[[], object], pause: float = 0.5) -> None:
        """Check and report until interrupted."""
        while True:
            self.look_and_tell(then)
            time.sleep(pause)
