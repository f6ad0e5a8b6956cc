"""What services import, imported once; each service is then a fork of this process.

Requests come over standard input, a socket: the module to run as a program, with two open files, its
log and a socket of its own. Over that socket the fork sends its process id, once it is detached, and
gets its environment; it ends if the launcher no longer waits for it. No environment is read here:
what one service may know must not be in the memory that the next is forked from. Nor is anything
opened, started or drawn at random, which forks would share.
"""

import contextlib
import ctypes
import gc
import json
import os
import runpy
import signal
import socket
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import NoReturn, TypedDict

from contracts.topology import CONTEXTS
from local.launcher.machine.forks import run_as_program

APPS = [f"{name}.app" for name in (*CONTEXTS, "web")]
# Modules that libraries import only on first use.
LATE = (
    "psycopg_binary", "psycopg._copy", "python_multipart", "sqlalchemy.dialects.postgresql.psycopg",
    "uvicorn.lifespan.on", "uvicorn.protocols.http.auto", "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.auto", "uvloop",
)  # fmt: skip
MESSAGE_BYTES = 10_000
PARENT_SECONDS, PAUSE_SECONDS = 10, 0.001
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


class Program(TypedDict):
    """`python -m package arguments`."""

    package: str
    arguments: list[str]


def main() -> NoReturn:
    """Serve requests until the launcher closes its end of the socket."""
    launcher = os.getppid()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # « ignored » is inherited
    preload()
    requests = socket.socket(fileno=os.dup(0))
    while True:
        message, files, _, _ = socket.recv_fds(requests, MESSAGE_BYTES, 2)
        if not message:
            raise SystemExit
        program: Program = json.loads(message)
        if is_forked():
            requests.close()
            run_program(program, *files, launcher=launcher)
        for each in files:
            os.close(each)


def preload() -> None:
    # No garbage collection: it would leave holes between shared objects, which forks write to.
    gc.disable()
    import_module("chassis.starting").block_imports()
    for name in ("chassis.http.server", *APPS, *LATE):
        import_module(name)
    gc.freeze()  # a collection in a fork would write to, and so copy, every shared page


def is_forked() -> bool:
    """Fork twice, so that the launcher adopts the grandchild; True in the grandchild."""
    if between := os.fork():
        with contextlib.suppress(ChildProcessError):
            os.waitpid(between, 0)
        return False
    if os.fork():
        os._exit(0)
    return True


def run_program(program: Program, log: int, giver: int, *, launcher: int) -> NoReturn:
    """Run that program in this process, as if it had been started by itself."""

    def run() -> None:
        detach(program, log, launcher)
        take_environment(giver)
        sys.argv = ["", *program["arguments"]]
        runpy.run_module(program["package"], run_name="__main__", alter_sys=True)

    gc.enable()
    run_as_program(run)


def detach(program: Program, log: int, launcher: int) -> None:
    """A session, a log and a name of its own; it ends when the launcher does."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for given, number in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(given, number)
    os.close(nothing)
    os.close(log)
    with contextlib.suppress(OSError):  # read-only in some containers; only `ps` shows it
        Path("/proc/self/comm").write_text(program["package"])
    detached_at = time.monotonic()
    while os.getppid() != launcher:  # adopted in an instant, or never if it was killed
        if time.monotonic() - detached_at > PARENT_SECONDS:
            os._exit(1)
        time.sleep(PAUSE_SECONDS)
    dies = ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM) == 0
    if not dies or os.getppid() != launcher:
        os._exit(1)


def take_environment(giver: int) -> None:
    """Read the environment, which the launcher sends only to its own child; else exit."""
    with socket.socket(fileno=giver) as launcher, launcher.makefile(encoding="ascii") as given:
        launcher.sendall(str(os.getpid()).encode())
        environment = given.read()
    if not environment:
        os._exit(1)
    os.environ.clear()
    os.environ.update(json.loads(environment))
    with contextlib.suppress(AttributeError):
        time.tzset()


if __name__ == "__main__":
    main()
