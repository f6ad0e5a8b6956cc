"""Serve one part so that changed code is taken without a new start: `./guichet up --watch`.

This process holds the port and the libraries, and forks what serves. On SIGHUP it forks
again: our own modules are imported again, and meanwhile browsers wait at the open port.
"""

import argparse
import contextlib
import ctypes
import importlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterable
from typing import NoReturn

from local.launcher.machine.forks import run_as_program
from local.workshop.parts import SOURCES

SIGNALS = {signal.SIGHUP, signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
# A page's stream of live hints never ends by itself, and nobody's work is at stake here.
ENDING_SECONDS = 0.5


def main() -> NoReturn:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("package")
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    listening = socket.create_server((arguments.host, arguments.port), backlog=2048)
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    child, libraries = begin(arguments.package, listening)
    preload(libraries)
    generation = 1
    while True:
        sign = signal.sigwait(SIGNALS)
        if sign in {signal.SIGTERM, signal.SIGINT}:
            end(child)
            raise SystemExit(0)
        if sign == signal.SIGHUP:
            end(child)
            child, _ = begin(arguments.package, listening)
            generation += 1
        elif (code := ended(child)) is not None:
            child = 0
            if generation == 1:
                raise SystemExit(code or 1)
            # Its log says why: the next change may mend it.


def begin(package: str, listening: socket.socket) -> tuple[int, list[str]]:
    """Fork what serves; returns it and, once all of it is imported, the names of its modules."""
    reading, writing = os.pipe()
    launcher = os.getpid()
    child = os.fork()
    if child:
        os.close(writing)
        with open(reading, encoding="utf-8") as names:  # noqa: PTH123 - a pipe
            return child, json.loads(names.read() or "[]")
    os.close(reading)
    die_with(launcher)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    run_as_program(lambda: serve(package, listening, writing))


def serve(package: str, listening: socket.socket, writing: int) -> None:
    importlib.import_module(f"{package}.app")
    with open(writing, "w", encoding="utf-8") as names:
        names.write(json.dumps(sorted(sys.modules)))
    from chassis.http import server  # noqa: PLC0415 - ours: only what is forked may import it

    server.serve(package, None, None, sockets=[listening])


def die_with(launcher: int) -> None:
    """Linux alone can promise it; elsewhere whoever kills the launcher ends what it leaves."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
        if os.getppid() != launcher:  # it was killed before the kernel knew
            os._exit(1)


def preload(names: Iterable[str]) -> None:
    """Every library that the part has imported; none of our own modules, which may change."""
    for name in names:
        if name.partition(".")[0] not in {*SOURCES, "__main__"} and name not in sys.modules:
            with contextlib.suppress(Exception):  # some only come with others
                importlib.import_module(name)


def end(child: int) -> None:
    if not child:
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGTERM)
    deadline = time.monotonic() + ENDING_SECONDS
    while ended(child) is None:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return
        time.sleep(0.01)


def ended(child: int) -> int | None:
    """The exit code of a child that has ended."""
    try:
        pid, status = os.waitpid(child, os.WNOHANG)
    except ChildProcessError:
        return 0
    return os.waitstatus_to_exitcode(status) if pid else None


if __name__ == "__main__":
    main()
