"""What the tests of faults share: people at work, the broker, and a watch over the parts."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from contracts.topology import CONTEXTS
from faults.broker import Broker, administered
from faults.signed_out import accepted_after_changes, accepted_after_the_end
from local.launcher.machine.supervise import Supervisor
from local.launcher.stack import Stack
from shop import Account, Shop
from waiting import all_ready, eventually


@pytest.fixture(scope="session")
async def seller(shop: Shop) -> Account:
    return await shop.hire("seller", "Julien", "Morel")


@pytest.fixture(scope="session")
async def technician(shop: Shop) -> Account:
    return await shop.hire("technician", "Claire", "Vasseur")


@pytest.fixture
async def customer(shop: Shop) -> Account:
    return await shop.register()


@pytest.fixture
async def broker(stack: Stack, shop: Shop) -> AsyncGenerator[Broker]:
    async with administered(stack) as broker:
        yield broker


@pytest.fixture(autouse=True)
async def whole(stack: Stack, shop: Shop) -> None:
    """Whatever the test before has stopped is there again, and the gateway has found it."""
    await all_ready(stack.processes)
    await eventually(lambda: all_reached(shop))


@pytest.fixture
async def supervisor(stack: Stack, shop: Shop) -> AsyncGenerator[list[str]]:
    """As `./guichet up` looks after its parts; gives what it says."""
    messages: list[str] = []
    supervisor = Supervisor(stack.processes, messages.append, pauses=(0.2,))

    async def watch() -> None:
        while True:
            if supervisor.look():
                await asyncio.to_thread(stack.take_note, messages.append)
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    yield messages
    await all_ready(stack.processes)  # for the next test, whatever became of this one
    await eventually(lambda: all_reached(shop))
    watching.cancel()


async def all_reached(shop: Shop) -> None:
    """The gateway looks at each part only so often."""
    for path in ("/connexion", *(f"/api/{context}/nothing" for context in CONTEXTS)):
        answer = await shop.http.get(path)
        assert answer.status_code < 500, f"the gateway has not found what answers {path}"


@pytest.fixture(scope="session", autouse=True)
async def signed_out(shop: Shop) -> AsyncGenerator[asyncio.Task[dict[str, float]]]:
    """Watched while the other tests run, so that nobody has to wait the minute out."""
    leaver = await shop.hire("seller", "Lucie", "Sortante")
    watching = asyncio.create_task(accepted_after_the_end(leaver))
    yield watching
    watching.cancel()


@pytest.fixture(scope="session", autouse=True)
async def changed(shop: Shop) -> AsyncGenerator[asyncio.Task[dict[str, float]]]:
    """The same of an administrator who is one no more, and of a technician who is disabled."""
    watching = asyncio.create_task(accepted_after_changes(shop))
    yield watching
    watching.cancel()
