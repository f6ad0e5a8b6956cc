"""The real PostgreSQL and NATS that all tests of one run share."""

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

import contracts  # noqa: F401 - else pytest takes the folder contracts/ for the package
import web  # noqa: F401 - and web/ likewise
from local import servers

pytest_plugins = ["chassis.testing"]

POSTGRES, NATS = "GUICHET_TEST_POSTGRES", "GUICHET_TEST_NATS"
running = contextlib.ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """Start what nobody has named; before collection, so that every conftest sees the names.

    Where tests run in several processes, each has servers of its own, and who deals them out none.
    """
    deals_out = config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")
    if deals_out or (POSTGRES in os.environ and NATS in os.environ):
        return
    folder = running.enter_context(tempfile.TemporaryDirectory(prefix="guichet-tests-"))
    Path(folder).chmod(0o755)
    postgres, broker = running.enter_context(servers.for_tests(Path(folder)))
    os.environ.setdefault(POSTGRES, postgres.url)
    os.environ.setdefault(NATS, broker.url)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files are dealt out in the order of their parts; stories and faults all to one process.

    So one Guichet is started for them, while the other process does the rest.
    """
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415 - where several run alone

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            is_whole = nodeid.startswith(("tests/e2e/", "tests/faults/"))
            return "stories" if is_whole else super()._split_scope(nodeid)

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have counted, in words."""
    for report in terminalreporter.getreports("passed"):
        for name, words in report.user_properties:
            if name == "counted":
                terminalreporter.write_line(words)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    running.close()
