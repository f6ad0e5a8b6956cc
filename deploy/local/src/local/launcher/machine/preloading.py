"""What services import, imported once; each service is then a fork of this process.

Told on standard input, a socket, which module to run as a program; with it come two open files, its
log and its environment. No environment is read here: what one service may know must not lie in the
memory that the next is forked from. Nothing is opened, drawn by chance or begun either.
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

# notifications registers metrics of its own as it is imported: nobody else shall show them.
APPS = ("identity.app", "catalog.app", "sales.app", "tickets.app", "web.app")
# What libraries import only once they are used.
LATE = (
    "psycopg_binary", "psycopg._copy", "python_multipart", "sqlalchemy.dialects.postgresql.psycopg",
    "uvicorn.lifespan.on", "uvicorn.protocols.http.auto", "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.auto", "uvloop",
)  # fmt: skip
MESSAGE_BYTES = 10_000
PARENT_SECONDS, PAUSE_SECONDS = 20, 0.001
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


class Program(TypedDict):
    """`python -m package arguments`."""

    package: str
    arguments: list[str]


def main() -> NoReturn:
    """Until the launcher closes its end."""
    launcher = os.getppid()
    preload()
    requests = socket.socket(fileno=os.dup(0))
    while True:
        message, files, _, _ = socket.recv_fds(requests, MESSAGE_BYTES, 2)
        if not message:
            raise SystemExit
        program: Program = json.loads(message)
        if pid := fork():
            requests.send(str(pid).encode())
            for each in files:
                os.close(each)
        else:
            requests.close()
            become(program, *files, launcher=launcher)


def preload() -> None:
    # Never collected: what it would free lies between what is shared, and would be written upon.
    gc.disable()
    import_module("chassis.starting").decline()
    for name in ("chassis.http.server", *APPS, *LATE):
        import_module(name)
    gc.freeze()  # nor later: a collection in a fork would write into every page that is shared


def fork() -> int:
    """In the launcher's child 0, here its process id: between them stands one that ends at once."""
    reading, writing = os.pipe()
    if between := os.fork():
        os.close(writing)
        with open(reading, "rb") as pid:  # noqa: PTH123 - a pipe
            child = int(pid.read())
        os.waitpid(between, 0)  # now it is the launcher's
        return child
    if child := os.fork():
        os.write(writing, str(child).encode())
        os._exit(0)
    os.close(reading)
    os.close(writing)
    return 0


def become(program: Program, log: int, environment: int, *, launcher: int) -> NoReturn:
    """Be that program, as if it had been started by itself."""
    code = 1
    gc.enable()
    try:
        stand_alone(program, log, launcher)
        take_environment(environment)
        sys.argv = ["", *program["arguments"]]
        runpy.run_module(program["package"], run_name="__main__", alter_sys=True)
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
        if isinstance(ending.code, str):
            sys.stderr.write(f"{ending.code}\n")
    except BaseException as error:  # a module that does not import, most of the time
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def stand_alone(program: Program, log: int, launcher: int) -> None:
    """A session, a log and a name of its own; it ends when the launcher does."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for given, number in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(given, number)
    os.close(nothing)
    os.close(log)
    Path("/proc/self/comm").write_text(program["package"])
    born = time.monotonic()
    while os.getppid() != launcher:  # not yet, for an instant; or never, where it was killed
        if time.monotonic() - born > PARENT_SECONDS:
            os._exit(1)
        time.sleep(PAUSE_SECONDS)
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGTERM)
    if os.getppid() != launcher:
        os._exit(1)


def take_environment(file: int) -> None:
    os.environ.clear()
    os.lseek(file, 0, os.SEEK_SET)
    with open(file, encoding="ascii") as written:
        os.environ.update(json.load(written))
    with contextlib.suppress(AttributeError):
        time.tzset()


if __name__ == "__main__":
    main()
