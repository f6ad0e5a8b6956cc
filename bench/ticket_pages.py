"""What a far page of the request lists costs beside the first one: `python bench/ticket_pages.py`.

100,000 requests in a scratch database; pages are asked for through the HTTP application in this
process, so that token, query, PostgreSQL and JSON count, and the network does not. The cursor of
the 1,000th page is reached by walking there. Exit status 1 when a list exceeds the target.
"""

import asyncio
import statistics
import time
from dataclasses import dataclass
from uuid import UUID

import httpx
import psycopg
import typer
from fastapi import FastAPI
from invented.products import postgres
from pydantic import SecretStr

from chassis import migrations, testing
from chassis.monitoring import logs
from contracts.identity.roles import Role
from contracts.tickets.api import CustomerView, StaffView
from tickets.app import create_app
from tickets.settings import Settings

REQUESTS = 100_000
PAGE, FAR = 25, 1_000
ROUNDS = 100
TARGET = 1.5
LONGEST_SECONDS = 300
# One customer has 40 % of all requests, so that customers' lists have a 1,000th page too.
CUSTOMER = UUID(int=1)
CUSTOMERS = 5_000

LOAD = f"""
    INSERT INTO people (id, kind, first_name, last_name, version)
    SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), 'customer', 'Prénom ' || n, 'Nom ' || n, 1
    FROM generate_series(1, {CUSTOMERS}) AS n;

    INSERT INTO owned_products (sale_id, customer_id, product_id, reference, designation,
        serial_number, sold_on, cancelled, version)
    SELECT id, id, id, 'R-4103', 'Imprimante laser', 'PHBQ74K2M910XTD', '2026-01-01', false, 1
    FROM people;

    ANALYZE;

    INSERT INTO tickets (id, customer_id, sale_id, product_id, reference, designation,
        serial_number, sold_on, subject, status, version, opened_at, waiting_since,
        last_visible_by, last_activity_at, last_author_name, last_text,
        visible_version, unread, priority, answered_by, resolved_at, resolved_by, resolved_by_name, resolved_by_side)
    SELECT gen_random_uuid(), owner, owner, owner, 'R-4103', 'Imprimante laser',
        'PHBQ74K2M910XTD', '2026-01-01', 'Elle ne s’allume plus, n° ' || n, status, 2, moment,
        CASE WHEN status <> 'resolved' AND last = 'customer' THEN moment END,
        last, moment, 'Quelqu’un', repeat('Depuis ce matin, plus rien. ', 7),
        2, last = 'customer', 1 + lot % 4, ARRAY['Quelqu’un'],
        CASE WHEN status = 'resolved' THEN moment END,
        CASE WHEN status = 'resolved' THEN owner END,
        CASE WHEN status = 'resolved' THEN 'Quelqu’un' END,
        CASE WHEN status = 'resolved' THEN 'customer' END
    FROM generate_series(1, {REQUESTS}) AS n,
        LATERAL (SELECT abs(hashint4(n)) % 100 AS lot,
            timestamptz '2020-01-01 00:00Z' + interval '30 minutes' * n AS moment) AS drawn,
        LATERAL (SELECT
            CASE WHEN lot < 27 THEN 'open' WHEN lot < 60 THEN 'in_progress' ELSE 'resolved' END
                AS status,
            CASE WHEN lot BETWEEN 27 AND 53 THEN 'staff' ELSE 'customer' END AS last,
            CAST(lpad(to_hex(CASE WHEN abs(hashint4(-n)) % 10 < 4 THEN 1
                ELSE 2 + abs(hashint4(n * 7)) % {CUSTOMERS - 1} END), 32, '0') AS uuid) AS owner
        ) AS decided;
"""  # noqa: S608 - the constants of this page


@dataclass(frozen=True)
class List:
    """One list of requests, as its reader asks for it."""

    path: str
    view: str
    headers: dict[str, str]


async def page(client: httpx.AsyncClient, what: List, after: str | None, limit: int) -> str | None:
    """Read one page; the cursor of the next one."""
    parameters = {"view": what.view, "limit": str(limit)} | ({"after": after} if after else {})
    answer = await client.get(what.path, params=parameters, headers=what.headers)
    answer.raise_for_status()
    shown = answer.json()
    if len(shown["tickets"]) != limit:
        raise RuntimeError(f"{what.view} has no {FAR}th page")
    return shown["next"]


async def walk(client: httpx.AsyncClient, what: List) -> str | None:
    """The cursor of the 1,000th page, by two pages a step and one at the end."""
    after = None
    for _ in range((FAR - 1) // 2):
        after = await page(client, what, after, 2 * PAGE)
    return await page(client, what, after, PAGE)


async def compare(client: httpx.AsyncClient, what: List) -> float:
    """Print the median times of both pages, taken in turn, and return their ratio."""
    far = await walk(client, what)
    times: dict[str | None, list[float]] = {None: [], far: []}
    for _ in range(ROUNDS):
        for after, taken in times.items():
            began = time.perf_counter()
            await page(client, what, after, PAGE)
            taken.append(time.perf_counter() - began)
    first, last = (1000 * statistics.median(taken) for taken in times.values())
    typer.echo(f"{what.path:22} {what.view:17} {first:8.2f} {last:8.2f} {last / first:7.2f}")
    return last / first


def load(url: str) -> None:
    began = time.perf_counter()
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(LOAD)
        connection.execute("VACUUM ANALYZE")
    typer.echo(f"{REQUESTS:,} requests loaded in {time.perf_counter() - began:.1f} s")


async def measure(app: FastAPI) -> list[float]:
    typer.echo(f"median ms of {ROUNDS} pages of {PAGE}, through the HTTP application")
    typer.echo(f"{'list':22} {'view':17} {'page 1':>8} {f'{FAR:,}':>8} {'ratio':>7}")
    staff, customer = testing.token(Role.TECHNICIAN), testing.token(Role.CUSTOMER, CUSTOMER)
    lists = [List("/api/tickets", view, staff) for view in StaffView]
    lists += [List("/api/tickets/mine", view, customer) for view in CustomerView]
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://tickets") as client:
        return [await compare(client, what) for what in lists if what.view != "awaiting_me"]


async def main() -> list[float]:
    logs.configure("WARNING")
    url = testing.fresh_database("bench_ticket_pages")
    await asyncio.to_thread(migrations.upgrade, "tickets", url)
    await asyncio.to_thread(load, url)
    app = create_app(Settings(database_url=SecretStr(url)))
    testing.believe(app)
    try:
        return await asyncio.wait_for(measure(app), LONGEST_SECONDS)
    finally:
        await app.state.database.close()


if __name__ == "__main__":
    with postgres():
        worst = max(asyncio.run(main()))
    typer.echo(f"worst ratio {worst:.2f}; at most {TARGET} is the target")
    raise SystemExit(1 if worst > TARGET else 0)
