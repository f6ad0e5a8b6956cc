"""What the counter's searches cost in a large shop: `load` once, then `measure` as often as wanted.

    python bench/counter_search.py load FOLDER      a million products, 300,000 customers
    python bench/counter_search.py measure FOLDER   a Markdown table

FOLDER keeps a whole installation: PostgreSQL, NATS, Traefik and the services, which `measure`
starts, asks and stops. Every search goes through Traefik's public entry point with its limits on,
as an API client's does, with a session and its 60-second tokens: first one seller, one search
after the other, then fifty, each of whom sends the next text two seconds after the last. Times
are those of the caller. CPU is what everything but this program used meanwhile.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import UUID

import httpx
import psutil
import psycopg
import typer
from invented.customers import FIRST_NAMES, LAST_NAMES, customers
from invented.products import real_products, recombined
from product_search import texts_of
from psycopg import sql
from whole import Cpu

from local.launcher.settings import LocalSettings
from local.launcher.stack import Stack

PRODUCTS, CUSTOMERS, SELLERS = 1_000_000, 300_000, 50
TEXTS = 300
PAUSE_SECONDS = 2
CROWD_SECONDS = 60
AIM_ONE, AIM_CROWD = "p99 ≤ 25 ms", "p95 ≤ 100 ms"
PASSWORD = "sept parapluies oranges"  # noqa: S105 - of scratch accounts

program = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@program.callback()
def main() -> None:
    """Load once, measure as often as wanted."""


def seller_email(number: int) -> str:
    return f"vendeur{number}@example.org"


# --- Loading ----------------------------------------------------------------------------------


@program.command()
def load(
    folder: Path,
    products: Annotated[int, typer.Option()] = PRODUCTS,
    people: Annotated[int, typer.Option("--customers")] = CUSTOMERS,
) -> None:
    """Make an installation in FOLDER and fill it; by COPY into its tables, or it would take hours."""
    if (folder / "secrets.json").exists():
        raise typer.BadParameter("there is an installation already", param_hint="FOLDER")
    with Stack(LocalSettings.on_free_ports(folder)) as stack:
        hire_sellers(stack)
        with filling(stack, "catalog", "products", ["id", "reference", "designation", "on_sale",
            "version"]) as rows:  # fmt: skip
            draw = random.Random(2)  # noqa: S311 - no secret
            for reference, designation, on_sale in recombined(products):
                rows.write_row(
                    (UUID(int=draw.getrandbits(128)), reference, designation, on_sale, 1)
                )
        with filling(stack, "identity", "accounts", ["id", "role", "first_name", "last_name",
            "email", "email_key", "password_hash", "enabled", "registered_at", "version"]) as rows:  # fmt: skip
            for n, (first, last, email) in enumerate(customers(people)):
                rows.write_row(
                    (UUID(int=n), "customer", first, last, email, email, "none", True,
                     "2026-01-01 12:00Z", 1)
                )  # fmt: skip


def hire_sellers(stack: Stack) -> None:
    """The first at the terminal, the others as copies of that account."""
    done = stack.run(
        "identity", "staff", "add", "--email", seller_email(0), "--first-name", "Julien",
        "--last-name", "Morel", "--role", "seller", "--password-stdin", typed=PASSWORD,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    with psycopg.connect(database(stack, "identity")) as connection:
        connection.cursor().executemany(
            "INSERT INTO accounts (id, role, first_name, last_name, email, email_key,"
            " password_hash, enabled, registered_at, version) SELECT gen_random_uuid(), role,"
            " first_name, last_name, %(email)s, %(email)s, password_hash, enabled, registered_at,"
            " version FROM accounts WHERE email = %(first)s",
            [
                {"email": seller_email(number), "first": seller_email(0)}
                for number in range(1, SELLERS)
            ],
        )


def database(stack: Stack, service: str) -> str:
    return stack.server_url.rsplit("/", 1)[0] + f"/{service}"


@contextlib.contextmanager
def filling(stack: Stack, service: str, table: str, columns: list[str]) -> Generator[psycopg.Copy]:
    """Rows for a table, whose search indexes are made at the end."""
    began = time.perf_counter()
    with psycopg.connect(database(stack, service), autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '256MB'")
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s"
            " AND (indexdef LIKE '%%gin%%' OR indexdef LIKE '%%hash%%')",
            [table],
        ).fetchall()
        for name, _ in indexes:
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
        into = sql.SQL("COPY {} ({}) FROM STDIN").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with connection.cursor().copy(into) as rows:
            yield rows
        for name, definition in indexes:
            connection.execute(definition.encode())
            if "pieces" in definition:  # as the migration has it
                for column in ("1", "2"):
                    connection.execute(
                        sql.SQL("ALTER INDEX {} ALTER COLUMN {} SET STATISTICS 0").format(
                            sql.Identifier(name), sql.SQL(column)
                        )
                    )
        connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(table)))
    typer.echo(f"{table}: {time.perf_counter() - began:.0f} s")


# --- What is typed ----------------------------------------------------------------------------


def product_texts() -> dict[str, list[str]]:
    named, _ = texts_of(real_products())
    return named


def customer_texts(number: int) -> dict[str, list[str]]:
    """Of the customers that there are, by the same fixed draw as `load`."""
    draw = random.Random(6)  # noqa: S311 - no secret
    everyone = list(customers(number))
    drawn = draw.choices(everyone, k=TEXTS)
    common = [name.lower() for name in (*LAST_NAMES, *FIRST_NAMES)]
    return {
        "rare: an address but its end": [email.partition("@")[0] for _, _, email in drawn],
        "common: the commonest names": draw.choices(common, k=TEXTS),
        "three letters of a name": [draw.choice(each[:2])[:3] for each in drawn],
        "two words, one of one letter": [f"{last} {first[0]}" for first, last, _ in drawn],
    }


# --- Sellers ----------------------------------------------------------------------------------


@dataclass
class Seller:
    """One session; a token before each minute is over, as the web keeps them."""

    client: httpx.AsyncClient
    session: str
    token: str = ""
    good_until: float = 0

    async def headers(self) -> dict[str, str]:
        if time.monotonic() > self.good_until:
            answer = await self.client.post(
                "/api/identity/tokens", headers={"Authorization": f"Bearer {self.session}"}
            )
            answer.raise_for_status()
            self.token = answer.json()["access_token"]
            self.good_until = time.monotonic() + answer.json()["expires_in"] - 10
        return {"Authorization": f"Bearer {self.token}"}

    async def look_for(self, what: str, text: str) -> float:
        """Milliseconds until the answer is there."""
        headers = await self.headers()
        began = time.perf_counter()
        if what == "products":
            path, params = "/api/catalog/products", {"text": text}
            answer = await self.client.get(path, params=params, headers=headers)
        else:
            path, body = "/api/identity/customers/search", {"text": text, "limit": 8}
            answer = await self.client.post(path, json=body, headers=headers)
        taken = 1000 * (time.perf_counter() - began)
        answer.raise_for_status()
        return taken


async def sign_in(client: httpx.AsyncClient, number: int) -> Seller:
    while True:
        body = {"email": seller_email(number), "password": PASSWORD}
        answer = await client.post("/api/identity/sessions", json=body)
        if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            await asyncio.sleep(1)
            continue
        answer.raise_for_status()
        return Seller(client, answer.json()["token"])


# --- Measuring --------------------------------------------------------------------------------


def per_query(spent: Cpu, queries: int) -> str:
    """The CPU of one query in milliseconds: all parts together, and those that take most."""
    parts = {part: used / queries for part, used in spent.used().items()}
    most = sorted(parts, key=parts.__getitem__, reverse=True)[:3]
    named = ", ".join(f"{part} {parts[part]:.1f}" for part in most)
    return f"{sum(parts.values()):.1f} ({named})"


def percentiles(times: list[float]) -> str:
    ordered = sorted(times)
    return " | ".join(
        f"{ordered[min(len(ordered) - 1, len(ordered) * part // 100)]:.1f}" for part in (50, 95, 99)
    )


def row(*cells: object) -> None:
    typer.echo(f"| {' | '.join(map(str, cells))} |")


async def one_seller(stack: Stack, seller: Seller, what: str, texts: dict[str, list[str]]) -> None:
    for kind, typed in texts.items():
        for text in typed[::5]:  # what is read for the first time is not the search
            await seller.look_for(what, text)
        cpu = Cpu(stack)
        times = [await seller.look_for(what, text) for text in typed]
        row("one", what, kind, len(times), percentiles(times), per_query(cpu, len(times)))


async def crowd(
    stack: Stack, sellers: list[Seller], what: str, texts: dict[str, list[str]], seconds: float
) -> None:
    """Every seller types texts of all kinds, at a moment of their own."""
    times: dict[str, list[float]] = {kind: [] for kind in texts}
    refused = 0
    end = time.monotonic() + seconds

    async def type_on(seller: Seller, draw: random.Random) -> None:
        nonlocal refused
        await asyncio.sleep(draw.uniform(0, PAUSE_SECONDS))
        while time.monotonic() < end:
            kind = draw.choice(list(texts))
            try:
                times[kind].append(await seller.look_for(what, draw.choice(texts[kind])))
            except httpx.HTTPStatusError:
                refused += 1  # too busy
            await asyncio.sleep(PAUSE_SECONDS)

    cpu = Cpu(stack)
    everyone = [
        type_on(seller, random.Random(n))  # noqa: S311 - no secret
        for n, seller in enumerate(sellers)
    ]
    await asyncio.gather(*everyone)
    queries = sum(map(len, times.values()))
    used = per_query(cpu, queries)
    for kind, some in times.items():
        row(len(sellers), what, kind, len(some), percentiles(some), "")
    together = [each for some in times.values() for each in some]
    count = f"{queries}, {refused} refused" if refused else queries
    row(len(sellers), what, "all", count, percentiles(together), used)


async def measured(stack: Stack, people: int, seconds: float) -> None:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(
        base_url=stack.gateway_url, limits=limits, timeout=30, trust_env=False
    ) as client:
        sellers = [await sign_in(client, number) for number in range(SELLERS)]
        kinds = {"products": product_texts(), "customers": customer_texts(people)}
        row("sellers", "search", "texts", "queries", "p50 ms | p95 ms | p99 ms", "CPU ms a query")
        row("--:", "---", "---", "--:", "--: | --: | --:", "---")
        for what, texts in kinds.items():
            await one_seller(stack, sellers[0], what, texts)
        for what, texts in kinds.items():
            await crowd(stack, sellers, what, texts, seconds)


@program.command()
def measure(
    folder: Path,
    seconds: Annotated[float, typer.Option(help="How long the fifty type.")] = CROWD_SECONDS,
) -> None:
    """Start the installation in FOLDER, ask it, stop it; a Markdown table."""
    with Stack(LocalSettings.on_free_ports(folder)) as stack:
        sizes = {}
        for service, table in (("catalog", "products"), ("identity", "accounts")):
            with psycopg.connect(database(stack, service)) as connection:
                count = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
                [sizes[table]] = connection.execute(count).fetchone() or [0]
        people = sizes["accounts"] - SELLERS
        typer.echo(
            f"{sizes['products']:,} products, {people:,} customers, {psutil.cpu_count()} cores, "
            f"load {psutil.getloadavg()[0]:.1f} before. Aims: {AIM_ONE} at one seller, "
            f"{AIM_CROWD} at fifty.\n"
        )
        asyncio.run(measured(stack, people, seconds))


if __name__ == "__main__":
    program()
