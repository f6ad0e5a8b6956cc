"""The shop under test, seen from outside: its people, and what they do through the API."""

import asyncio
import csv
import functools
import gzip
import io
import itertools
import json
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx

from chassis.text.folding import fold, pattern_of, words_of
from local import demo
from local.demo.uploading import upload

CATALOGUE = Path(demo.__file__).parent / "products.csv.gz"
# Every product of the real catalogue that these find is in the small one too.
LOOKED_FOR = re.compile("n[ -]?o[ -]?c|ryzen|7800x3|elgato|dualsense edge", re.IGNORECASE)
PASSWORD = "sept parapluies oranges"
LIFETIME_SPARE_SECONDS = 20

Body = Mapping[str, Any]

numbers = itertools.count(1)


def serial_number() -> str:
    """15 characters that no other test uses."""
    return uuid4().hex[:15].upper()


def today() -> date:
    """In the shop's time zone, whatever the machine's."""
    return datetime.now(ZoneInfo("Europe/Paris")).date()


@dataclass(kw_only=True)
class Account:
    """Somebody who may sign in; `call` is a request in their name through the gateway."""

    http: httpx.AsyncClient = field(repr=False)
    first_name: str
    last_name: str
    email: str
    password: str = field(default=PASSWORD, repr=False)
    id: str = ""
    session_token: str = field(default="", repr=False)
    access_token: str = field(default="", repr=False)
    good_until: float = 0

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}"

    async def call(
        self, method: str, path: str, body: Body | None = None, *, key: str | None = None
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {await self.token()}"}
        if key:
            headers["Idempotency-Key"] = key
        if body is None:
            return await self.http.request(method, path, headers=headers)
        # Escaped, because JSON may carry what UTF-8 may not: half a surrogate pair.
        headers["Content-Type"] = "application/json"
        return await self.http.request(method, path, content=json.dumps(body), headers=headers)

    async def get(self, path: str) -> Any:
        """The body of what must be there."""
        return answered(await self.call("GET", path), 200)

    async def post(self, path: str, body: Body | None = None, *, status: int = 201) -> Any:
        return answered(await self.call("POST", path, body), status)

    async def token(self) -> str:
        """A token for the services, exchanged again before the last one expires."""
        if time.monotonic() > self.good_until:
            asked_at = time.monotonic()
            answer = answered(await self.exchange(), 200)
            self.access_token = answer["access_token"]
            self.good_until = asked_at + answer["expires_in"] - LIFETIME_SPARE_SECONDS
        return self.access_token

    async def exchange(self) -> httpx.Response:
        headers = {"Authorization": f"Bearer {await self.session()}"}
        return await self.http.post("/api/identity/tokens", headers=headers)

    async def session(self) -> str:
        if not self.session_token:
            body = {"email": self.email, "password": self.password}
            opened = answered(
                await in_turn(lambda: self.http.post("/api/identity/sessions", json=body)), 201
            )
            self.session_token, self.id = opened["token"], opened["account"]["id"]
        return self.session_token

    async def cookie(self) -> tuple[str, str]:
        """Of the session, as a browser has it; its name is the installation's own."""
        return await session_cookie(self), await self.session()

    def elsewhere(self) -> "Account":
        """The same person at another machine: a session of its own."""
        return Account(
            http=self.http,
            first_name=self.first_name,
            last_name=self.last_name,
            email=self.email,
            password=self.password,
        )


cookie_names: dict[str, str] = {}


async def session_cookie(account: Account) -> str:
    """Its name, learnt by signing in at the page once, and out again."""
    site = str(account.http.base_url)
    if site not in cookie_names:
        typed = {"email": account.email, "password": account.password}
        ours = {"Sec-Fetch-Site": "same-origin"}
        answer = await account.http.post("/connexion", data=typed, headers=ours)
        account.http.cookies.clear()
        given = [each.split(";")[0].split("=") for each in answer.headers.get_list("Set-Cookie")]
        [(cookie_names[site], token)] = [each for each in given if each[0].endswith("_session")]
        opened = replace(account, session_token=token, access_token="", good_until=0)
        await opened.call("DELETE", "/api/identity/sessions/current")
    return cookie_names[site]


async def in_turn(ask: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    """The answer to what costs a password, of which a busy machine checks only so many: whoever is
    told so comes again, for a minute.
    """
    until = time.monotonic() + 60
    while True:
        answer = await ask()
        is_busy = answer.status_code == 503 and answer.json()["code"] == "busy"
        if not is_busy or time.monotonic() > until:
            return answer
        await asyncio.sleep(float(answer.headers["Retry-After"]))


def answered(answer: httpx.Response, status: int) -> Any:
    assert answer.status_code == status, f"{answer.request.url.path}: {answer.text}"
    return answer.json()


@dataclass(kw_only=True)
class Product:
    """What the tests sell, as the catalogue knows it."""

    id: str
    reference: str
    designation: str
    on_sale: bool


class Shop:
    """One installation, and the people whom the tests make in it."""

    def __init__(self, public_url: str, *, administrator: str, password: str) -> None:
        self.public_url = public_url
        # The environment may name a proxy, which has no business between us and the gateway.
        self.http = httpx.AsyncClient(base_url=public_url, timeout=30, trust_env=False)
        self.administrator = Account(
            http=self.http,
            first_name="Ada",
            last_name="Ministre",
            email=administrator,
            password=password,
        )

    async def import_catalogue(self, file: bytes) -> None:
        """`file` is the CSV; every row of it is accepted."""
        report = await self.take(file)
        assert (report["rows"], report["rejected"]) == (file.count(b"\n") - 1, [])

    async def hire(self, role: str, first_name: str, last_name: str) -> Account:
        """A new account of the staff."""
        hired = self.somebody(first_name, last_name)
        made = await self.new_account("staff", as_body(hired, role=role))
        hired.id = made["id"]
        return hired

    async def new_account(self, kind: str, body: Body) -> Any:
        path = f"/api/identity/{kind}"
        return answered(await in_turn(lambda: self.administrator.call("POST", path, body)), 201)

    async def import_products(self, products: Iterable[tuple[str, str]]) -> None:
        """More of them, each a reference and a designation, on sale."""
        rows = [("reference", "designation", "on_sale"), *((*each, "true") for each in products)]
        file = io.StringIO()
        csv.writer(file).writerows(rows)
        await self.take(file.getvalue().encode())

    async def take(self, file: bytes) -> dict[str, Any]:
        """The report of its import."""
        came = await self.send_file(file)
        assert came["state"] == "done", came
        return came["report"]

    async def send_file(self, file: bytes) -> dict[str, Any]:
        """What came of it."""

        async def ask(method: str, path: str, **request: Any) -> httpx.Response:
            token = {"Authorization": f"Bearer {await self.administrator.token()}"}
            headers = request.pop("headers", {}) | token
            answer = await self.http.request(method, path, headers=headers, **request)
            assert answer.is_success, answer.text
            return answer

        return await upload(ask, "/api/catalog/imports", file)

    async def register(
        self, first_name: str = "Nathalie", last_name: str = "Rousseau", *, email: str = ""
    ) -> Account:
        """A new customer, as the counter registers them."""
        customer = self.somebody(first_name, last_name)
        customer.email = email or customer.email
        made = await self.new_account("customers", as_body(customer))
        customer.id = made["id"]
        return customer

    def somebody(self, first_name: str, last_name: str) -> Account:
        """Not registered yet; the address is nobody else's."""
        email = f"client{next(numbers)}.{uuid4().hex[:8]}@example.org"
        return Account(http=self.http, first_name=first_name, last_name=last_name, email=email)

    async def product(self, reference: str) -> Product:
        """The product with exactly this reference."""
        answer = await self.administrator.http.get(
            "/api/catalog/products",
            params={"text": reference},
            headers={"Authorization": f"Bearer {await self.administrator.token()}"},
        )
        [found] = answered(answer, 200)["exact"]
        return Product(**{name: found[name] for name in Product.__dataclass_fields__})

    async def sell(
        self, customer: Account, product: Product, *, seller: Account | None = None, **more: Any
    ) -> Any:
        """A recorded sale of one more unit."""
        sale = new_sale(customer, product, **more)
        return await (seller or self.administrator).post("/api/sales", sale)


async def begin_sale(seller: Account, **typed: Any) -> None:
    """What the counter then shows, by the names of its fields."""
    draft = {"content": typed, "negligible": not typed}
    body = {"key": str(uuid4()), "replaces": True, **draft}
    answer = await seller.call("PUT", "/api/sales/draft", body)
    assert answer.status_code == 204, answer.text


def real_catalogue() -> bytes:
    return gzip.decompress(CATALOGUE.read_bytes())


def small_catalogue() -> bytes:
    """The products of the real one that the stories look for, and a few hundred others."""
    [header, *rows] = real_catalogue().decode().splitlines(keepends=True)
    chosen = [row for n, row in enumerate(rows) if n % 100 == 0 or LOOKED_FOR.search(row)]
    return "".join([header, *chosen]).encode()


@functools.cache
def catalogue() -> list[tuple[str, bool]]:
    """What is searched of every product in the file, and whether it is on sale."""
    with gzip.open(CATALOGUE, "rt", encoding="utf-8", newline="") as file:
        return [
            (f"{fold(row['reference'])}\n{fold(row['designation'])}", row["on_sale"] == "true")
            for row in csv.DictReader(file)
        ]


def matches(text: str) -> tuple[int, int]:
    """How many products of the file hold every word of the text: on sale, and withdrawn."""
    patterns = [re.compile(pattern_of(word)) for word in words_of(text)]
    found = [
        on_sale for searched, on_sale in catalogue() if all(p.search(searched) for p in patterns)
    ]
    return sum(found), len(found) - sum(found)


def as_body(account: Account, **more: Any) -> Body:
    names = ("first_name", "last_name", "email", "password")
    return {**{name: getattr(account, name) for name in names}, **more}


def new_sale(customer: Account, product: Product, **more: Any) -> Body:
    return {
        "customer_id": customer.id,
        "product_id": product.id,
        "serial_number": serial_number(),
        "sold_on": today().isoformat(),
        **more,
    }


def new_request(sale_id: str, **more: Any) -> Body:
    return {
        "sale_id": sale_id,
        "subject": "Bourrage papier récurrent, bac 2",
        "description": "L’imprimante se bloque toutes les dix pages.",
        **more,
    }
