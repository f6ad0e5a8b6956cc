"""Starts a process: one that serves, or a command."""

import sys
from importlib import import_module
from typing import Any

# What libraries import if it is installed, for colours in a terminal, their own command lines or
# reloading. A server needs none of it, and it would only take memory.
UNNEEDED_IMPORTS = ("rich", "httpx._main", "uvicorn.supervisors.watchfilesreload", "pydantic.v1")


def block_imports() -> None:
    """Make imports of these modules fail: whatever imports them can do without."""
    modules: dict[str, Any] = sys.modules
    for name in UNNEEDED_IMPORTS:
        modules.setdefault(name, None)


def main(package: str, *, serve_only: bool = False) -> None:
    """The last line of every __main__; no traceback for a Ctrl-C.

    The libraries for command lines are imported for commands other than `serve` only.
    """
    try:
        if serve_only or sys.argv[1:2] == ["serve"]:
            block_imports()
            import_module("chassis.http.server").serve_from_arguments(package)
        else:
            import_module("chassis.command").run(package)
    except KeyboardInterrupt:
        raise SystemExit(130) from None
