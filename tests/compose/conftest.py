"""One Guichet in containers for all of these tests: `./guichet test compose`."""

import os
import tempfile
import time
from collections.abc import AsyncGenerator, Generator, Iterator
from pathlib import Path

import pytest

from compose.installation import ADMINISTRATOR, PASSWORD, Installation
from local.containers.engine import DISCOVERY_SECONDS, Replica, require_docker
from shop import Account, Shop, real_catalogue

SECONDS = 1800  # the first test waits for the images


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The story first, while nobody has filled the desk with other people's requests."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(SECONDS))
    items.sort(key=lambda item: item.path.name != "test_story.py")


FIGURES = pytest.StashKey[list[str]]()


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines for the reader, shown at the end of the run."""
    return request.config.stash.setdefault(FIGURES, [])


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = terminalreporter.config.stash.get(FIGURES, [])
    if lines:
        terminalreporter.section("figures")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def installation() -> Generator[Installation]:
    """GUICHET_TEST_KEEP may name a folder: what is made there stays, and is used the next time."""
    require_docker()
    if folder := os.environ.get("GUICHET_TEST_KEEP"):
        installation = Installation(Path(folder), "guichet-test-kept")
        made_ready(installation)
        yield installation
        return
    with tempfile.TemporaryDirectory(prefix="guichet-compose-") as folder:
        installation = Installation(Path(folder), f"guichet-test-{os.getpid()}")
        try:
            made_ready(installation)
            yield installation
        finally:
            installation.remove()


def made_ready(installation: Installation) -> None:
    installation.init()
    installation.start()
    installation.add_administrator()


@pytest.fixture(scope="session")
async def shop(installation: Installation) -> AsyncGenerator[Shop]:
    """The real catalogue, as in the local stack."""
    shop = Shop(installation.url, administrator=ADMINISTRATOR, password=PASSWORD)
    await shop.import_catalogue(real_catalogue())
    yield shop
    await shop.http.aclose()


@pytest.fixture(scope="session")
async def technician(shop: Shop) -> Account:
    return await shop.hire("technician", "Claire", "Vasseur")


@pytest.fixture
def three_replicas_of_tickets(installation: Installation) -> Iterator[list[Replica]]:
    """And one again when the test is done, whatever it did to them."""
    installation.compose.scale("tickets", 3)
    installation.compose.wait_for("tickets", 3)
    time.sleep(DISCOVERY_SECONDS)
    yield installation.compose.replicas("tickets")
    installation.compose.scale("tickets", 1)
    installation.compose.wait_for("tickets", 1)
