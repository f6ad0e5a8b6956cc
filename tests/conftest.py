"""One whole Guichet for the stories and the faults: its processes, its people, its catalogue."""

import os
import tempfile
from collections.abc import AsyncGenerator, Generator, Iterator
from pathlib import Path

import pytest

import failures
from collector import Collector, listening
from local.launcher.settings import LocalSettings
from local.launcher.stack import Stack
from shop import PASSWORD, Product, Shop, small_catalogue
from unsynced import Unsynced

WHOLE_STACK = {"accessibility", "e2e", "faults"}
SECONDS = 600  # the first test waits for the start of everything
SETTINGS = {
    # One customer lives through many stories.
    "GUICHET_TICKETS_AN_HOUR": "1000000",
    "GUICHET_MESSAGES_AN_HOUR": "1000000",
    # Everybody in them has a password, and a hash takes 0.14 s as identity makes it for real.
    "GUICHET_PASSWORD_MEMORY_KIB": "8",
    "GUICHET_PASSWORD_PASSES": "1",
}
OTHER_SYSTEMS = ("warehouse", "accounting")
ADMINISTRATOR = "ada.ministre@example.org"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--base-url",
        help="Run the stories against the Guichet at this address instead of one of their own; "
        "GUICHET_TEST_ADMINISTRATOR and GUICHET_TEST_PASSWORD sign in there.",
    )
    parser.addoption("--pictures", help="The folder for tests/e2e/pictures.py.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).parts[0] in WHOLE_STACK:
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    failures.note(item, report)
    return report


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    with listening() as collector:
        yield collector


@pytest.fixture(scope="session")
def stack(request: pytest.FixtureRequest, collector: Collector) -> Iterator[Stack]:
    """All processes on free ports; tests may stop and start them, and leave all running."""
    if request.config.getoption("--base-url"):
        pytest.fail("this test stops and starts parts: it needs a Guichet of its own")
    with tempfile.TemporaryDirectory(prefix="guichet-tests-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL may have to run as nobody
        settings = LocalSettings.on_free_ports(Path(folder) / "state")
        changes = {"subscribers": ",".join(OTHER_SYSTEMS), "traces_url": collector.url}
        with pytest.MonkeyPatch.context() as environment:
            for name, value in SETTINGS.items():
                environment.setenv(name, value)
            settings = settings.model_copy(update=changes)
            with Unsynced(settings) as stack:
                request.config.stash[failures.LOGS] = stack.logs
                yield stack


@pytest.fixture(scope="session")
async def shop(request: pytest.FixtureRequest) -> AsyncGenerator[Shop]:
    """With products enough to search; the real catalogue is catalog's and the demo's to import."""
    if url := request.config.getoption("--base-url"):
        email, password = (
            os.environ[f"GUICHET_TEST_{name}"] for name in ("ADMINISTRATOR", "PASSWORD")
        )
        shop = Shop(url.rstrip("/"), administrator=email, password=password)
    else:
        stack = request.getfixturevalue("stack")
        first_administrator(stack)
        shop = Shop(stack.public_url, administrator=ADMINISTRATOR, password=PASSWORD)
    await shop.import_catalogue(small_catalogue())
    yield shop
    await shop.http.aclose()


def first_administrator(stack: Stack) -> None:
    """As whoever installs Guichet makes one: at the terminal."""
    done = stack.run(
        "identity", "staff", "add", "--email", ADMINISTRATOR, "--first-name", "Ada",
        "--last-name", "Ministre", "--role", "administrator", "--password-stdin",
        typed=PASSWORD,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="session")
async def product(shop: Shop) -> Product:
    """One that is on sale."""
    return await shop.product("100-100000910WOF")
