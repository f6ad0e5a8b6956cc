"""What replicas are worth: requests a second, and what each costs."""

import asyncio
import os
from collections.abc import AsyncGenerator

import psutil
import pytest

from compose import desk as desks
from compose.desk import Desk
from compose.installation import Installation
from compose.load import under_load
from local.compose_engine import NOTICED_SECONDS
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
    await asyncio.sleep(NOTICED_SECONDS)

    for name, ask in (("pages", desk.looks), ("API", desk.reads)):
        await under_load(lambda: asyncio.sleep(3), ask, people=PEOPLE, rate=10_000)  # warm
        before = {part: installation.cpu_seconds(part) for part in WATCHED}
        calls = calls_of_tickets(installation)
        ours, busy = os.times(), busy_seconds()
        load = await under_load(lambda: asyncio.sleep(SECONDS), ask, people=PEOPLE, rate=10_000)
        used = {part: installation.cpu_seconds(part) - before[part] for part in WATCHED}
        each = [1000 * seconds / load.asked for seconds in used.values()]
        cores = (sum(used.values()), cpu_since(ours), busy_seconds() - busy)
        figures.append(
            f"| {name} | {replicas} | {load.rate:.0f} | {load.milliseconds(0.5):.0f} |"
            f" {load.milliseconds(0.95):.0f} | {' | '.join(f'{cost:.1f}' for cost in each)} |"
            f" {' | '.join(f'{seconds / load.lasted:.2f}' for seconds in cores)} |"
            f" {(calls_of_tickets(installation) - calls) / load.asked:.1f} | {load.statuses[429]} |"
        )
        assert load.failed == {}
        assert load.statuses[200] > 0
    if replicas == 4:
        for part in ("tickets", "web"):
            compose.scale(part, 1)


def calls_of_tickets(installation: Installation) -> int:
    replicas = installation.compose.replicas("tickets")
    return sum(installation.requests_of(replica, "/api/tickets") for replica in replicas)


def cpu_since(before: os.times_result) -> float:
    now = os.times()
    return now.user + now.system - before.user - before.system


def busy_seconds() -> float:
    """Of all cores since the machine started, by whomever."""
    times = psutil.cpu_times()
    return times.user + times.nice + times.system + times.irq + times.softirq
