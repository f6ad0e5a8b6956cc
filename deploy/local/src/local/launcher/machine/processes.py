"""One process: started with its own log file, dead when its parent dies, stopped in order."""

import contextlib
import fcntl
import functools
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

Argument = str | Path
ENDING_PAUSE = 0.01


class CannotStart(Exception):
    """One line for the person at the terminal: what does not start, and what to do."""


FREE_PORTS = range(10_000, 20_000)
ENOUGH_PORTS = 1_000  # for several installations and their tests side by side
OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")  # the first and the last


def free_port() -> int:
    """A port on which nothing listens, and that is given out once while this process lives."""
    ports = below_outgoing(FREE_PORTS)
    while True:
        port = random.choice(ports)  # noqa: S311 - no secret
        if reserve(port) and not is_taken(port):
            return port


def below_outgoing(ports: Sequence[int]) -> Sequence[int]:
    """Without those that the kernel gives to outgoing connections, from 32768 on by default.

    One of them could be taken before our server listens, tens of seconds later.
    """
    try:
        first = int(OUTGOING.read_text().split()[0])
    except (OSError, ValueError, IndexError):  # not Linux
        return ports
    below = [port for port in ports if port < first]
    return below if len(below) >= ENOUGH_PORTS else ports


def reserve(port: int) -> bool:
    """Before its server listens, which takes tens of seconds on a busy machine.

    Each port is one byte of a file that all processes of this user lock for as long as they live.
    """
    if port in reserved:
        return False
    try:
        fcntl.lockf(reservations(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    reserved.add(port)
    return True


reserved: set[int] = set()


@functools.cache
def reservations() -> int:
    """Never closed: the kernel would forget all locks of this process with any one descriptor.

    Where somebody else has made what is called so, a file that no other process knows.
    """
    file = Path(tempfile.gettempdir()) / f"guichet-ports-{os.getuid()}"
    with contextlib.suppress(OSError):
        opened = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        if os.fstat(opened).st_uid == os.getuid():
            return opened
        os.close(opened)
    opened, name = tempfile.mkstemp(prefix="guichet-ports-")
    Path(name).unlink()
    return opened


def is_taken(port: int) -> bool:
    """Whether something listens on this port already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def dying_with_us(sign: str) -> list[str]:
    """The prefix that ends a process with this signal's name when its parent is gone.

    The kernel means the parent's thread: start processes from a thread that lives on. macOS
    has nothing like it; there a launcher that is killed leaves its processes behind.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", sign, "--"] if setpriv else []


def wait_until(true: Callable[[], bool], seconds: float, pause: float = 0.05) -> bool:
    """Ask again and again; whether it came true in time."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


class Forked:
    """A child of ours that no `Popen` has started, with as much of its interface as is used here."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self.reaping = threading.RLock()  # reaped once, and its process id is not signalled later

    def poll(self) -> int | None:
        """The exit code, None while it runs; as with `Popen` 0 if somebody else has reaped it."""
        with self.reaping:
            if self.returncode is None:
                try:
                    pid, status = os.waitpid(self.pid, os.WNOHANG)
                except ChildProcessError:
                    pid, status = self.pid, 0
                self.returncode = os.waitstatus_to_exitcode(status) if pid else None
            return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        """Raises subprocess.TimeoutExpired where it has not ended in so many seconds."""
        seconds = float("inf") if timeout is None else timeout
        if not wait_until(lambda: self.poll() is not None, seconds, ENDING_PAUSE):
            raise subprocess.TimeoutExpired(str(self.pid), seconds)
        return self.returncode

    def send_signal(self, sign: int) -> None:
        with self.reaping, contextlib.suppress(ProcessLookupError):
            if self.poll() is None:
                os.kill(self.pid, sign)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Process:
    """A program of the stack, which may be started and stopped again and again."""

    stop_seconds: float = 15  # from the signal to stop until it is killed

    def __init__(
        self,
        name: str,
        command: Sequence[Argument],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        prefix: Sequence[Argument] = (),
        stop_with: signal.Signals = signal.SIGTERM,
    ) -> None:
        self.name, self.command, self.log = name, command, log
        self.environment = environment
        self.prefix, self.stop_with = prefix, stop_with
        self.running: subprocess.Popen[bytes] | Forked | None = None
        self.is_stopping = False  # a second signal would make some processes abort their stop

    def start(self) -> None:
        if self.is_alive():
            return
        self.is_stopping = False
        self.log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.running = self.begin(log)

    def begin(self, log: IO[bytes]) -> "subprocess.Popen[bytes] | Forked":
        return self.spawn(log)

    def spawn(self, log: IO[bytes], stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        dying = dying_with_us(self.stop_with.name.removeprefix("SIG"))
        # A session of its own: Ctrl-C is for the launcher, which then stops all in order.
        return subprocess.Popen(
            [*self.prefix, *dying, *self.command],
            cwd="/",
            env=None if self.environment is None else dict(self.environment),
            stdin=stdin,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )

    @property
    def pid(self) -> int | None:
        return self.running.pid if self.running else None

    def is_alive(self) -> bool:
        return self.running is not None and self.running.poll() is None

    def is_ready(self) -> bool:
        """Whether it does its work; each kind of process checks that in its own way."""
        return self.is_alive()

    def ask_to_stop(self) -> None:
        if self.running and self.is_alive() and not self.is_stopping:
            self.is_stopping = True
            self.running.send_signal(self.stop_with)

    def stop(self, seconds: float | None = None) -> None:
        """Ask it to stop, and insist when it does not."""
        self.ask_to_stop()
        if self.running:
            try:
                self.running.wait(self.stop_seconds if seconds is None else seconds)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):  # ended just now
                    os.killpg(self.running.pid, signal.SIGKILL)
                self.running.wait(5)
        self.running = None

    def last_words(self, lines: int = 12) -> str:
        """The end of its log, for the person who asks why it does not run."""
        if not self.log.exists():
            return ""
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - 8_000))
            return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:])

    def wait_for(self, ready: Callable[[], bool], seconds: float) -> None:
        """Wait until it is ready; a process that ends before that says why."""
        if not wait_until(lambda: not self.is_alive() or ready(), seconds):
            raise CannotStart(f"{self.name} is not ready after {seconds:.0f} s: see {self.log}")
        if not self.is_alive():
            raise CannotStart(
                f"{self.name} ended at its start: see {self.log}\n{self.last_words()}"
            )
