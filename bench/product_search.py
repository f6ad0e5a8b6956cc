"""How long a product search takes among a million products: `python bench/product_search.py`.

The real catalogue, recombined, in a scratch database; texts are searched one after the other
through the HTTP application in this process, so that token, query, PostgreSQL and JSON count,
and the network does not. The texts come from the products by a fixed draw. Last comes the plan's
weak point, with what PostgreSQL does about it. Before that, counts and lists of some texts are
compared with what looking at every product finds, in Python. Exit status 1 when a kind exceeds the
target or an answer differs; `--only-exact` leaves out what is timed.
"""

import asyncio
import random
import re
import time
from collections import Counter
from typing import Annotated, NamedTuple

import httpx
import psycopg
import typer
from fastapi import FastAPI
from invented.products import Product, postgres, real_products, recombined
from psycopg import sql
from pydantic import SecretStr

from catalog.app import create_app
from catalog.settings import Settings
from chassis import migrations, testing
from chassis.monitoring import logs
from chassis.text.folding import count_letters, fold, pattern_of, words_of
from contracts.catalog.api import LISTED_MOST
from contracts.counts import COUNTED_MOST
from contracts.identity.roles import Role
from contracts.text import SEARCH_SHORTEST

PRODUCTS = 1_000_000
TEXTS = 150
TARGET_MS = 25
LONGEST_SECONDS = 900
WEAK_POINT = "black ω"
# Short words, separators, words written as one, common words.
COMPARED = [
    *("lg 27", "lg 27 48", "hp t1", "hp g5 x", "5z 7d", "rx 76", "mx 4", "i7-12700K", "i712700k"),
    *("i7 12700K", "Wi-Fi", "wifi 6", "RTX4070 Ti", "rtx 4070", "nfa12x25", "mx-master", "usb c"),
    *("black", "gaming", "intel", "black intel", "32 go", "13.3", "a b c", "27'' noir", WEAK_POINT),
]
COMPARED_OF_EACH_KIND = 6

Texts = dict[str, list[str]]


def texts_of(products: list[Product]) -> tuple[Texts, Texts]:
    """What sellers type, by kind: those of the target, and others."""
    chosen = random.Random(4)  # noqa: S311 - no secret
    words = [word.lower() for _, name, _ in products for word in name.split() if len(word) >= 3]
    common = [word for word, _ in Counter(words).most_common(TEXTS)]
    drawn = chosen.choices(products, k=TEXTS)
    long_words = [chosen.choice(name.split() or [reference]) for reference, name, _ in drawn]
    named = {
        "rare: a reference but its end": [reference[:12] for reference, _, _ in drawn],
        "common: the commonest words": common,
        "three letters of a word": [chosen.choice(words)[:3] for _ in range(TEXTS)],
        "two words, one of one letter": [
            f"{chosen.choice(common)} {chosen.choice(name.lower())}" for _, name, _ in drawn
        ],
    }
    named |= {
        "two or three short words": [short_words(name, chosen) for _, name, _ in drawn],
        "two words written as one": [joined_words(name, chosen) for _, name, _ in drawn],
    }
    others = {
        "three characters of a reference": [
            part_of(reference, chosen) for reference, _, _ in drawn
        ],
        "a word typed letter by letter": [
            word[:end] for word in long_words[:25] for end in range(3, min(len(word), 8) + 1)
        ],
        "three words of a product": [
            " ".join(chosen.sample(name.split(), min(3, len(name.split())))) for _, name, _ in drawn
        ],
        "three of the commonest words": [" ".join(chosen.sample(common, 3)) for _ in drawn],
        "a whole reference": [reference for reference, _, _ in drawn],
        "the weak point": [WEAK_POINT],
    }
    return named, others


def short_words(name: str, chosen: random.Random) -> str:
    """The first two characters of some words: « lg 27 », « hp g5 x »."""
    words = [word for word in words_of(name) if len(word) > 1] * 2
    return " ".join(word[:2] for word in chosen.sample(words, chosen.choice([2, 3])))


def joined_words(name: str, chosen: random.Random) -> str:
    """Two words that follow each other, without what separates them: « rtx4070 »."""
    words = name.lower().split() * 2
    at = chosen.randrange(len(words) - 1)
    return (words[at] + words[at + 1])[:20]


def part_of(reference: str, chosen: random.Random) -> str:
    start = chosen.randint(0, max(0, len(reference) - 3))
    return reference[start : start + 3]


# --- Every product looked at --------------------------------------------------------------------


class Line(NamedTuple):
    """A product folded; `unparted` is that without what a pattern allows within a word."""

    reference: str
    folded: str
    unparted: str
    on_sale: bool


def plainly(lines: list[Line], text: str) -> dict[str, list[str]]:
    """The references that match, by group; patterns are tried where the characters follow."""
    words = words_of(text)
    for word in words:
        lines = [line for line in lines if word in line.unparted]
    for pattern in [re.compile(pattern_of(word)) for word in words]:
        lines = [line for line in lines if pattern.search(line.folded)]
    return {
        "on_sale": sorted(line.reference for line in lines if line.on_sale),
        "withdrawn": sorted(line.reference for line in lines if not line.on_sale),
    }


async def differences(client: httpx.AsyncClient, size: int, texts: list[str]) -> int:
    """Print what the search answers otherwise than looking at every product; how much that is."""
    began = time.perf_counter()
    lines = []
    for reference, designation, on_sale in recombined(size):
        folded = f"{fold(reference)}\n{fold(designation)}"
        lines.append(Line(reference, folded, re.sub("[ -]", "", folded), on_sale))
    differ, listed, counted = 0, 0, 0
    for text in texts:
        answer = await client.get("/api/catalog/products", params={"text": text, "withdrawn": True})
        answer.raise_for_status()
        for group, matching in plainly(lines, text).items():
            found = answer.json()[group]
            count = min(len(matching), COUNTED_MOST + 1)
            expected = matching if count <= LISTED_MOST else []
            references = sorted(product["reference"] for product in found["products"])
            listed, counted = listed + bool(expected), counted + (count > LISTED_MOST)
            if (found["count"], references) != (count, expected):
                differ += 1
                typer.echo(f"« {text} », {group}: {found['count']} instead of {count}")
    typer.echo(
        f"{len(texts)} texts beside every one of {size:,} products, {listed} lists and {counted}"
        f" counts of more: {differ} differ ({time.perf_counter() - began:.0f} s)"
    )
    return differ


def compared(products: list[Product]) -> list[str]:
    named, others = texts_of(products)
    kinds = (named | others).values()
    drawn = [text for texts in kinds for text in texts[:COMPARED_OF_EACH_KIND]]
    searched = [text for text in COMPARED + drawn if count_letters(text) >= SEARCH_SHORTEST]
    return list(dict.fromkeys(searched))


# --- A million products -------------------------------------------------------------------------


def load(url: str, size: int) -> None:
    """Indexes are made at the end: bench/import_products.py measures what an import costs."""
    began = time.perf_counter()
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SET maintenance_work_mem = '256MB'")
        indexes = connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'products'"
            " AND (indexdef LIKE '%gin%' OR indexdef LIKE '%hash%')"
        ).fetchall()
        for name, _ in indexes:
            connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
        with connection.cursor().copy(
            "COPY products (id, reference, designation, on_sale, version) FROM STDIN"
        ) as copy:
            chosen = random.Random(2)  # noqa: S311 - no secret
            for reference, designation, on_sale in recombined(size):
                id = f"{chosen.getrandbits(128):032x}"
                copy.write_row((id, reference, designation, on_sale, 1))
        for name, definition in indexes:
            connection.execute(definition.encode())
            if "pieces" in definition:  # as the migration has it
                for column in ("1", "2"):
                    connection.execute(
                        sql.SQL("ALTER INDEX {} ALTER COLUMN {} SET STATISTICS 0").format(
                            sql.Identifier(name), sql.SQL(column)
                        )
                    )
        connection.execute("VACUUM ANALYZE products")
    typer.echo(f"{size:,} products loaded in {time.perf_counter() - began:.0f} s")


async def timed(client: httpx.AsyncClient, text: str) -> float:
    began = time.perf_counter()
    answer = await client.get("/api/catalog/products", params={"text": text})
    taken = 1000 * (time.perf_counter() - began)
    answer.raise_for_status()
    return taken


async def kind(client: httpx.AsyncClient, name: str, texts: list[str]) -> float:
    """Print the times of a kind of texts and return the 99th percentile."""
    times = [await timed(client, text) for text in texts]
    slowest = texts[times.index(max(times))]
    times.sort()
    p50, p95, p99 = (times[min(len(times) - 1, len(times) * part // 100)] for part in (50, 95, 99))
    typer.echo(f"{name:33} {len(times):5} {p50:8.1f} {p95:8.1f} {p99:8.1f}   {slowest[:30]}")
    return p99


async def measure(client: httpx.AsyncClient) -> float:
    named, others = texts_of(real_products())
    for texts in named.values():  # what is read from disk for the first time is not the search
        for text in texts[::3]:
            await timed(client, text)
    typer.echo("ms of one search at a time, through the HTTP application")
    typer.echo(f"{'texts':33} {'':5} {'p50':>8} {'p95':>8} {'p99':>8}   the slowest")
    worst = max([await kind(client, name, texts) for name, texts in named.items()])
    for name, texts in others.items():
        await kind(client, name, texts)
    return worst


def explain_weak_point(url: str) -> None:
    typer.echo(f"\nWhat « {WEAK_POINT} » makes PostgreSQL do, for the products on sale:")
    occurs = [
        sql.SQL("strpos(searched, {}) > 0").format(sql.Literal(word))
        if len(word) < 3
        else sql.SQL("squeezed(searched) LIKE {}").format(sql.Literal(f"%{word}%"))
        for word in WEAK_POINT.split()
    ]
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute("SET enable_seqscan = off")
        for (line,) in connection.execute(
            sql.SQL(
                "EXPLAIN (ANALYZE, COSTS OFF) SELECT count(*) FROM (SELECT FROM products"
                " WHERE on_sale AND {} LIMIT 1001) AS found"
            ).format(sql.SQL(" AND ").join(occurs))
        ):
            typer.echo(f"  {line}")


async def try_size(size: int, *, only_exact: bool) -> bool:
    """Whether the answers are exact and the times within the target."""
    url = testing.fresh_database("bench_product_search")
    await asyncio.to_thread(migrations.upgrade, "catalog", url)
    await asyncio.to_thread(load, url, size)
    app: FastAPI = create_app(Settings(database_url=SecretStr(url)))
    testing.believe(app)
    worst = 0.0
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://catalog",
            headers=testing.token(Role.SELLER),
        ) as client:
            differ = await differences(client, size, compared(real_products()))
            if not only_exact:
                worst = await asyncio.wait_for(measure(client), LONGEST_SECONDS)
    finally:
        await app.state.http.aclose()
        await app.state.database.close()
    if not only_exact:
        explain_weak_point(url)
        typer.echo(
            f"\nworst p99 of the named kinds {worst:.1f} ms; at most {TARGET_MS} is the target"
        )
    return not differ and worst <= TARGET_MS


def main(
    products: Annotated[int, typer.Option(help="How many.")] = PRODUCTS,
    only_exact: Annotated[bool, typer.Option("--only-exact", help="Measure no times.")] = False,
) -> None:
    logs.configure("WARNING")
    with postgres():
        fine = asyncio.run(try_size(products, only_exact=only_exact))
    raise SystemExit(0 if fine else 1)


if __name__ == "__main__":
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(main)
    command()
