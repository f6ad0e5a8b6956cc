"""What the desk and the customers' pages cost through the gateway: `python bench/helpdesk.py 10000 1000000`.

For every number of requests a whole Guichet is started and filled: the real catalogue, three
messages a request, three customers for ten requests, a sale each. Then people do what they do most,
with the cookies and forms of a browser, through Traefik and web, its limits on: one client, then
eight. Printed are the CPU seconds of 1,000 operations with everything counted (Traefik, web,
services, PostgreSQL, NATS) and the parts that take most of them, the median and 95th percentile in
milliseconds, and the memory (PSS) afterwards.
"""

import asyncio
import gzip
import os
import random
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import httpx
import psycopg
import ticket_desk
import typer
from invented.products import CATALOGUE
from whole import Cpu, memory

from local.launcher.settings import LocalSettings
from local.launcher.stack import Stack

# One customer here writes more than any person may in an hour.
os.environ |= {"GUICHET_TICKETS_AN_HOUR": "1000000", "GUICHET_MESSAGES_AN_HOUR": "1000000"}

ROUNDS = 300
CLIENTS = (1, 8)
NEWEST = 10_000
PASSWORD = "quatre bancs de bois"  # noqa: S105 - of accounts that live as long as the measurement
TECHNICIAN, CUSTOMER = "bench.technicien@example.org", "bench.client@example.org"
# CPU seconds per 1,000 operations at the first size and one client, and the ratio of the sizes.
AIMS = {"queue": 7, "thread": 11, "thread, unresolved": 11, "search, rare": 13, "search, common": 13, "customer's list": 7,
        "open": 12, "reply": 20}  # fmt: skip
RATIO = 1.3

ACCOUNTS = """
    INSERT INTO accounts (id, role, first_name, last_name, email, email_key, password_hash,
        registered_at, enabled, version)
    SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), 'customer', 'Prénom ' || n, 'Nom ' || n,
        'c' || n || '@example.org', 'c' || n || '@example.org', password_hash, registered_at,
        true, 1
    FROM generate_series(1, %(customers)s) AS n, accounts WHERE email = %(like)s
"""

SALES = """
    INSERT INTO sales (id, number, customer_id, seller_id, seller_name, product_id,
        product_reference, product_designation, serial_number, sold_on, recorded_at, version,
        customer_words)
    SELECT id, 'V-2026-' || n, id, id, 'Karim Benali', id, 'R-4103', 'Imprimante laser',
        lpad(CAST(n AS text), 15, '0'), '2026-01-01', now(), 1, 'Prénom ' || n || ' Nom ' || n
    FROM generate_series(1, %(customers)s) AS n,
        LATERAL (SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid) AS id) AS made
"""

# As events would do: notifications sends mail only to people that it knows.
PEOPLE = """
    INSERT INTO people (id, version, role, first_name, last_name, email, enabled)
    SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), 1, 'customer', 'Prénom ' || n, 'Nom ' || n,
        'c' || n || '@example.org', true
    FROM generate_series(1, %(customers)s) AS n
"""


@dataclass
class Browser:
    """Somebody who is signed in; `token` stands in the forms that they send."""

    http: httpx.AsyncClient
    token: str = ""

    async def get(self, path: str) -> httpx.Response:
        return arrived(await self.http.get(path))

    async def post(self, path: str, **typed: str) -> httpx.Response:
        form = {"form_token": self.token, "form_key": str(uuid4()), **typed}
        return arrived(await self.http.post(path, data=form))


def arrived(answer: httpx.Response) -> httpx.Response:
    if answer.status_code not in (200, 303):
        raise RuntimeError(f"{answer.status_code} for {answer.request.url.path}")
    return answer


async def sign_in(url: str, email: str, home: str) -> Browser:
    http = httpx.AsyncClient(base_url=url, timeout=30)
    typed, ours = {"email": email, "password": PASSWORD}, {"Sec-Fetch-Site": "same-origin"}
    arrived(await http.post("/connexion", data=typed, headers=ours))
    page = arrived(await http.get(home)).text
    [token, *_] = re.findall(r'name="form_token" value="([^"]+)"', page)
    return Browser(http, token)


@dataclass
class People:
    """A technician and some customers, and what they do next."""

    requests: int
    technician: Browser
    customers: dict[UUID, Browser]
    draw: random.Random = field(default_factory=lambda: random.Random(4))  # noqa: S311 - a sample
    unresolved: list[int] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)
    to_answer: list[tuple[str, str]] = field(default_factory=list)
    comes_alone: bool | None = None

    def operations(self) -> Iterator[tuple[str, Callable[[], Awaitable[object]]]]:
        yield "queue", lambda: self.technician.get("/demandes")
        yield "thread", lambda: self.opens(self.number())
        yield "thread, unresolved", lambda: self.opens(self.waiting())
        yield "search, rare", lambda: self.search("chargeur")
        yield "search, common", lambda: self.search("imprimantes")
        yield "customer's list", lambda: self.customer()[1].get("/mes-demandes")
        yield "open", self.open
        yield "reply", self.reply

    async def prepare(self, name: str, rounds: int) -> None:
        """What so many of an operation need, and what is not measured."""
        if name == "reply":
            while len(self.opened) < rounds:
                await self.open()
            await self.read_opened()

    async def opens(self, number: int) -> None:
        """As a click in the queue does; a release before brings the queue again."""
        alone = f"/demandes/{number}/ouverte"
        if self.comes_alone is None:
            self.comes_alone = (await self.technician.http.get(alone)).is_success
        await self.technician.get(alone if self.comes_alone else f"/demandes/{number}")

    def number(self) -> int:
        """One of the newest requests: on older ones the page has less to show."""
        return 1000 + self.draw.randint(max(1, self.requests - NEWEST), self.requests)

    def waiting(self) -> int:
        return self.draw.choice(self.unresolved)

    def customer(self) -> tuple[UUID, Browser]:
        return self.draw.choice(list(self.customers.items()))

    async def search(self, text: str) -> None:
        """As the page's script does; a release before answers with an address, as without script."""
        form = {"form_token": self.technician.token, "text": text}
        asked = await self.technician.http.post(
            "/recherche", data=form, headers={"HX-Request": "true"}
        )
        if arrived(asked).has_redirect_location:
            await self.technician.get(asked.headers["Location"])

    async def open(self) -> None:
        self.opened.append(await self.open_for(*self.customer()))

    async def open_for(self, sale: UUID, customer: Browser) -> str:
        message = (
            "Elle ne s’allume plus depuis ce matin, j’ai essayé deux autres prises de courant."
        )
        made = await customer.post(
            "/mes-demandes/nouvelle",
            sale_id=str(sale), subject="Panne de l’imprimante", description=message,
        )  # fmt: skip
        return made.headers["Location"].rsplit("/", 1)[1].partition("?")[0]

    async def read_opened(self) -> None:
        """Each request is read before it is answered, and answered once."""
        for number in self.opened:
            page = (await self.technician.get(f"/demandes/{number}")).text
            [seen] = re.findall(r'name="seen_position" value="(\d+)"', page)
            self.to_answer.append((number, seen))
        self.opened.clear()

    async def reply(self) -> None:
        message = "Bonjour, essayez avec un autre câble, puis dites-nous."
        number, seen = self.to_answer.pop()
        await self.technician.post(
            f"/demandes/{number}", text=message, minutes="4", answer="send", seen_position=seen
        )


# --- Measuring ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cost:
    """CPU seconds per 1,000 operations, all and by part; milliseconds."""

    cpu: float
    parts: dict[str, float]
    p50: float
    p95: float

    @property
    def most(self) -> str:
        """The parts that take most of it."""
        parts = sorted(self.parts.items(), key=lambda part: -part[1])
        return ", ".join(f"{name} {cpu:.1f}" for name, cpu in parts if cpu >= 0.05 * self.cpu)


async def measure(
    stack: Stack, operation: Callable[[], Awaitable[object]], *, clients: int, rounds: int
) -> Cost:
    taken: list[float] = []

    async def client(turns: int) -> None:
        for _ in range(turns):
            began = time.perf_counter()
            await operation()
            taken.append(1000 * (time.perf_counter() - began))

    await client(20)  # warm
    taken.clear()
    spent = Cpu(stack)
    async with asyncio.TaskGroup() as group:
        for _ in range(clients):
            group.create_task(client(rounds // clients))
    parts = {name: cpu / len(taken) for name, cpu in spent.used().items()}
    return Cost(
        sum(parts.values()), parts, statistics.median(taken), statistics.quantiles(taken, n=20)[-1]
    )


async def measure_all(stack: Stack, requests: int, rounds: int) -> dict[tuple[str, int], Cost]:
    technician = await sign_in(stack.gateway_url, TECHNICIAN, "/demandes")
    numbers = range(1, 9)
    customers = {
        UUID(int=n): await sign_in(stack.gateway_url, f"c{n}@example.org", "/mes-demandes/nouvelle")
        for n in numbers
    }
    people = People(requests, technician, customers, unresolved=unresolved(stack))
    costs: dict[tuple[str, int], Cost] = {}
    for clients in CLIENTS:
        for name, operation in people.operations():
            if name == "reply":
                await people.read_opened()
            cost = await measure(stack, operation, clients=clients, rounds=rounds)
            costs[name, clients] = cost
            typer.echo(
                f"| {requests:,} | {clients} | {name} | {cost.cpu:.1f} |"
                f" {cost.most} | {cost.p50:.0f} | {cost.p95:.0f} |"
            )
    typer.echo(f"memory at {requests:,} requests: {memory(stack) / 2**20:,.0f} MiB PSS")
    for browser in (technician, *customers.values()):
        await browser.http.aclose()
    return costs


# --- Filling -----------------------------------------------------------------------------------


def fill(stack: Stack, requests: int) -> None:
    """Straight into the databases: through the API a million requests would take a day."""
    customers = max(10, requests * 3 // 10)
    make_accounts(stack)
    with psycopg.connect(superuser(stack, "identity"), autocommit=True) as connection:
        connection.execute(ACCOUNTS, {"customers": customers, "like": CUSTOMER})
        connection.execute("VACUUM ANALYZE accounts")
    with psycopg.connect(superuser(stack, "sales"), autocommit=True) as connection:
        connection.execute(SALES, {"customers": customers})
        connection.execute("VACUUM ANALYZE sales")
    with psycopg.connect(superuser(stack, "notifications"), autocommit=True) as connection:
        connection.execute(PEOPLE, {"customers": customers})
        connection.execute("VACUUM ANALYZE people")
    with gzip.open(CATALOGUE) as catalogue, tempfile.NamedTemporaryFile(suffix=".csv") as file:
        shutil.copyfileobj(catalogue, file)
        file.flush()
        ran(stack.run("catalog", "import-products", file.name))
    ticket_desk.load(superuser(stack, "tickets"), requests, customers)


def make_accounts(stack: Stack) -> None:
    for email, role in ((TECHNICIAN, "technician"), (CUSTOMER, "seller")):
        ran(stack.run(
            "identity", "staff", "add", "--email", email, "--first-name", "Karim",
            "--last-name", "Benali", "--role", role, "--password-stdin", typed=PASSWORD,
        ))  # fmt: skip


def ran(command: subprocess.CompletedProcess[str]) -> None:
    if command.returncode:
        raise RuntimeError(command.stdout + command.stderr)


def unresolved(stack: Stack) -> list[int]:
    with psycopg.connect(superuser(stack, "tickets")) as connection:
        rows = connection.execute(
            "SELECT number FROM tickets WHERE status <> 'resolved' ORDER BY number DESC LIMIT 500"
        )
        return [number for (number,) in rows]


def superuser(stack: Stack, service: str) -> str:
    return stack.server_url.rsplit("/", 1)[0] + f"/{service}"


def try_size(requests: int, rounds: int, folder: Path) -> dict[tuple[str, int], Cost]:
    state = folder / str(requests)
    with Stack(LocalSettings.on_free_ports(state)) as stack:
        filled = state / "filled"
        if not filled.exists():
            fill(stack, requests)
            filled.touch()
        if not rounds:
            return {}
        typer.echo(
            "| requests | clients | operation | CPU s per 1,000 | of these | p50 ms | p95 ms |"
        )
        typer.echo("| --: | --: | --- | --: | --- | --: | --: |")
        return asyncio.run(measure_all(stack, requests, rounds))


def main(
    sizes: Annotated[list[int], typer.Argument(help="Numbers of requests, the smallest first.")],
    state: Annotated[Path, typer.Option(help="Databases are filled here once and kept.")],
    rounds: Annotated[int, typer.Option(help="Operations of each kind; 0 only fills.")] = ROUNDS,
) -> None:
    first, *others = [try_size(size, rounds, state) for size in sizes]
    for (name, clients), cost in first.items():
        late = "  <- above the aim" if clients == 1 and cost.cpu > AIMS[name] else ""
        ratios = [larger[name, clients].cpu / cost.cpu for larger in others]
        grown = [f"{ratio:.2f}{' (above the aim)' if ratio > RATIO else ''}" for ratio in ratios]
        typer.echo(f"{name}, {clients}: {cost.cpu:.1f}{late}; times {', '.join(grown) or '-'}")


if __name__ == "__main__":
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(main)
    command()
