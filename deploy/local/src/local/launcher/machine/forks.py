"""A fork that goes on as a program of its own."""

import os
import sys
from collections.abc import Callable
from typing import NoReturn


def run_as_program(run: Callable[[], object]) -> NoReturn:
    """End as Python ends a program: its exit code, and what went wrong on standard error.

    Nothing that the process was forked from is run any more: no `finally` of its callers, no
    `atexit`.
    """
    code = 1
    try:
        run()
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
