"""Machines whose clocks are wrong: work goes on, in the database's time, and it is said."""

import platform
import re
import sys
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import libfaketime
import pytest

from caught_mails import Mailbox
from faults.lists import all_of
from local.launcher.stack import Stack
from shop import new_request
from waiting import eventually

HOUR = 3600
# Seconds: beyond the minute that a token lives, and beyond the day after which mail is too old.
AHEAD = {
    "identity": 90,
    "sales": -90,
    "tickets": 30 * HOUR,
    "notifications": -30 * HOUR,
    "web": 90,
}


def library() -> Path:
    """What makes a process's clock wrong, from its wheel."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        pytest.skip(
            "libfaketime is built for Linux on x86-64 alone: no clock can be made wrong here"
        )
    package = Path(libfaketime.__file__).parent
    found = package / "vendor" / "libfaketime" / "src" / "libfaketime.so.1"
    assert found.is_file(), f"the wheel of libfaketime holds no {found}"
    return found


def clock(seconds: int, library: Path) -> dict[str, str]:
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME": f"{seconds:+d}s",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


async def restart(stack: Stack, clocks: dict[str, dict[str, str]]) -> None:
    for name, variables in clocks.items():
        service = stack.services[name]
        service.stop()
        service.environment = stack.environment(name) | variables
        service.start()
    for name in clocks:
        service = stack.services[name]
        service.wait_for(service.is_ready, 60)
    stack.gateway.wait_for(stack.routes_to_all, 60)


@pytest.fixture
async def wrong_clocks(stack: Stack, tmp_path: Path) -> AsyncGenerator[None]:
    link = tmp_path / "libfaketime.so"  # the loader takes a blank in a path for its end
    link.symlink_to(library())
    await restart(stack, {name: clock(seconds, link) for name, seconds in AHEAD.items()})
    yield
    await restart(stack, {name: {} for name in AHEAD})


async def test_with_wrong_clocks_nobody_is_sent_away_and_nothing_is_too_old(
    stack, shop, seller, technician, product, wrong_clocks
):
    """Each service tells how far its clock is off, and stays ready."""
    async with httpx.AsyncClient() as http:
        for name in {*AHEAD} - {"web"}:
            await tells_of_its_clock(http, stack, name)
    customer, clerk = await shop.register(), seller.elsewhere()
    sale = await eventually(lambda: sold(shop, customer, product, clerk))
    await eventually(lambda: owns(customer, [sale["serial_number"]]))
    request = await customer.post("/api/tickets", new_request(sale["id"]))
    opened = datetime.fromisoformat(request["opened_at"])
    assert abs(opened - datetime.now(UTC)) < timedelta(seconds=60)
    path = f"/api/tickets/{request['number']}/messages"
    await technician.elsewhere().post(path, {"text": "Essayez l’autre bac."})

    name, session = await customer.cookie()
    sent = {"Cookie": f"{name}={session}"}
    page = await shop.http.get(f"/mes-demandes/{request['number']}", headers=sent)
    assert page.status_code == 200
    assert "Essayez l’autre bac." in page.text

    mailbox = Mailbox(stack.mail.folder)
    assert await mailbox.to(customer.email, "Bienvenue")
    assert await mailbox.to(customer.email, str(request["number"]))


async def tells_of_its_clock(http, stack, name):
    port, seconds = stack.settings.port_of(name), AHEAD[name]
    health = (await http.get(f"http://127.0.0.1:{port}/health/ready")).json()
    assert health["ready"] is True
    side = "ahead of" if seconds > 0 else "behind"
    difference = re.search(
        rf"clock is (\d+) s {side} its database's.*: set it \(NTP\)", health.get("clock", "")
    )
    assert difference is not None, health
    # On a machine at work, the question takes a while.
    assert abs(int(difference[1]) - abs(seconds)) < 5


async def owns(customer, expected):
    found = await all_of(customer, "/api/tickets/owned-products?limit=50", "owned_products")
    assert [each["serial_number"] for each in found] == expected


async def sold(shop, customer, product, clerk):
    return await shop.sell(customer, product, seller=clerk)
