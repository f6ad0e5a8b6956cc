"""What replicas are worth: requests a second, and what each costs."""

import asyncio
import os
import time
from collections.abc import AsyncGenerator
from typing import NamedTuple, Self

import psutil
import pytest

from compose import desk as desks
from compose.desk import Desk
from compose.installation import Installation
from compose.load import under_load
from local.containers.engine import DISCOVERY_SECONDS
from shop import Account, Shop

SECONDS, PEOPLE = 12, 8
WATCHED = ("gateway", "web", "tickets", "identity", "postgres")

# A table for docs/operations.md.
HEAD = (
    "| asked | replicas of web and tickets | requests/s | p50 ms | p95 ms | "
    + " | ".join(f"{part}, CPU ms each" for part in WATCHED)
    + " | cores: Guichet | the test | all of the machine | calls of tickets each | 429 |",
    "|" + " --- |" * (10 + len(WATCHED)),
)


@pytest.fixture(scope="module")
async def desk(shop: Shop, technician: Account) -> AsyncGenerator[Desk]:
    desk = await desks.set_up(shop, technician)
    yield desk
    await desk.browser.aclose()


@pytest.mark.parametrize("replicas", [1, 2, 4])
async def test_ticket_pages_with_replicas(
    installation: Installation, desk: Desk, figures, replicas: int
):
    compose = installation.compose
    if replicas == 1:
        figures.extend(HEAD)
    for part in ("tickets", "web"):
        compose.scale(part, replicas)
    for part in ("tickets", "web"):
        compose.wait_for(part, replicas)
    await asyncio.sleep(DISCOVERY_SECONDS)

    for name, ask in (("pages", desk.looks), ("API", desk.reads)):
        await under_load(lambda: asyncio.sleep(3), ask, people=PEOPLE, rate=10_000)  # warm
        # What asks in the containers costs there too: outside of the readings that it would spoil.
        calls = calls_of_tickets(installation)
        before = {part: installation.cpu_seconds(part) for part in WATCHED}
        began = Machine.now()
        load = await under_load(lambda: asyncio.sleep(SECONDS), ask, people=PEOPLE, rate=10_000)
        machine = Machine.now().since(began)
        used = {part: installation.cpu_seconds(part) - before[part] for part in WATCHED}
        calls = calls_of_tickets(installation) - calls
        each = [1000 * seconds / load.asked for seconds in used.values()]
        cores = [
            seconds / machine.clock for seconds in (sum(used.values()), machine.ours, machine.busy)
        ]
        figures.append(
            f"| {name} | {replicas} | {load.rate:.0f} | {load.milliseconds(0.5):.0f} |"
            f" {load.milliseconds(0.95):.0f} | {' | '.join(f'{cost:.1f}' for cost in each)} |"
            f" {' | '.join(f'{number:.2f}' for number in cores)} |"
            f" {calls / load.asked:.1f} | {load.statuses[429]} |"
        )
        assert cores[-1] <= 1.02 * psutil.cpu_count()  # the kernel counts in hundredths of a second
        assert load.failed == {}
        assert load.statuses[200] > 0
    if replicas == 4:
        for part in ("tickets", "web"):
            compose.scale(part, 1)


def calls_of_tickets(installation: Installation) -> int:
    replicas = installation.compose.replicas("tickets")
    return sum(installation.requests_of(replica, "/api/tickets") for replica in replicas)


class Machine(NamedTuple):
    """Seconds by the clock, of the processor for this test, and of all cores for whomever."""

    clock: float
    ours: float
    busy: float

    @classmethod
    def now(cls) -> Self:
        ours, all_of_it = os.times(), psutil.cpu_times()
        busy = sum(
            getattr(all_of_it, kind) for kind in ("user", "nice", "system", "irq", "softirq")
        )
        return cls(time.monotonic(), ours.user + ours.system, busy)

    def since(self, before: Self) -> Self:
        return type(self)(*(now - then for now, then in zip(self, before, strict=True)))
