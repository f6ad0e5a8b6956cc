"""One Guichet at work for all incidents, with small disks: `./guichet test incidents`."""

import json
import tempfile
from collections.abc import AsyncGenerator, Generator, Iterator
from pathlib import Path

import pytest

from disks import Disk, mounted
from incidents.operator import Operator
from local.launcher import running
from local.launcher.settings import LocalSettings
from local.launcher.stack import Stack
from shop import PASSWORD, Account, Product, Shop

SECONDS = 180
ADMINISTRATOR = "ada.ministre@example.org"
DISKS = {"": 48, "nats": 16, "postgres": 400}  # MB of the state, and of two folders in it


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="session")
def disks() -> Iterator[dict[str, Disk]]:
    """Of the state, of NATS, of PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="guichet-incidents-") as folder:
        Path(folder).chmod(0o755)
        state = Path(folder) / "state"
        with mounted({state / name: size for name, size in DISKS.items()}) as disks:
            yield {name: disks[state / name] for name in DISKS}


@pytest.fixture(scope="session")
def operator(disks: dict[str, Disk]) -> Generator[Operator]:
    settings = LocalSettings.on_free_ports(disks[""].folder)
    # An event that fails becomes a dead letter after seconds, not minutes.
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GUICHET_RETRY_SECONDS", "[0.1, 0.1, 0.1, 0.1, 0.1]")
        environment.setenv("GUICHET_TICKETS_AN_HOUR", "1000000")
        environment.setenv("GUICHET_MAIL_RETRY_SECONDS", json.dumps([2] * 60))
        with running.alone(settings.state), Stack(settings) as stack:
            operator = Operator(stack)
            try:
                yield operator
            finally:
                operator.leave()


@pytest.fixture(scope="session")
async def shop(operator: Operator) -> AsyncGenerator[Shop]:
    stack = operator.stack
    done = stack.run(
        "identity", "staff", "add", "--email", ADMINISTRATOR, "--first-name", "Ada",
        "--last-name", "Ministre", "--role", "administrator", "--password-stdin",
        typed=PASSWORD,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    shop = Shop(stack.public_url, administrator=ADMINISTRATOR, password=PASSWORD)
    await shop.import_products([("A-1", "Imprimante laser")])
    yield shop
    await shop.http.aclose()


@pytest.fixture(scope="session")
async def seller(shop: Shop) -> Account:
    return await shop.hire("seller", "Julien", "Morel")


@pytest.fixture(scope="session")
async def product(shop: Shop) -> Product:
    return await shop.product("A-1")


@pytest.fixture(autouse=True)
async def well_before_and_after(operator: Operator, shop: Shop) -> AsyncGenerator[None]:
    """Each incident begins and ends with a Guichet that is well."""
    await operator.is_well()
    yield
    await operator.is_well()
