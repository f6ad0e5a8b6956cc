"""What the desk costs with many requests: `python bench/ticket_desk.py 10000 1000000`.

For every number of requests a scratch database with three messages each is filled, and everything
that people do most is done through the HTTP application in this process: token, queries,
PostgreSQL and JSON count, the network does not. Printed are the median time and the CPU time of
one operation, of this process and of PostgreSQL apart, and the ratio to the first size.
"""

import asyncio
import contextlib
import itertools
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx
import psutil
import psycopg
import typer
from fastapi import FastAPI
from invented.products import postgres
from pydantic import SecretStr

from chassis import migrations, testing
from chassis.monitoring import logs
from contracts.identity.roles import Role
from tickets.app import create_app
from tickets.settings import Settings

ROUNDS = 200
TARGET = 1.5
PRODUCTS, TEXTS = 20_000, 5_000

# The n-th word of the vocabulary, and texts of words of which few are frequent and most are rare.
WORDS = f"""
    CREATE UNLOGGED TABLE bench_texts AS
    SELECT n, string_agg(translate(substr(md5(rank::text), 1, 4 + rank % 6),
        '0123456789', 'aeioulmnrs'), ' ') AS words
    FROM generate_series(1, {TEXTS}) AS n,
        LATERAL (SELECT CAST(30000 * power(random(), 4) AS int) AS rank
            FROM generate_series(1, 30 + 0 * n)) AS drawn
    GROUP BY n;
    ALTER TABLE bench_texts ADD PRIMARY KEY (n);
    ALTER TABLE bench_texts ADD search tsvector;
    UPDATE bench_texts SET search = strip(to_tsvector('every_word', words));
    INSERT INTO stems SELECT DISTINCT unnest(tsvector_to_array(search)) FROM bench_texts
        ON CONFLICT DO NOTHING;
    INSERT INTO stems VALUES ('imprim'), ('bourrag'), ('chargeur'), ('introuv'), ('ancien'),
        ('sour'), ('logitech'), ('onduleur'), ('marchand'), ('benal'), ('son')
        ON CONFLICT DO NOTHING;
"""  # noqa: S608 - the constants of this page

PEOPLE = """
    INSERT INTO people (id, kind, first_name, last_name, version)
    SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), 'customer', 'Prénom ' || n,
        CASE WHEN n %% 1000 = 7 THEN 'Marchand' ELSE 'Nom ' || n END, 1
    FROM generate_series(1, %(customers)s) AS n;
    INSERT INTO owned_products (sale_id, customer_id, product_id, reference, designation,
        serial_number, sold_on, cancelled, version)
    SELECT id, id,
        CAST(lpad(to_hex(CAST(%(products)s * power(random(), 3) AS int)), 32, '0') AS uuid),
        'R-4103', CASE WHEN nth %% 20 = 7 THEN 'Souris Logitech MX Master 3S'
            WHEN nth = 4242 THEN 'Onduleur Eaton 850' ELSE 'Portable Acer Aspire' END,
        'SNX4' || upper(substr(md5(CAST(nth AS text)), 1, 11)), '2026-01-01', false, 1
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS nth FROM people) AS buyers;
"""

# One request in 33 is open, one in 20 in progress; one in 50 is urgent.
TICKETS = """
    INSERT INTO tickets (id, customer_id, sale_id, product_id, reference, designation,
        serial_number, sold_on, subject, status, version, visible_version, opened_at,
        waiting_since, last_visible_by, last_activity_at, last_author_name, last_text, unread,
        priority, answered_by, resolved_at, resolved_by, resolved_by_name, resolved_by_side)
    SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), owned_products.customer_id, sale_id, product_id,
        reference, designation, serial_number, sold_on, 'Elle ne s’allume plus, n° ' || n,
        status, 3, 3, moment,
        CASE WHEN status <> 'resolved' AND last = 'customer' THEN moment END,
        last, moment, 'Quelqu’un', repeat('Depuis ce matin, plus rien. ', 7),
        status = 'open', CASE lot %% 50 WHEN 0 THEN 1 WHEN 1 THEN 2 ELSE 3 END,
        CASE status WHEN 'open' THEN '{}' ELSE ARRAY['Karim Benali'] END,
        CASE WHEN status = 'resolved' THEN moment END,
        CASE WHEN status = 'resolved' THEN owned_products.customer_id END,
        CASE WHEN status = 'resolved' THEN 'Quelqu’un' END,
        CASE WHEN status = 'resolved' THEN 'customer' END
    FROM generate_series(1, %(requests)s) AS n,
        LATERAL (SELECT abs(hashint4(n)) %% 1000 AS lot,
            now() - interval '3 minutes' * (%(requests)s - n) AS moment) AS drawn,
        LATERAL (SELECT
            CASE WHEN lot < 30 THEN 'open' WHEN lot < 80 THEN 'in_progress' ELSE 'resolved' END
                AS status,
            CASE WHEN lot BETWEEN 30 AND 69 THEN 'staff' ELSE 'customer' END AS last
        ) AS decided,
        owned_products
    WHERE sale_id = CAST(
        lpad(to_hex(1 + abs(hashint4(n * 7)) %% %(customers)s), 32, '0') AS uuid)
    ORDER BY n;
"""

# « Souris Logitech » is every twentieth product, « Onduleur » one; every thousandth customer is
# called « Marchand », every twentieth answer is by « Karim Benali »; « pas de » is in every third
# message, « son » in every seventh. « imprim » is in every third message, « bourrag » in every hundredth, « chargeur » in every two
# thousandth, « introuv » in one, « ancien » in a third of the older half alone.
MESSAGES = """
    INSERT INTO messages (id, ticket_id, customer_id, kind, author_id, author_name, author_role,
        text, sent_at, status_after, minutes_corrected, search)
    SELECT gen_random_uuid(), tickets.id, customer_id,
        CASE part WHEN 1 THEN 'staff' ELSE 'customer' END,
        CASE part WHEN 1 THEN CAST(lpad(to_hex(nth % 20), 32, 'a') AS uuid) ELSE customer_id END,
        CASE part WHEN 1 THEN answerer ELSE 'Quelqu’un' END, 'technician', words || more,
        opened_at, 'in_progress', false, search || strip(to_tsvector('every_word', searchable(
            concat_ws(' ', more, designation, 'R 4103 R4103', people.name, answerer))))
    FROM tickets JOIN people ON people.id = tickets.customer_id,
        LATERAL (SELECT CAST(number AS int) - 1001 AS nth) AS counted,
        LATERAL (SELECT CASE nth % 20 WHEN 3 THEN 'Karim Benali' ELSE 'Technicien ' || nth % 20 END
            AS answerer) AS named,
        generate_series(0, 2) AS part,
        LATERAL (SELECT 3 * nth + part AS place) AS placed,
        bench_texts, LATERAL (SELECT concat_ws(' ', '',
            CASE WHEN place % 3 = 0 THEN 'imprimante' END,
            CASE WHEN place % 100 = 0 THEN 'bourrage' END,
            CASE WHEN place % 2000 = 7 THEN 'chargeur' END,
            CASE WHEN place = 4242 THEN 'introuvable' END,
            CASE WHEN place % 3 = 2 THEN 'pas de' END,
            CASE WHEN place % 7 = 0 THEN 'son' END,
            CASE WHEN place % 3 = 1 AND place < (SELECT count(*) * 3 / 2 FROM tickets)
                THEN 'ancien' END) AS more) AS added
    WHERE bench_texts.n = 1 + place * 7 % 5000
    ORDER BY place;
"""

INDEX = """
    CREATE INDEX ix_messages_search ON messages USING gin
        ((position >> 12), (position >> 16), search)
"""


def days_ago(days: int) -> str:
    return str(datetime.now(UTC).date() - timedelta(days))


@dataclass
class Shop:
    """The people of one size, and what they do next."""

    client: httpx.AsyncClient
    requests: int
    staff: dict[str, str] = field(default_factory=lambda: testing.token(Role.TECHNICIAN))
    draw: random.Random = field(default_factory=lambda: random.Random(4))  # noqa: S311 - a sample

    @property
    def customers(self) -> int:
        return max(10, self.requests * 3 // 10)

    def number(self) -> int:
        return 1000 + self.draw.randint(1, self.requests)

    def customer(self) -> tuple[UUID, dict[str, str]]:
        who = UUID(int=self.draw.randint(1, self.customers))
        return who, testing.token(Role.CUSTOMER, who, "Prénom Nom")

    async def get(self, path: str, headers: dict[str, str] | None = None, **query: Any) -> Any:
        answer = await self.client.get(
            f"/api/tickets{path}", params=query, headers=headers or self.staff
        )
        answer.raise_for_status()
        return answer.json()

    async def post(self, path: str, body: Any, headers: dict[str, str] | None = None) -> Any:
        answer = await self.client.post(
            f"/api/tickets{path}", json=body, headers=headers or self.staff
        )
        if answer.status_code not in (200, 201):
            raise RuntimeError(answer.text)
        return answer.json()

    def operations(self) -> Iterator[tuple[str, Callable[[], Awaitable[Any]]]]:
        popular = UUID(int=3)
        karim = UUID(f"{'a' * 31}1")
        # As the desk asks: the list, and the five counts by the same filters.
        week = {"opened_from": days_ago(16), "opened_to": days_ago(10)}
        views: list[tuple[str, dict[str, Any]]] = [
            ("no filter", {}),
            ("by priority", {"sort": "priority"}),
            ("urgent", {"priority": "urgent"}),
            ("one product", {"product_id": popular}),
            ("in progress, one answerer", {"view": "in_progress", "answered_by": karim}),
            ("not opened", {"unread": True}),
            ("resolved, one product", {"view": "resolved", "product_id": popular}),
            ("resolved, one week", {"view": "resolved", **week}),
        ]
        for name, filters in views:
            yield f"desk, {name}", lambda filters=filters: self.get("", counts=True, **filters)
        yield "thread", lambda: self.get(f"/{self.number()}")
        yield "context", lambda: self.get(f"/{self.number()}/context")
        yield "customer's list", lambda: self.get("/mine", self.customer()[1], counts="true")
        yield "customer's search", lambda: self.get("/mine", self.customer()[1], q="imprimante")
        for name, words in (
            ("one message", "introuvable"),
            ("rare", "chargeur"),
            ("less rare", "bourrages"),
            ("common", "imprimantes"),
            ("common long ago", "anciens"),
            ("common, never together", "imprimante ancien"),
            ("nowhere", "inexistant"),
            ("unfinished", "bourr"),
            ("two, unfinished", "imprimante cha"),
            ("small words", "pas de son"),
            ("product, common", "souris"),
            ("product, rare", "onduleur eaton"),
            ("customer and product", "marchand souris"),
            ("who answered", "karim benali"),
            ("answer, product, word", "benali souris bourrage"),
            ("joined", "mxmaster"),
        ):
            yield f"search {name}", lambda words=words: self.post("/search", {"text": words})
        yield "search number", lambda: self.post("/search", {"text": f"n° {self.number()}"})
        yield "search serial", lambda: self.post("/search", {"text": "SNX4E4DA3B7FBBC"})
        yield "search serial, rare part", lambda: self.post("/search", {"text": "S/N 4DA3B7FB"})
        yield "search serial, common part", lambda: self.post("/search", {"text": "snx4e4"})
        yield "search serial, no such part", lambda: self.post("/search", {"text": "zq0zq0zq"})
        yield (
            "unresolved of five customers",
            lambda: self.get("/unresolved", customer_id=[str(UUID(int=n)) for n in range(1, 6)]),
        )
        yield (
            "customer's box",
            lambda: self.post("/search", {"text": "imprimante"}, self.customer()[1]),
        )
        yield "changes", lambda: self.get("/changes", since="1:1:")
        yield "open", self.open
        yield "reply", self.reply
        yield "note", lambda: self.post(f"/{self.unresolved()}/notes", {"text": "Entre nous."})
        yield "draft", self.keep_draft

    opened: list[int] = field(default_factory=list)

    def unresolved(self) -> int:
        return self.draw.choice(self.opened)

    async def open(self) -> None:
        sale, headers = self.customer()
        message = (
            "Elle ne s’allume plus depuis ce matin, j’ai essayé deux autres prises de courant."
        )
        body = {"sale_id": str(sale), "subject": "Panne de l’imprimante", "description": message}
        headers |= {"Idempotency-Key": str(UUID(int=self.draw.getrandbits(128)))}
        self.opened.append((await self.post("", body, headers))["number"])

    async def reply(self) -> None:
        headers = self.staff | {"Idempotency-Key": str(UUID(int=self.draw.getrandbits(128)))}
        body = {"text": "Bonjour, essayez avec un autre câble, puis dites-nous.", "minutes": 4}
        await self.post(f"/{self.unresolved()}/messages", body, headers)

    async def keep_draft(self) -> None:
        path = f"/api/tickets/{self.unresolved()}/draft"
        answer = await self.client.put(path, json={"text": "Bonjour, "}, headers=self.staff)
        answer.raise_for_status()


@dataclass(frozen=True)
class Cost:
    """Milliseconds of one operation: the median time, and the CPU time of the application and of
    PostgreSQL.
    """

    median: float
    application: float
    postgres: float

    @property
    def cpu(self) -> float:
        return self.application + self.postgres


def load(url: str, requests: int, customers: int) -> None:
    began = time.perf_counter()
    sizes = {"requests": requests, "customers": customers, "products": PRODUCTS}
    with psycopg.connect(
        url.replace("+psycopg", ""), autocommit=True, cursor_factory=psycopg.ClientCursor
    ) as connection:
        connection.execute("SET statement_timeout = 0")
        connection.execute(WORDS)
        connection.execute(PEOPLE, sizes)
        connection.execute("ANALYZE")
        connection.execute(TICKETS, sizes)
        connection.execute("SET session_replication_role = replica")  # no triggers
        connection.execute("DROP INDEX ix_messages_search")
        connection.execute(MESSAGES)
        connection.execute("SET session_replication_role = origin")
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute(INDEX)
        connection.execute("VACUUM ANALYZE")
    typer.echo(f"{requests:,} requests loaded in {time.perf_counter() - began:.0f} s")


def backends(url: str) -> list[psutil.Process]:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        [folder] = connection.execute("SHOW data_directory").fetchone() or [""]
    first = int((Path(folder) / "postmaster.pid").read_text().split()[0])
    return psutil.Process(first).children()


def cpu_seconds(url: str) -> dict[int, float]:
    """By process, so that one that begins or ends meanwhile is left out."""
    seconds = {}
    for process in backends(url):
        with contextlib.suppress(psutil.NoSuchProcess):
            seconds[process.pid] = sum(process.cpu_times()[:2])
    return seconds


def used(before: dict[int, float], after: dict[int, float]) -> float:
    return sum(after[pid] - before[pid] for pid in before.keys() & after.keys())


async def measure(shop: Shop, url: str, rounds: int) -> dict[str, Cost]:
    costs = {}
    for name, operation in shop.operations():
        for _ in range(rounds // 10 + 3):
            await operation()
        taken, postgres_before, before = [], cpu_seconds(url), time.process_time()
        for _ in range(rounds):
            began = time.perf_counter()
            await operation()
            taken.append(time.perf_counter() - began)
        application = time.process_time() - before
        of_postgres = used(postgres_before, cpu_seconds(url))
        cost = costs[name] = Cost(
            median=1000 * statistics.median(taken),
            application=1000 * application / rounds,
            postgres=1000 * of_postgres / rounds,
        )
        typer.echo(f"{name:32} {cost.median:8.2f} {cost.application:11.2f} {cost.postgres:8.2f}")
    return costs


async def try_size(requests: int, rounds: int, *, keep: bool) -> dict[str, Cost]:
    name = f"bench_ticket_desk_{requests}"
    shop = Shop(httpx.AsyncClient(), requests)
    url = testing.postgres_server().replace("postgresql://", "postgresql+psycopg://", 1)
    url = url.rsplit("/", 1)[0] + "/" + name
    if not (keep and exists(name)):
        url = testing.fresh_database(name)
        await asyncio.to_thread(migrations.upgrade, "tickets", url)
        await asyncio.to_thread(load, url, requests, shop.customers)
    app: FastAPI = create_app(Settings(database_url=SecretStr(url)))
    testing.believe(app)
    typer.echo(
        f"{f'{requests:,} requests':32} {'median':>8} {'application':>11} {'postgres':>8}  (ms, ms CPU)"
    )
    try:
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://tickets", timeout=60
        ) as shop.client:
            return await measure(shop, url, rounds)
    finally:
        await app.state.database.close()


def exists(name: str) -> bool:
    with psycopg.connect(testing.postgres_server()) as connection:
        known = "SELECT FROM pg_database WHERE datname = %s"
        return connection.execute(known, [name]).fetchone() is not None


def main(
    sizes: Annotated[list[int], typer.Argument(help="Numbers of requests, the smallest first.")],
    rounds: int = ROUNDS,
    keep: Annotated[bool, typer.Option(help="Use a database that is there already.")] = False,
) -> None:
    logs.configure("WARNING")
    with postgres():
        costs = [asyncio.run(try_size(size, rounds, keep=keep)) for size in sizes]
    for small, large in itertools.pairwise(costs):
        typer.echo(f"{'CPU, ratio':32} {'before':>8} {'after':>8} {'ratio':>8}")
        for name in small:
            before, after = small[name].cpu, large[name].cpu
            late = "" if after <= TARGET * before else "  <- above the target"
            typer.echo(f"{name:32} {before:8.2f} {after:8.2f} {after / before:8.2f}{late}")


if __name__ == "__main__":
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(main)
    command()
