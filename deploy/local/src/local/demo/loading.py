"""Load the demo: staff, the real catalogue, customers, what they bought and what they asked."""

import asyncio
import gzip
import hashlib
import json
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import httpx

from local import loops
from local.demo.visitors import Visitor
from local.processes import CannotStart, Process
from local.stack import Stack

HERE = Path(__file__).parent
AT_ONCE = 6
EXTRA_PURCHASES = 40  # beside what the requests are about

SELLER = ("Vincent", "Delmas", "vendeur@example.com", "ambre-comptoir-7482")
TECHNICIAN = ("Thomas", "Lefèvre", "technicien@example.com", "cobalt-atelier-3915")
ADMINISTRATOR = ("Claire", "Fontaine", "administrateur@example.com", "opale-bureau-6207")
CUSTOMERS = {
    "Hélène Marchand": ("cliente@example.com", "lavande-jardin-5538"),
    "Karim Benali": ("client@example.com", "fougere-sentier-8164"),
}
ACCOUNTS = [
    ("seller", *SELLER[2:]),
    ("technician", *TECHNICIAN[2:]),
    ("administrator", *ADMINISTRATOR[2:]),
    *[("customer", *account) for account in CUSTOMERS.values()],
]

Tell = Callable[[str], object]

KEYS_LAST = timedelta(days=1)  # idempotency keys, in every service
LOOKS_EVERY = 0.2  # seconds, whether all parts are alive


def marker(stack: Stack) -> Path:
    return stack.state / "demo.json"


def is_loaded(stack: Stack) -> bool:
    return marker(stack).exists()


def load(stack: Stack, tell: Tell = lambda _: None) -> None:
    """Once per state; interrupted, the next start goes on, as long as keys are remembered: a day."""
    began = begun_at(stack)
    tell("the first administrator")
    add_administrator(stack)
    try:
        loops.run(watched(stack.processes, Demo(stack, began.date(), tell).load()))
    except CannotStart as refused:
        if datetime.now(UTC) - began < KEYS_LAST:
            raise
        raise CannotStart(
            f"{refused}\nThe demo data was begun on {began:%Y-%m-%d} and not finished: begin anew"
            " with ./guichet reset, or start without it, ./guichet up --no-demo."
        ) from refused
    marker(stack).write_text(json.dumps({"accounts": [email for _, email, _ in ACCOUNTS]}))


async def watched(parts: Sequence[Process], work: Coroutine[Any, Any, None]) -> None:
    """The work, given up as soon as a part has ended: the others would wait for it in vain."""
    loading = asyncio.create_task(work)
    try:
        while not loading.done():
            await asyncio.wait([loading], timeout=LOOKS_EVERY)
            if loading.done() and loading.exception():
                await asyncio.sleep(LOOKS_EVERY)  # a connection closes before its process has ended
            for part in parts:
                if not part.is_alive():
                    raise CannotStart(
                        f"{part.name} ended while the demo data was loaded: see {part.log}\n"
                        f"{part.last_words()}"
                    )
        loading.result()
    except httpx.HTTPError as lost:
        raise CannotStart(f"The demo got no answer: {lost!r}") from lost
    finally:
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)


def begun_at(stack: Stack) -> datetime:
    """When it was first tried: a sale that is sent again is of the same day."""
    note = stack.state / "demo-begun"
    if not note.exists():
        note.write_text(datetime.now(UTC).isoformat())
    return datetime.fromisoformat(note.read_text())


def add_administrator(stack: Stack) -> None:
    """By the command, as on a real installation: nobody could make this one over HTTP."""
    first_name, last_name, email, password = ADMINISTRATOR
    if email in stack.run("identity", "staff", "list").stdout:
        return
    made = stack.run(
        "identity", "staff", "add", "--email", email, "--first-name", first_name,
        "--last-name", last_name, "--role", "administrator", "--password-stdin",
        typed=password,
    )  # fmt: skip
    if made.returncode:
        raise CannotStart(f"The first administrator was refused: {made.stdout}{made.stderr}")


class Demo:
    def __init__(self, stack: Stack, today: date, tell: Tell) -> None:
        self.today = today
        self.story = tomllib.loads((HERE / "story.toml").read_text())
        self.secret, self.url, self.tell = stack.vault["demo"], stack.gateway_url, tell
        self.keys = uuid5(UUID(int=0), self.secret)
        self.sales: dict[tuple[str, str], str] = {}  # (customer, product): sale

    async def load(self) -> None:
        timeout = httpx.Timeout(30, read=600)
        async with httpx.AsyncClient(base_url=self.url, timeout=timeout, trust_env=False) as http:
            self.http = http
            self.administrator = self.visitor(*ADMINISTRATOR[2:])
            self.staff = {"V": self.visitor(*SELLER[2:]), "T": self.visitor(*TECHNICIAN[2:])}
            self.tell("staff")
            await self.hire()
            self.tell("the catalogue: 45,797 real products")
            customers, _ = await asyncio.gather(self.register_all(), self.import_catalogue())
            products = await self.products()
            await self.sell_all(products, customers)
            await self.tell_requests()
        self.tell(
            f"{len(customers)} customers, {len(self.sales)} sales, "
            f"{len(self.story['requests'])} requests"
        )

    def visitor(self, email: str, password: str) -> Visitor:
        return Visitor(self.http, self.keys, email=email, password=password)

    # ---- People -------------------------------------------------------------------------

    async def hire(self) -> None:
        roles = {"seller": SELLER, "technician": TECHNICIAN}
        for role, (first_name, last_name, email, password) in roles.items():
            body = person(first_name, last_name, email, password) | {"role": role}
            await self.administrator.post("/api/identity/staff", body, key=f"staff {email}")

    async def register_all(self) -> dict[str, dict[str, Any]]:
        names = self.story["customers"]
        known = await at_once([lambda name=name: self.register(name) for name in names])
        return dict(zip(names, known, strict=True))

    async def register(self, name: str) -> dict[str, Any]:
        first_name, last_name = name.split(" ", 1)
        body = person(first_name, last_name, *self.account(name))
        return await self.staff["V"].post("/api/identity/customers", body, key=f"customer {name}")

    def account(self, name: str) -> tuple[str, str]:
        """Two customers have passwords to show; the others have secrets of this installation."""
        if name in CUSTOMERS:
            return CUSTOMERS[name]
        local = plain(name).replace(" ", ".")
        ending = ("com", "net", "org")[len(name) % 3]
        return f"{local}@example.{ending}", self.digest("password", name)

    def digest(self, *words: str) -> str:
        return hashlib.sha256(" ".join([self.secret, *words]).encode()).hexdigest()

    # ---- Products and sales -------------------------------------------------------------

    async def import_catalogue(self) -> None:
        async def packed() -> AsyncIterator[bytes]:
            with gzip.open(HERE / "products.csv.gz") as file:
                while block := file.read(1 << 18):
                    yield block

        await self.administrator.ask(
            "POST",
            "/api/catalog/imports",
            headers={"Content-Type": "text/csv"},
            content=packed(),
        )

    async def products(self) -> dict[str, str]:
        """The id of each product of the story, as the counter's search finds it."""
        texts = self.story["products"]
        ids = await at_once([lambda text=text: self.find(text) for text in texts.values()])
        return dict(zip(texts, ids, strict=True))

    async def find(self, text: str) -> str:
        found = await self.staff["V"].get("/api/catalog/products", text=text)
        offered = found["on_sale"]["products"]
        if not offered:
            raise CannotStart(f"The demo's « {text} » finds no product to offer.")
        return offered[0]["id"]

    async def sell_all(
        self, products: dict[str, str], customers: dict[str, dict[str, Any]]
    ) -> None:
        wanted = list(self.purchases(list(products)))
        self.tell(f"{len(wanted)} sales")

        async def sell(customer: str, product: str) -> None:
            who = self.staff["T" if len(customer) % 7 == 0 else "V"]
            sale = await who.post(
                "/api/sales",
                {
                    "customer_id": customers[customer]["id"],
                    "product_id": products[product],
                    "serial_number": self.serial_number(customer, product),
                    "sold_on": str(self.today - self.age(customer, product)),
                },
                key=f"sale {customer} {product}",
            )
            self.sales[customer, product] = sale["id"]

        await at_once([lambda one=one: sell(*one) for one in wanted])

    def purchases(self, products: list[str]) -> Iterable[tuple[str, str]]:
        """Everything that a request is about, and one more thing for everybody."""
        asked = [(each["customer"], each["product"]) for each in self.story["requests"]]
        yield from asked
        for position, customer in enumerate(self.story["customers"][:EXTRA_PURCHASES]):
            product = products[position * 7 % len(products)]
            if (customer, product) not in asked:
                yield customer, product

    def serial_number(self, customer: str, product: str) -> str:
        return self.digest("serial", customer, product)[:15].upper()

    def age(self, customer: str, product: str) -> timedelta:
        """How long ago it was sold: at least a day, for it may be yesterday in the shop's zone."""
        return timedelta(days=1 + int(self.digest("age", customer, product)[:4], 16) % 300)

    # ---- Requests -----------------------------------------------------------------------

    async def tell_requests(self) -> None:
        requests = self.story["requests"]
        self.tell(f"{len(requests)} requests")
        await at_once([lambda each=each: self.tell_request(each) for each in requests])

    async def tell_request(self, request: dict[str, Any]) -> None:
        """The whole conversation, each word by the one who said it."""
        customer = self.visitor(*self.account(request["customer"]))
        speakers = {**self.staff, "C": customer}
        first, *others = request["said"]
        name = f"request {request['customer']} {request['product']}"
        ticket = await customer.post(
            "/api/tickets",
            {
                "sale_id": self.sales[request["customer"], request["product"]],
                "subject": request["subject"],
                "description": first[2:],
            },
            key=name,
            again_on=("product_not_owned",),  # until the sale's event has arrived
        )
        path = f"/api/tickets/{ticket['number']}"
        for position, said in enumerate(others):
            speaker, text = speakers[said[0]], said[2:]
            await speaker.post(f"{path}/messages", {"text": text}, key=f"{name} {position}")
        if "resolved_by" in request:
            await speakers[request["resolved_by"]].post(f"{path}/resolution")


async def at_once(work: list[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """All of it, a few at a time, the answers in the order asked."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(begin: Callable[[], Awaitable[Any]]) -> Any:
        async with places:
            return await begin()

    return await asyncio.gather(*map(one, work))


def person(first_name: str, last_name: str, email: str, password: str) -> dict[str, str]:
    return {
        "first_name": first_name,
        "last_name": last_name,
        "email": email,
        "password": password,
    }


def plain(name: str) -> str:
    """A name as addresses write it."""
    accents = str.maketrans("éèêëàâîïôùûçœ", "eeeeaaiiouuco", "’'")
    return name.lower().translate(accents)
