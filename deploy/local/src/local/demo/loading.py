"""Load the demo: staff, the real catalogue, customers, what they bought and what they asked."""

import asyncio
import gzip
import hashlib
import json
import re
import tomllib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import httpx

from chassis.settings import CommonSettings, read
from contracts.numbers import RAISED, SERIAL_NUMBER_LENGTH
from local.demo.accounts import (
    ACCOUNTS,
    ADMINISTRATOR,
    CUSTOMERS,
    SELLER,
    TECHNICIAN,
    marker,
)
from local.demo.moments import (
    Calendar,
    Conversation,
    forget_old_mails,
    fraction,
    held,
    move_customers,
    move_requests,
    move_sales,
)
from local.demo.uploading import upload
from local.demo.visitors import Visitor
from local.launcher.machine import loops
from local.launcher.machine.processes import CannotStart, Process
from local.launcher.stack import Stack

HERE = Path(__file__).parent
AT_ONCE = 6

Report = Callable[[str], object]

KEYS_LAST = timedelta(days=1)  # idempotency keys, in every service
LOOKS_EVERY = 0.2  # seconds, whether all parts are alive


def load(stack: Stack, report: Report = lambda _: None) -> None:
    """Load once per state folder. The next start continues an interrupted load, for up to a day."""
    resumed = begun_note(stack).exists()
    began = begun_at(stack)
    report("the first administrator")
    if not (resumed and has_administrator(stack)):
        add_administrator(stack)
    try:
        loops.run(watched(stack.processes, Demo(stack, began, report).load()))
    except CannotStart as refused:
        if datetime.now(UTC) - began < KEYS_LAST:
            raise
        raise CannotStart(
            f"{refused}\nThe demo data was begun on {began:%Y-%m-%d} and not finished: start again"
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
    note = begun_note(stack)
    if not note.exists():
        note.write_text(datetime.now(UTC).isoformat())
    return datetime.fromisoformat(note.read_text())


def begun_note(stack: Stack) -> Path:
    return stack.state / "demo-begun"


def has_administrator(stack: Stack) -> bool:
    return ADMINISTRATOR[2] in stack.run("identity", "staff", "list").stdout


def add_administrator(stack: Stack) -> None:
    """By the command, as on a real installation: no HTTP route can create the first one."""
    first_name, last_name, email, password = ADMINISTRATOR
    made = stack.run(
        "identity", "staff", "add", "--email", email, "--first-name", first_name,
        "--last-name", last_name, "--role", "administrator", "--password-stdin",
        typed=password,
    )  # fmt: skip
    if made.returncode:
        raise CannotStart(f"The first administrator was refused: {made.stdout}{made.stderr}")


class Demo:
    def __init__(self, stack: Stack, began: datetime, report: Report) -> None:
        self.stack, self.calendar = stack, Calendar(began, read(CommonSettings).zone)
        self.story = tomllib.loads(typeset((HERE / "story.toml").read_text()))
        oldest_first = sorted(self.story["requests"], key=lambda each: self.moments(each)[0])
        self.requests: list[dict[str, Any]] = oldest_first
        self.secret, self.url, self.report = stack.vault["demo"], stack.gateway_url, report
        self.keys = uuid5(UUID(int=0), self.secret)
        self.sales: dict[tuple[str, str], str] = {}  # (customer, product): sale
        self.customers: dict[str, Visitor] = {}
        self.opening = asyncio.Lock()

    async def load(self) -> None:
        timeout = httpx.Timeout(30, read=600)
        async with httpx.AsyncClient(base_url=self.url, timeout=timeout, trust_env=False) as http:
            self.http = http
            self.administrator = self.visitor(*ADMINISTRATOR[2:])
            self.staff = {"V": self.visitor(*SELLER[2:]), "T": self.visitor(*TECHNICIAN[2:])}
            self.report("staff")
            await self.hire()
            self.report("the catalogue: 45,797 real products")
            customers, _, _ = await asyncio.gather(
                self.register_all(), self.import_catalogue(), self.prepare_quick_replies()
            )
            products = await self.products()
            await self.sell_all(products, customers)
            await self.load_requests()
            await asyncio.to_thread(forget_old_mails, self.stack)
            everybody = [self.administrator, *self.staff.values(), *self.customers.values()]
            await at_once([one.sign_out for one in everybody])
        self.report(
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
        """Each a few minutes before they first bought something."""
        names = self.story["customers"]
        first = {customer: at for (customer, _), at in reversed(self.purchases().items())}
        with held(self.stack, "identity") as connection:
            known = await at_once([lambda name=name: self.register(name) for name in names])
            customers = dict(zip(names, known, strict=True))
            moments = {customers[name]["id"]: first[name] - timedelta(minutes=5) for name in first}
            move_customers(connection, moments)
        return customers

    async def register(self, name: str) -> dict[str, Any]:
        """Signed in at once: hashing goes on while the catalogue is read."""
        first_name, last_name = name.split(" ", 1)
        account = self.account(name)
        body = person(first_name, last_name, *account)
        key = f"customer {name}"
        customer = await self.staff["V"].post("/api/identity/customers", body, key=key)
        self.customers[name] = self.visitor(*account)
        await self.customers[name].access_token()
        return customer

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
        rows = gzip.decompress((HERE / "products.csv.gz").read_bytes())
        came = await upload(self.administrator.ask, "/api/catalog/imports", rows)
        if came["state"] != "done":
            raise CannotStart(f"The demo's catalogue was refused: {came['refusal']}")

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
        wanted = self.purchases()
        self.report(f"{len(wanted)} sales")

        async def sell(customer: str, product: str) -> None:
            who = self.staff["T" if len(customer) % 7 == 0 else "V"]
            sold_at = wanted[customer, product].astimezone(self.calendar.zone)
            sale = await who.post(
                "/api/sales",
                {
                    "customer_id": customers[customer]["id"],
                    "product_id": products[product],
                    "serial_number": self.serial_number(customer, product),
                    "sold_on": str(sold_at.date()),
                },
                key=f"sale {customer} {product}",
            )
            self.sales[customer, product] = sale["id"]

        with held(self.stack, "sales") as connection:
            await at_once([lambda one=one: sell(*one) for one in wanted])
            move_sales(connection, {self.sales[one]: at for one, at in wanted.items()})

    def purchases(self) -> dict[tuple[str, str], datetime]:
        """Everything that a request is about, and one more thing for everybody, oldest first."""
        requested_at = {
            (each["customer"], each["product"]): self.moments(each)[0] for each in self.requests
        }
        products = list(self.story["products"])
        for position, customer in enumerate(self.story["customers"]):
            requested_at.setdefault(
                (customer, products[position * 7 % len(products)]), self.calendar.now
            )
        sold = {one: self.sold_before(at, *one) for one, at in requested_at.items()}
        return dict(sorted(sold.items(), key=lambda one: one[1]))

    def sold_before(self, moment: datetime, customer: str, product: str) -> datetime:
        """One day to ten months before the request about it."""
        age = (self.calendar.now - moment).days + 2 + int(300 * fraction(f"{customer} {product}"))
        return self.calendar.moments(str(age), f"sale {customer} {product}")[0]

    def serial_number(self, customer: str, product: str) -> str:
        return self.digest("serial", customer, product)[:SERIAL_NUMBER_LENGTH].translate(RAISED)

    # ---- Requests -----------------------------------------------------------------------

    async def prepare_quick_replies(self) -> None:
        for title, text in self.story["quick_replies"].items():
            body = {"title": title, "text": text}
            await self.staff["T"].post("/api/tickets/quick-replies", body, key=f"quick {title}")

    async def load_requests(self) -> None:
        self.report(f"{len(self.requests)} requests")
        with held(self.stack, "tickets") as connection:
            conversations = await at_once(
                [lambda each=each: self.load_request(each) for each in self.requests]
            )
            move_requests(connection, conversations)

    def moments(self, request: dict[str, Any]) -> list[datetime]:
        return self.calendar.moments(request["ago"], request["subject"])

    async def load_request(self, request: dict[str, Any]) -> Conversation:
        """The whole conversation, each message by its author, and what staff do besides."""
        customer = self.customers[request["customer"]]
        technician, speakers = self.staff["T"], {**self.staff, "C": customer}
        first, *others = request["said"]
        name = f"request {request['customer']} {request['product']}"
        async with self.opening:  # one after the other: the older, the smaller its number
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
        if "priority" in request:
            await technician.ask("PUT", f"{path}/priority", json={"priority": request["priority"]})
        for position, line in enumerate(others):
            code, text = line.split(" ", 1)
            kind_of_message = "notes" if code.endswith("N") else "messages"
            spent = {} if code == "C" else {"minutes": minutes_for(text)}
            body = {"text": text, "send_anyway": True} | spent
            await speakers[code[0]].post(
                f"{path}/{kind_of_message}", body, key=f"{name} {position}"
            )
        if "resolved_by" in request:
            await speakers[request["resolved_by"]].post(f"{path}/resolution")
        if not request.get("unread"):
            thread = await technician.get(path)
            seen = {"position": thread["messages"][-1]["position"]}
            await technician.ask("PUT", f"{path}/seen", json=seen)
        moments = self.moments(request)
        length = len(request["said"])
        resolved = moments[length] if "resolved_by" in request else None
        return Conversation(ticket["number"], moments[:length], resolved)


def minutes_for(text: str) -> int:
    """The minutes that such an answer takes to read and write."""
    return 2 + len(text) // 25


def typeset(text: str) -> str:
    """No-break spaces before high punctuation and inside quotes, as people's keyboards put them."""
    text = re.sub(r" (?=[:;!?»])", "\u00a0", text)
    return re.sub(r"(?<=«) ", "\u00a0", text)


async def at_once(work: list[Callable[[], Awaitable[Any]]]) -> list[Any]:
    """All of it, a few at a time, the answers in the order asked."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(begin: Callable[[], Awaitable[Any]]) -> Any:
        async with free:
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
