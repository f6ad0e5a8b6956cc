"""What all services import, imported once; each service is then a fork of this process.

Told on standard input, a socket, which package to serve where; with it come two open files, the
service's log and its environment. No environment is read here: what one service may know must not
lie in the memory that the next is forked from. Nothing is opened, drawn by chance or begun either.
"""

import contextlib
import ctypes
import gc
import json
import os
import signal
import socket
import sys
import sysconfig
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import NoReturn

SHARED = ("contracts", "chassis")
# Of the chassis, what services import; the rest belongs to commands.
SERVING = (
    "chassis.service", "chassis.http.server", "chassis.http.idempotency", "chassis.http.paging",
    "chassis.http.uploads", "chassis.text.folding", "chassis.text.typography",
)  # fmt: skip
# What several import by themselves, or libraries only once they are used.
LATE = (
    "cryptography.fernet", "email.generator", "jinja2", "psycopg_binary", "psycopg._copy",
    "python_multipart", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.ext.hybrid",
    "uvicorn.lifespan.on", "uvicorn.protocols.http.auto", "uvicorn.protocols.http.httptools_impl",
    "uvicorn.protocols.websockets.auto", "uvloop",
)  # fmt: skip
MESSAGE_BYTES = 1_000
PARENT_SECONDS = 0.001
DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def main() -> NoReturn:
    """Until the launcher closes its end."""
    launcher = os.getppid()
    sources = stamp()
    preload()
    requests = socket.socket(fileno=os.dup(0))
    while True:
        # Read only when it is clear who answers it: after a change that is another program.
        if not requests.recv(1, socket.MSG_PEEK):
            raise SystemExit
        if stamp() != sources:
            os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - this very program
        message, files, _, _ = socket.recv_fds(requests, MESSAGE_BYTES, 2)
        package, host, port = message.decode().split()
        if pid := fork():
            requests.send(str(pid).encode())
            for each in files:
                os.close(each)
        else:
            requests.close()
            become(package, host, int(port), *files, launcher=launcher)


def stamp() -> object:
    """Another one after a change of what is imported here: of our sources, or of the libraries."""
    packages = [Path(sysconfig.get_path("purelib"))]
    files = [file for name in SHARED for file in Path(str(folder_of(name))).rglob("*.py")]
    return [(str(each), each.stat().st_mtime_ns) for each in (*packages, *sorted(files))]


def folder_of(package: str) -> Path:
    return Path(str(import_module(package).__file__)).parent


def preload() -> None:
    # Never collected: what it would free lies between what is shared, and would be written upon.
    gc.disable()
    import_module("chassis.starting").decline()
    for name in (*SERVING, *LATE, *modules_of("contracts")):
        import_module(name)
    gc.freeze()  # nor later: a collection in a fork would write into every page that is shared


def modules_of(package: str) -> Iterator[str]:
    found = walk_packages(import_module(package).__path__, f"{package}.")
    return (each.name for each in found if not each.name.endswith("__main__"))


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


def become(
    package: str, host: str, port: int, log: int, environment: int, *, launcher: int
) -> NoReturn:
    """Be that service, as if it had been started by itself."""
    code = 1
    gc.enable()
    try:
        stand_alone(package, log, launcher)
        take_environment(environment)
        import_module("chassis.http.server").serve(package, host, port)
        code = 0
    except SystemExit as ending:
        code = ending.code if isinstance(ending.code, int) else 1
        if isinstance(ending.code, str):
            sys.stderr.write(f"{ending.code}\n")
    except BaseException as error:  # a module that does not import, most of the time
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def stand_alone(package: str, log: int, launcher: int) -> None:
    """A session, a log and a name of its own; it ends when the launcher does."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    for given, number in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(given, number)
    os.close(nothing)
    os.close(log)
    Path("/proc/self/comm").write_text(package)
    born = time.monotonic()
    while os.getppid() != launcher:  # not yet, for an instant; or never, where it was killed
        if time.monotonic() - born > 1:
            os._exit(1)
        time.sleep(PARENT_SECONDS)
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
