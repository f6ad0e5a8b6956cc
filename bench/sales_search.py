"""How long the search of sales takes among a million: `python bench/sales_search.py`.

Through the HTTP application in this process, one text after the other; products are the real ones,
recombined, customers those of the searches at the counter. Common words end among the newest sales,
rare ones are gathered by an index, three parts of a text that never meet as well.
"""

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated
from uuid import UUID

import httpx
import psycopg
import typer
from counter_search import customers, percentiles
from invented.products import postgres, real_products, recombined
from product_search import COMPARED, short_words
from pydantic import SecretStr

from chassis import migrations, testing
from chassis.monitoring import logs
from contracts.identity.roles import Role
from sales.app import create_app
from sales.settings import Settings

SALES = 1_000_000
TEXTS = 100
BUYERS = 300_000
COLUMNS = (
    "id, number, customer_id, seller_id, seller_name, product_id, product_reference,"
    " product_designation, serial_number, sold_on, recorded_at, version, customer_words"
)
INDEXES = ("ix_sales_search_text", "ix_sales_pieces")


def texts_of(sold: int) -> dict[str, list[str]]:
    draw = random.Random(4)  # noqa: S311 - no secret
    names = [name for _, name, _ in draw.choices(real_products(), k=TEXTS)]
    buyers = list(islice(customers(BUYERS), TEXTS))
    return {
        "common words": [draw.choice(name.split()) + " noir" for name in names],
        "a customer's names": [f"{first} {last}" for first, last, _ in buyers],
        "a serial number": [serial_of(draw.randrange(sold)) for _ in range(TEXTS)],
        "two or three short words": [short_words(name, draw) for name in names],
        "short words, chosen": [text for text in COMPARED if max(map(len, text.split())) < 3],
        "short words that never meet": [f"{one}q {two}x zz" for one in "kwz" for two in "jqy"],
    }


def serial_of(n: int) -> str:
    return f"SN{n * 7919 % 10**9:013}"


def load(url: str, size: int) -> None:
    """Indexes of searches are made at the end."""
    began = time.perf_counter()
    now, draw = datetime.now(UTC), random.Random(2)  # noqa: S311 - no secret
    buyers = list(customers(BUYERS))
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '256MB'")
        made = [
            connection.execute("SELECT pg_get_indexdef(%s::regclass)", [name]).fetchone()
            for name in INDEXES
        ]
        for name in INDEXES:
            connection.execute(f"DROP INDEX {name}".encode())
        with connection.cursor().copy(f"COPY sales ({COLUMNS}) FROM STDIN".encode()) as rows:
            for n, (reference, designation, _) in enumerate(recombined(size)):
                which, at = draw.randrange(BUYERS), now - timedelta(minutes=size - n)
                first, last, email = buyers[which]
                rows.write_row(
                    (UUID(int=n), f"V-{at.year}-{n:05}", UUID(int=which), UUID(int=1), "Awa Diallo",
                     UUID(int=n), reference, designation, serial_of(n), at.date(), at, 1,
                     f"{first} {last} {email}")
                )  # fmt: skip
        for found in made:
            connection.execute(str((found or [""])[0]).encode())
        connection.execute("ALTER INDEX ix_sales_pieces ALTER COLUMN 1 SET STATISTICS 0")
        connection.execute("VACUUM ANALYZE sales")
        sizes = [
            (connection.execute("SELECT pg_relation_size(%s)", [name]).fetchone() or [0])[0]
            for name in INDEXES
        ]
    typer.echo(
        f"{size:,} sales loaded in {time.perf_counter() - began:.0f} s;"
        f" indexes {', '.join(f'{name} {each >> 20} MiB' for name, each in zip(INDEXES, sizes, strict=True))}"
    )


async def kind(client: httpx.AsyncClient, name: str, texts: list[str]) -> None:
    times = []
    for warming, text in [(True, text) for text in texts[::3]] + [(False, text) for text in texts]:
        began = time.perf_counter()
        answer = await client.post("/api/sales/search", json={"text": text, "limit": 25})
        if not warming:
            times.append((1000 * (time.perf_counter() - began), text))
        answer.raise_for_status()
    typer.echo(
        f"| {name} | {len(times)} | {percentiles([taken for taken, _ in times])} | {max(times)[1]} |"
    )


async def measure(size: int) -> None:
    url = testing.fresh_database("bench_sales_search")
    await asyncio.to_thread(migrations.upgrade, "sales", url)
    await asyncio.to_thread(load, url, size)
    app = create_app(Settings(database_url=SecretStr(url), time_zone="Europe/Paris"))
    testing.believe(app)
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://sales",
            headers=testing.token(Role.SELLER),
            timeout=60,
        ) as client:
            typer.echo("| texts | number | p50 ms | p95 ms | p99 ms | the slowest |")
            for name, texts in texts_of(size).items():
                await kind(client, name, texts)
    finally:
        await app.state.database.close()


def main(sales: Annotated[int, typer.Option(help="How many.")] = SALES) -> None:
    logs.configure("WARNING")
    with postgres():
        asyncio.run(measure(sales))


if __name__ == "__main__":
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(main)
    command()
