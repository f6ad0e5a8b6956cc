"""Starts a process: one that serves, or a command."""

import sys
from importlib import import_module
from typing import Any

# What libraries import wherever it lies: for colours in a terminal, for command lines of their own,
# for serving anew when a file changes. A server needs none of it, and would hold it in memory.
DECLINED = ("rich", "httpx._main", "uvicorn.supervisors.watchfilesreload", "pydantic.v1")


def decline() -> None:
    """Make imports of these libraries fail, before anything imports them: each caller can do
    without.
    """
    modules: dict[str, Any] = sys.modules
    for name in DECLINED:
        modules.setdefault(name, None)


def main(package: str, *, only_serves: bool = False) -> None:
    """The last line of every __main__; no traceback for a Ctrl-C.

    Only what is not `serve` imports the libraries of commands.
    """
    try:
        if only_serves or sys.argv[1:2] == ["serve"]:
            decline()
            import_module("chassis.http.server").serve_as_asked(package)
        else:
            import_module("chassis.command").run(package)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
