"""How long the services accept what a session was worth after its end."""

import asyncio
import contextlib
import time
from collections.abc import Iterable
from functools import partial

import httpx

from attacks.access import ADMINISTRATOR, API, TECHNICIAN, VERIFIED, address
from shop import Account, Shop
from waiting import eventually

PAUSE_SECONDS = 1
# One address of each service that any signed-in member of staff may read.
SERVICES = {
    "identity": "GET /api/identity/me",
    "catalog": "GET /api/catalog/products?text=ryzen",
    "sales": "GET /api/sales/draft",
    "tickets": "GET /api/tickets/counts",
    "notifications": "GET /api/notifications/preferences",
}


def routes_of(role: str) -> list[str]:
    """What gives this role power or shows it many people's data, in services other than identity."""
    tables = [table for service, table in API.items() if service != "identity"]
    return [
        route for table in tables for route, allowed in table.items() if {VERIFIED, role} <= allowed
    ]


async def accepted_after_the_end(leaver: Account) -> dict[str, float]:
    """Seconds by route, once they have signed out."""
    token = await leaver.token()
    closed = await leaver.call("DELETE", "/api/identity/sessions/current")
    assert closed.status_code == 204, closed.text
    return await accepted_until(leaver.http, token, SERVICES.values())


async def accepted_after_a_change(shop: Shop, role: str, change: dict) -> dict[str, float]:
    """Seconds by route of those that must stand, of one of the staff to whom this is done.

    All of them were opened a moment before, so that services may remember that they were right.
    """
    member = await eventually(partial(shop.hire, role, "Paul", "Partant"))
    token, routes = await eventually(member.token), routes_of(role)

    async def everything_lets_in() -> None:
        assert let_in(await answers(member.http, token, routes)) == set(routes)

    await eventually(everything_lets_in)  # another test may have stopped a part
    path = f"/api/identity/staff/{member.id}"
    changed = await shop.administrator.call("PATCH", path, change)
    assert changed.status_code == 200, changed.text
    return await accepted_until(member.http, token, routes)


async def accepted_after_changes(shop: Shop) -> dict[str, float]:
    demoted, disabled = await asyncio.gather(
        accepted_after_a_change(shop, ADMINISTRATOR, {"role": "seller"}),
        accepted_after_a_change(shop, TECHNICIAN, {"enabled": False}),
    )
    return {**{f"{route}, demoted": s for route, s in demoted.items()}, **disabled}


async def accepted_until(
    http: httpx.AsyncClient, token: str, routes: Iterable[str]
) -> dict[str, float]:
    """By route, the seconds from now to the last time that this token was taken.

    Returns once every route has refused it; a part that is away meanwhile says neither.
    """
    ended_at = time.monotonic()
    accepted = dict.fromkeys(routes, 0.0)
    missing = set(accepted)
    while missing:
        asked_after = time.monotonic() - ended_at
        message = await answers(http, token, sorted(missing))
        accepted |= dict.fromkeys(let_in(message), asked_after)
        missing -= {route for route, status in message.items() if status == 401}
        await asyncio.sleep(PAUSE_SECONDS)
    return accepted


async def answers(http: httpx.AsyncClient, token: str, routes: Iterable[str]) -> dict[str, int]:
    """The status that each gives; a part that is away gives none."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    statuses = {}
    for route in routes:
        method, path = route.split()
        with contextlib.suppress(httpx.HTTPError):
            statuses[route] = (
                await http.request(method, address(path), headers=headers)
            ).status_code
    return statuses


def let_in(statuses: dict[str, int]) -> set[str]:
    """Whatever is wrong with what they asked for."""
    return {route for route, status in statuses.items() if status != 401 and status < 500}
