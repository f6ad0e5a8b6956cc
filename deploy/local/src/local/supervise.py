"""Parts that die are started again, after pauses that grow while they keep dying."""

import time
from collections.abc import Callable, Iterable

from local.processes import Process

PAUSES = (1.0, 2.0, 5.0, 10.0, 30.0)
STEADY_SECONDS = 60.0


class Watched:
    """One part, and how often it has died lately."""

    def __init__(self, process: Process, pauses: tuple[float, ...] = PAUSES) -> None:
        self.process, self.pauses = process, pauses
        self.deaths = 0
        self.since = time.monotonic()
        self.start_at: float | None = None

    def look(self, say: Callable[[str], object]) -> bool:
        """Once in a while; whether it was started again just now."""
        now = time.monotonic()
        if self.process.is_alive():
            if self.deaths and now - self.since > STEADY_SECONDS:
                self.deaths = 0
            return False
        if self.start_at is None:
            pause = self.pauses[min(self.deaths, len(self.pauses) - 1)]
            self.deaths += 1
            self.start_at = now + pause
            say(f"{self.process.name} has ended ({self.how()}); again in {pause:.0f} s. "
                f"Its log: {self.process.log}")  # fmt: skip
        if now < self.start_at:
            return False
        self.start_at, self.since = None, now
        self.process.start()
        say(f"{self.process.name} is started again (process {self.process.pid}).")
        return True

    def how(self) -> str:
        code = self.process.running.returncode if self.process.running else None
        return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


class Supervisor:
    def __init__(
        self,
        processes: Iterable[Process],
        say: Callable[[str], object],
        pauses: tuple[float, ...] = PAUSES,
    ) -> None:
        self.watched = [Watched(process, pauses) for process in processes]
        self.say = say

    def look(self) -> bool:
        """Whether anything was started again."""
        started = [watched.look(self.say) for watched in self.watched]
        return any(started)

    def watch(self, then: Callable[[], object], pause: float = 0.5) -> None:
        """Until interrupted; `then` is told of every new start."""
        while True:
            if self.look():
                then()
            time.sleep(pause)
