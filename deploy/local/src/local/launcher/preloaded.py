"""Services as forks of one process that holds what all of them import."""

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

from local.launcher.machine.processes import CannotStart, Forked, Process

ADOPTING = 36  # PR_SET_CHILD_SUBREAPER
ANSWER_SECONDS = 60
ANSWER_BYTES = 20

# Read by a program as it begins, and by nothing that is forked later.
READ_AT_START = ("LD_", "MALLOC_", "PYTHON")

# Linux can give a child's child to us; elsewhere each service is started by itself.
IS_POSSIBLE = sys.platform == "linux"


class Preloader(Process):
    """Asked to, it forks a service, which is then a child of this process as any other part."""

    def __init__(self, log: Path) -> None:
        super().__init__(
            "preloader",
            [sys.executable, "-P", "-m", "local.launcher.machine.preloading"],
            log,
            environment={n: v for n, v in os.environ.items() if is_everybodys(n)},
        )
        self.requests: socket.socket | None = None
        self.asking = threading.Lock()

    def is_ready(self) -> bool:
        """Other terminals cannot ask it; the launcher replaces it when it ends."""
        return self.running is None or self.is_alive()

    def stop(self, seconds: float | None = None) -> None:
        super().stop(seconds)
        if self.requests:
            self.requests.close()
            self.requests = None

    def begin(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        if self.requests:
            self.requests.close()
        self.requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.requests.settimeout(ANSWER_SECONDS)
        with theirs:
            return self.spawn(log, stdin=theirs.fileno())

    def can_become(self, environment: Mapping[str, str]) -> bool:
        return read_at_start(environment) == read_at_start(self.environment or {})

    def fork(
        self, package: str, port: int, log: IO[bytes], environment: Mapping[str, str]
    ) -> Forked:
        """What serves the package; raises CannotStart where it has none of it imported."""
        with self.asking, told_of(environment) as told, adopting():
            is_new = False
            while not is_new:  # one that has stood here may have died meanwhile
                is_new = not self.is_alive()
                self.start()
                if pid := self.ask(f"{package} 127.0.0.1 {port}", [log.fileno(), told]):
                    return Forked(pid)
                self.stop(0)
        raise CannotStart(
            f"What services are forked from has ended: see {self.log}\n{self.last_words()}"
        )

    def ask(self, what: str, files: list[int]) -> int:
        """The process that serves it; 0 where nobody answers."""
        if self.requests:
            with contextlib.suppress(ConnectionError, TimeoutError):
                socket.send_fds(self.requests, [what.encode()], files)
                return int(self.requests.recv(ANSWER_BYTES) or 0)
        return 0


def read_at_start(environment: Mapping[str, str]) -> dict[str, str]:
    return {n: v for n, v in environment.items() if n.startswith(READ_AT_START)}


def is_everybodys(name: str) -> bool:
    return not name.startswith("GUICHET_") and name != "PYTHONDONTWRITEBYTECODE"


@contextlib.contextmanager
def told_of(environment: Mapping[str, str]) -> Generator[int]:
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
