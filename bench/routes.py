"""What people and programs do besides what `helpdesk.py` measures: one of each kind of page and route."""

import itertools
import re
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID, uuid4

import httpx
from helpdesk import PASSWORD, TECHNICIAN, Browser, People, arrived, sign_in

ADMINISTRATOR = "bench.administrateur@example.org"
NEW_TICKET = "/mes-demandes/nouvelle"
TOKENS = "/api/identity/tokens"
SERIAL_LENGTH = 15
LISTED = "viewfinity s65vc"  # so few products that the counter lists them


@dataclass
class Everybody(People):
    """Also an administrator, and a program that asks the services themselves."""

    administrator: Browser = field(kw_only=True)
    program: httpx.AsyncClient = field(kw_only=True)
    session: str = field(kw_only=True)
    product: str = ""
    token: str = ""
    own: dict[UUID, str] = field(default_factory=dict)
    turn: Iterator[int] = field(default_factory=itertools.count)

    def operations(self) -> Iterator[tuple[str, Callable[[], Awaitable[object]]]]:
        yield from super().operations()
        yield "search, without script", lambda: self.search_plainly("imprimantes")
        yield "search, box", lambda: self.search_in_box("imprimantes")
        yield "sign in and out", self.sign_in_and_out
        yield "token for a session", self.renew
        yield "my account", lambda: self.next_customer()[1].get("/compte")
        yield "counter", lambda: self.technician.get("/comptoir")
        yield "products, typed", lambda: self.asked("/comptoir/produits", text=LISTED)
        yield "customers, typed", lambda: self.asked("/comptoir/clients", text="prénom 12")
        yield "new customer", self.register
        yield "sale recorded", self.sell
        yield "sales", lambda: self.technician.get("/ventes")
        yield "customer's file", lambda: self.technician.get(f"/clients/{self.next_customer()[0]}")
        yield "new request", lambda: self.next_customer()[1].get(NEW_TICKET)
        yield "customer's message", self.write
        yield "live stream", self.listen
        yield "mails", lambda: self.administrator.get("/courrier")
        yield "staff", lambda: self.administrator.get("/personnel")
        yield "API identity", lambda: self.read("/api/identity/me")
        yield "API catalog", lambda: self.read(f"/api/catalog/products/{self.product}")
        yield "API sales", lambda: self.read("/api/sales/draft")
        yield "API tickets", lambda: self.read("/api/tickets/counts")
        yield "API notifications", lambda: self.read("/api/notifications/preferences")

    async def prepare(self, name: str, rounds: int) -> None:
        await super().prepare(name, rounds)
        if name.startswith("API"):
            await self.renew()

    def next_customer(self) -> tuple[UUID, Browser]:
        """Each in turn: one person may do only so much in a minute."""
        customers = list(self.customers.items())
        return customers[next(self.turn) % len(customers)]

    async def search_plainly(self, text: str) -> None:
        """The form, and the page that it leads to."""
        found = await self.technician.post("/recherche", text=text)
        await self.technician.get(found.headers["Location"])

    async def search_in_box(self, text: str) -> None:
        """What the box over a page asks for at each pause while somebody types."""
        token = self.technician.token
        arrived(
            await self.technician.http.post(
                "/recherche",
                data={"form_token": token, "text": text},
                headers={"X-Guichet-Person": token.partition(".")[0]},
            )
        )

    async def sign_in_and_out(self) -> None:
        email = f"c{9 + next(self.turn) % 200}@example.org"
        browser = await sign_in(str(self.program.base_url), email, NEW_TICKET)
        await browser.post("/deconnexion")
        await browser.http.aclose()

    async def asked(self, path: str, **typed: str) -> dict[str, object]:
        """The counter answers with what its page shows; `fields` are refusals."""
        answer = (await self.technician.post(path, **typed)).json()
        if answer.get("fields"):
            raise RuntimeError(f"refused at {path}: {answer['fields']}")
        return answer

    async def register(self) -> None:
        email = f"{uuid4().hex}@example.org"
        await self.asked(
            "/comptoir/clients/creation",
            first_name="Nadia", last_name="Rousseau", email=email, password=PASSWORD,
        )  # fmt: skip

    async def sell(self) -> None:
        customer, _ = self.next_customer()
        await self.asked(
            "/comptoir",
            customer_id=str(customer), product_id=self.product,
            serial_number=uuid4().hex[:SERIAL_LENGTH].upper(), sold_on=f"{date.today():%d/%m/%Y}",  # noqa: DTZ011 - as typed
        )  # fmt: skip

    async def write(self) -> None:
        """A customer reads a request of theirs and adds to it; the first time, it is opened."""
        sale, customer = self.next_customer()
        if sale not in self.own:
            self.own[sale] = f"/mes-demandes/{await self.open_for(sale, customer)}"
        page = (await customer.get(self.own[sale])).text
        [seen, *_] = re.findall(r'name="seen" value="([^"]*)"', page)
        await customer.post(self.own[sale], text="Le voyant reste rouge.", answer="send", seen=seen)

    async def listen(self) -> None:
        """Until the stream has begun."""
        _, customer = self.next_customer()
        async with customer.http.stream("GET", "/en-direct") as answer:
            async for line in answer.aiter_lines():
                if line == "event: ready":
                    return
        raise RuntimeError("no live stream")

    async def renew(self) -> None:
        session = {"Authorization": f"Bearer {self.session}"}
        self.token = arrived(await self.program.post(TOKENS, headers=session)).json()[
            "access_token"
        ]

    async def leave(self) -> None:
        for browser in (self.technician, self.administrator, *self.customers.values()):
            await browser.http.aclose()
        await self.program.aclose()

    async def read(self, path: str) -> None:
        arrived(await self.program.get(path, headers={"Authorization": f"Bearer {self.token}"}))


async def everybody(url: str, requests: int, unresolved: list[int]) -> Everybody:
    """Signed in, each of them."""
    program = httpx.AsyncClient(base_url=url, timeout=30)
    given = {"email": TECHNICIAN, "password": PASSWORD}
    opened = (await program.post("/api/identity/sessions", json=given)).json()
    customers = {
        UUID(int=n): await sign_in(url, f"c{n}@example.org", NEW_TICKET) for n in range(1, 9)
    }
    made = Everybody(
        requests,
        await sign_in(url, TECHNICIAN, "/demandes"),
        customers,
        unresolved=list(unresolved),
        administrator=await sign_in(url, ADMINISTRATOR, "/personnel"),
        program=program,
        session=opened["token"],
    )
    listed = await made.asked("/comptoir/produits", text=LISTED)
    [made.product, *_] = re.findall(r'data-id="([^"]+)"', str(listed["html"]))
    return made
