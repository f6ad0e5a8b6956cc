"""Background loops: each survives errors and reports what it last did or why it has failed."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from chassis.monitoring.metrics import LOOP_IDLE, LOOP_TROUBLE

log = structlog.get_logger()


class Stuck(Exception):
    """Why a loop cannot go on, in one line with the remedy."""


class Loop:
    """One background loop of this process.

    `every`: seconds between two turns. `quiet`: seconds without a report after which it counts as
    stuck.
    """

    def __init__(self, name: str, *, every: float = 1, quiet: float = 120) -> None:
        self.name, self.every, self.quiet = name, every, max(quiet, 2 * every)
        self.trouble: str | None = None
        self.last = "started"
        self.last_done_at = time.monotonic()
        self.woken = asyncio.Event()

    def wake(self) -> None:
        """Have the next turn begin now, or when this one has ended."""
        self.woken.set()

    def report(self, what: str) -> None:
        if self.trouble is not None:
            log.info("loop_goes_on", loop=self.name)
        self.trouble, self.last, self.last_done_at = None, what, time.monotonic()

    def report_trouble(self, why: str) -> None:
        """Logged only if it differs from the last trouble."""
        if why != self.trouble:
            log.warning("loop_stuck", loop=self.name, trouble=why)
        self.trouble = why

    async def run(
        self,
        work: Callable[[], Awaitable[str | None]],
        describe: Callable[[BaseException], str] = repr,
    ) -> None:
        """Run `work` for ever; it is one turn, or the whole loop, and returns what it did.

        `describe` renders an error that is not `Stuck` in one line.
        """
        while True:
            try:
                done = await work()
            except Exception as error:
                self.report_trouble(str(error) if isinstance(error, Stuck) else describe(error))
                await asyncio.sleep(min(self.every, 1))
            else:
                self.report(done or "done")
                with suppress(TimeoutError):
                    await asyncio.wait_for(self.woken.wait(), self.every)
                self.woken.clear()

    @property
    def idle(self) -> float:
        """Seconds since it did something."""
        return time.monotonic() - self.last_done_at

    def state(self) -> str | None:
        """Why it cannot go on; None when all is well."""
        if self.trouble is None and self.idle > self.quiet:
            return f"says nothing for {self.idle:.0f} s, last « {self.last} »: restart this process"
        return self.trouble

    def measure(self) -> None:
        LOOP_IDLE.labels(self.name).set(self.idle)
        LOOP_TROUBLE.labels(self.name).set(self.state() is not None)
