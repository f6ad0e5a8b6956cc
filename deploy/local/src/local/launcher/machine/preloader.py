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
ANSWER_SECONDS = 60
ANSWER_BYTES = 20

# Read by a program as it begins, and by nothing that is forked later.
READ_AT_START = ("LD_", "MALLOC_", "PYTHON")

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
        self.asking = threading.Lock()

    def start(self) -> None:
        if IS_POSSIBLE:
            super().start()

    def stop(self, seconds: float | None = None) -> None:
        super().stop(seconds)
        self.has_failed = False
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
        """Its process; none where something cannot be imported, which the program tells itself."""
        with self.asking, given(environment) as told, adopting():
            while not self.has_failed:
                is_new = not self.is_alive()
                if is_new:
                    self.stop()
                    self.start()
                if pid := self.ask(program, [log.fileno(), told]):
                    return Forked(pid)
                self.stop(0)
                self.has_failed = is_new  # another one may have been killed meanwhile
        return None

    def ask(self, program: Program, files: list[int]) -> int:
        """The process; 0 where nobody answers."""
        if self.requests:
            with contextlib.suppress(ConnectionError, TimeoutError):
                socket.send_fds(self.requests, [json.dumps(program).encode()], files)
                return int(self.requests.recv(ANSWER_BYTES) or 0)
        return 0


def read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {n: v for n, v in environment.items() if n.startswith(READ_AT_START)}


def is_everybodys(name: str) -> bool:
    return not name.startswith("GUICHET_") and name != "PYTHONDONTWRITEBYTECODE"


@contextlib.contextmanager
def given(environment: Mapping[str, str]) -> Generator[int]:
    """A file that lies nowhere, for the one process that it is given to."""
    file = os.memfd_create("environment")
    try:
        os.write(file, json.dumps(dict(environment)).encode())
        yield file
    finally:
        os.close(file)


@contextlib.contextmanager
def adopting() -> Generator[None]:
    """Whoever loses its parent below us meanwhile becomes our child."""
    prctl = ctypes.CDLL(None).prctl
    prctl(ADOPTING, 1)
    try:
        yield
    finally:
        prctl(ADOPTING, 0)
