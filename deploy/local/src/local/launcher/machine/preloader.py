"""Programs in Python as forks of one process that holds what all of them import."""

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
ANSWER_SECONDS = 15  # meanwhile the launcher looks after nothing else
ANSWER_BYTES = 20

# Read by a program as it begins, and by nothing that is forked later.
READ_AT_START = ("LD_", "MALLOC_", "PYTHON")

# One at a time in a process, which either adopts or does not.
FORKING = threading.Lock()

# Linux can give a child's child to us; elsewhere each service is started by itself.
IS_POSSIBLE = sys.platform == "linux"


class Preloader(Process):
    """Asked to, it forks a program, which is then a child of this process as any other part.

    It begins when it is asked, and is to be stopped when all are started: the pages that all of
    them have written upon lie in it alone, and it knows no code of later.
    """

    def __init__(self, log: Path) -> None:
        super().__init__(
            "preloader",
            [sys.executable, "-P", "-m", "local.launcher.machine.preloading"],
            log,
            environment={n: v for n, v in os.environ.items() if is_everybodys(n)},
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
        """Its process; none where it has to be started by itself, as all others until `stop`.

        So where something cannot be imported, which the program tells itself, and where nobody
        answers in time.
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
        """What is forked ends by itself unless it has been heard of and given its environment."""
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
        """Others' orphans, adopted along with ours: nobody else reads their end."""
        for pid in list(self.strangers):
            if Forked(pid).poll() is not None:
                self.strangers.remove(pid)


def read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {n: v for n, v in environment.items() if n.startswith(READ_AT_START)}


def is_everybodys(name: str) -> bool:
    return not name.startswith("GUICHET_") and name != "PYTHONDONTWRITEBYTECODE"


@contextlib.contextmanager
def adopting() -> Generator[bool]:
    """Whoever loses its parent below us meanwhile becomes our child; whether the kernel agrees."""
    prctl = ctypes.CDLL(None).prctl
    can_adopt = prctl(ADOPTING, 1) == 0
    try:
        yield can_adopt
    finally:
        prctl(ADOPTING, 0)


def children() -> set[int]:
    """Of the first thread, which is who adopts; to others they are none of their business.

    Asked by that thread before and after, only adopted ones are new: it has started nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        return set()
    with contextlib.suppress(OSError):  # not every kernel tells
        listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
        return {int(pid) for pid in listed.split()}
    return set()
