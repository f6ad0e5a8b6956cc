"""Services as forks of one process that has imported what all of them need."""

import contextlib
import ctypes
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import IO

from local.launcher.machine.preloading import Program
from local.launcher.machine.processes import Forked, Process

ADOPTING = 36  # PR_SET_CHILD_SUBREAPER
ANSWER_SECONDS = 15  # the launcher supervises nothing meanwhile
ANSWER_BYTES = 20

# Variables that are read when a program is executed: a fork comes too late for them.
READ_AT_START = ("LD_", "MALLOC_", "PYTHON")

# Adopting orphans is a switch of the whole process: one fork at a time.
FORKING = threading.Lock()

# Only Linux can make a grandchild our child; elsewhere each service is started by itself.
IS_POSSIBLE = sys.platform == "linux"


class Preloader(Process):
    """Forks services on request; each becomes a child of this process, as every other part is.

    It starts with the first request if it does not run yet. Stop it once all services run: it
    holds memory that is no longer shared, and code that may have changed since.
    """

    def __init__(self, log: Path) -> None:
        super().__init__(
            "preloader",
            [sys.executable, "-P", "-m", "local.launcher.machine.preloading"],
            log,
            environment={n: v for n, v in os.environ.items() if is_common(n)},
        )
        self.requests: socket.socket | None = None
        self.has_failed = False
        self.strangers: set[int] = set()

    def start(self) -> None:
        if IS_POSSIBLE:
            super().start()

    def stop(self, seconds: float | None = None) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):  # killed, and stuck in the kernel
            super().stop(seconds)
        self.running = None
        self.has_failed = False
        self.collect()
        if self.requests:
            self.requests.close()
            self.requests = None

    def begin(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        self.requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.requests.settimeout(ANSWER_SECONDS)
        with theirs:
            return self.spawn(log, stdin=theirs.fileno())

    def can_become(self, environment: Mapping[str, str]) -> bool:
        return (
            IS_POSSIBLE and read_at_start(environment).items() <= (self.environment or {}).items()
        )

    def fork(
        self, program: Program, log: IO[bytes], environment: Mapping[str, str]
    ) -> Forked | None:
        """None if this failed, now or since the last `stop`: then start the program by itself.

        It fails where a module cannot be imported, which the program then reports in its own log,
        and where nobody answers in time.
        """
        with FORKING:
            if self.has_failed:
                return None
            if not self.is_alive():
                self.stop()
                self.start()
            before = children()
            with adopting() as can_adopt:
                forked = self.ask(program, log, environment) if can_adopt else None
            self.strangers |= children() - before - ({forked.pid} if forked else set())
            self.collect()
            if not forked:
                self.stop(0)
                self.has_failed = True
        return forked

    def ask(
        self, program: Program, log: IO[bytes], environment: Mapping[str, str]
    ) -> Forked | None:
        """A fork that is not given its environment here ends by itself."""
        if not self.requests:
            return None
        ours, theirs = socket.socketpair()
        ours.settimeout(ANSWER_SECONDS)
        with ours, contextlib.suppress(OSError):
            with theirs:
                files = [log.fileno(), theirs.fileno()]
                socket.send_fds(self.requests, [json.dumps(program).encode()], files)
            if pid := int(ours.recv(ANSWER_BYTES) or 0):
                ours.sendall(json.dumps(dict(environment)).encode())
                return Forked(pid)
        return None

    def collect(self) -> None:
        """Reap the orphans that were adopted along with our forks: nobody else waits for them."""
        for pid in list(self.strangers):
            if Forked(pid).poll() is not None:
                self.strangers.remove(pid)


def read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {n: v for n, v in environment.items() if n.startswith(READ_AT_START)}


def is_common(name: str) -> bool:
    return not name.startswith("GUICHET_") and name != "PYTHONDONTWRITEBYTECODE"


@contextlib.contextmanager
def adopting() -> Generator[bool]:
    """Meanwhile orphaned descendants become our children; yields whether the kernel allows it."""
    prctl = ctypes.CDLL(None).prctl
    can_adopt = prctl(ADOPTING, 1) == 0
    try:
        yield can_adopt
    finally:
        prctl(ADOPTING, 0)


def children() -> set[int]:
    """The children of the main thread, which adopts orphans; none if another thread asks.

    Between two calls the main thread starts nothing itself, so what is new was adopted.
    """
    if threading.current_thread() is not threading.main_thread():
        return set()
    with contextlib.suppress(OSError):  # not every kernel supports it
        listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
        return {int(pid) for pid in listed.split()}
    return set()
