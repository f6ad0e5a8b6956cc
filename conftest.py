"""The real PostgreSQL and NATS that all tests of one run share."""

import contextlib
import gc
import os
import random
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import contracts  # noqa: F401 - else pytest takes the folder contracts/ for the package
import web  # noqa: F401 - and web/ likewise
from local.launcher.machine import servers

pytest_plugins = ["chassis.testing"]

POSTGRES, NATS = "GUICHET_TEST_POSTGRES", "GUICHET_TEST_NATS"
# What shares something that takes long to start; the first that fits.
LOTS = {
    "one Guichet": (
        "tests/e2e/counter/", "tests/faults/",
        *(f"tests/e2e/test_{name}.py" for name in ("mail", "second_story", "staff_and_mail")),
    ),
    "another Guichet": ("tests/e2e/",),
    "an installation": tuple(
        f"tests/attacks/test_{name}.py" for name in ("contract", "edge", "limits", "sessions")
    ),
}  # fmt: skip
SHOP = ZoneInfo("Europe/Paris")
ANY = "any"  # a seed of chance
DAYS_LAST_MINUTES = 2  # more than any test takes
running = contextlib.ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    """Start what nobody has named; before collection, so that every conftest sees the names.

    Where tests run in several processes, each has servers of its own, and who deals them out none.
    """
    one_of_several = hasattr(config, "workerinput")
    if one_of_several:
        config.option.random_order = config.workerinput["random_order"]
        for name in (POSTGRES, NATS):  # none shares its databases, not even where one is named
            os.environ.pop(name, None)
    if config.option.random_order == ANY:
        config.option.random_order = str(random.randrange(1_000_000))  # noqa: S311 - no secret
    deals_out = config.getoption("dist", "no") != "no" and not one_of_several
    if deals_out or (POSTGRES in os.environ and NATS in os.environ):
        return
    folder = running.enter_context(tempfile.TemporaryDirectory(prefix="guichet-tests-"))
    Path(folder).chmod(0o755)
    postgres, broker = running.enter_context(servers.for_tests(Path(folder)))
    os.environ.setdefault(POSTGRES, postgres.url)
    os.environ.setdefault(NATS, broker.url)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Each process of the tests parses the command line again: use the same random order in all of them."""
    node.workerinput["random_order"] = node.config.option.random_order


def pytest_collection_finish() -> None:
    """What is in memory now stays to the end: no search for garbage goes through it again."""
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--random-order",
        metavar="SEED",
        help=f"Files and the tests within each in an order of chance, or of the seed `{ANY}`: one "
        "is chosen and printed.",
    )


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What a test leaves behind shows in another order; the same for the same seed."""
    if (seed := config.option.random_order) is None:
        return
    chance = random.Random(seed)  # noqa: S311 - no secret
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)
    order = list(files)
    chance.shuffle(order)
    for path in order:
        if not any(files[path][0].iter_markers("in_order")):
            chance.shuffle(files[path])
    # As ever, the long ones first, so that no process ends long before another.
    order.sort(key=lambda path: lot_of(files[path][0].nodeid) is None)
    items[:] = [item for path in order for item in files[path]]


def lot_of(nodeid: str) -> str | None:
    return next((lot for lot, folders in LOTS.items() if nodeid.startswith(folders)), None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Files are dealt out in the order of their parts; those that need a whole Guichet in two lots.

    So two processes start one each, and are busy alike; the rest goes to whoever is free.
    """
    from xdist.scheduler import LoadFileScheduling  # noqa: PLC0415 - where several run alone

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return lot_of(nodeid) or super()._split_scope(nodeid)

    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """No test begins at the end of a day: its today would be yesterday before its end."""
    for zone in (UTC, SHOP):
        now = datetime.now(zone)
        if (now.hour, now.minute) >= (23, 60 - DAYS_LAST_MINUTES):
            time.sleep((60 - now.minute) * 60 - now.second)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests have counted, in words, and how to run them in this order again."""
    if (seed := terminalreporter.config.option.random_order) is not None:
        terminalreporter.write_line(f"in the order of --random-order={seed}")
    for report in terminalreporter.getreports("passed"):
        for name, words in report.user_properties:
            if name == "counted":
                terminalreporter.write_line(words)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    running.close()
