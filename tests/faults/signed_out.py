"""How long the services accept what a session was worth after its end."""

import asyncio
import time

import httpx

from shop import Account

PAUSE_SECONDS = 1
# One address of each service that any signed-in member of staff may read.
SERVICES = {
    "identity": "/api/identity/me",
    "catalog": "/api/catalog/products?text=ryzen",
    "sales": "/api/sales?limit=1",
    "tickets": "/api/tickets/counts",
    "notifications": "/api/notifications/preferences",
}


async def accepted_after_the_end(leaver: Account) -> dict[str, float]:
    """By service, the seconds from the session's end to the last time that its token was taken.

    Returns once every service has refused it; a part that is away meanwhile says neither.
    """
    headers = {"Authorization": f"Bearer {await leaver.token()}"}
    closed = await leaver.call("DELETE", "/api/identity/sessions/current")
    assert closed.status_code == 204, closed.text
    closed_at, accepted_until = time.monotonic(), dict.fromkeys(SERVICES, 0.0)
    missing = set(SERVICES)
    while missing:
        for service in sorted(missing):
            asked_after = time.monotonic() - closed_at
            match await status(leaver.http, SERVICES[service], headers):
                case 200:
                    accepted_until[service] = asked_after
                case 401:
                    missing.discard(service)
        await asyncio.sleep(PAUSE_SECONDS)
    return accepted_until


async def status(http: httpx.AsyncClient, path: str, headers: dict[str, str]) -> int | None:
    try:
        return (await http.get(path, headers=headers)).status_code
    except httpx.HTTPError:
        return None
