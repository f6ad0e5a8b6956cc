"""A real database, and the people who use the service in its tests."""

import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from chassis import testing
from chassis.data.database import Database
from contracts.identity.roles import Role
from contracts.sales.events import SaleCancelled, SaleRecorded, SoldProduct
from tickets.app import create_app
from tickets.handlers import subscriptions
from tickets.settings import Settings

STORED = tempfile.TemporaryDirectory(prefix="guichet-files-")


def service(database_name: str, **settings: Any) -> FastAPI:
    url = testing.migrated_database("tickets", database_name)
    folder = Path(STORED.name) / database_name
    app = create_app(Settings(database_url=SecretStr(url), files_folder=folder, **settings))
    testing.believe(app)
    return app


@pytest.fixture(scope="session")
def app() -> FastAPI:
    return service("test_tickets")


@pytest.fixture(scope="session")
async def database(app) -> AsyncIterator[Database]:
    yield app.state.database
    await app.state.database.close()


@pytest.fixture
async def client(app, session) -> AsyncGenerator[httpx.AsyncClient]:
    async with asgi_client(app) as client:
        yield client


def asgi_client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tickets")


@dataclass(frozen=True)
class Someone:
    role: Role
    name: str
    id: UUID = field(default_factory=uuid4)

    @property
    def headers(self) -> dict[str, str]:
        return testing.token(self.role, self.id, self.name)


@pytest.fixture(scope="session")
def someone() -> type[Someone]:
    return Someone


@pytest.fixture
def nathalie() -> Someone:
    return Someone(Role.CUSTOMER, "Nathalie Rousseau")


@pytest.fixture
def marc() -> Someone:
    return Someone(Role.CUSTOMER, "Marc Lefèvre")


@pytest.fixture
def karim() -> Someone:
    return Someone(Role.TECHNICIAN, "Karim Benali")


@pytest.fixture
def julien() -> Someone:
    return Someone(Role.SELLER, "Julien Morel")


@pytest.fixture
def claire() -> Someone:
    return Someone(Role.ADMINISTRATOR, "Claire Dubois")


class Desk:
    """What people do in these tests, through the API and through events alone."""

    def __init__(self, client: httpx.AsyncClient, database: Database) -> None:
        self.client, self.database = client, database

    def sale(self, customer: Someone, **more: Any) -> SaleRecorded:
        fields = {
            "sale_id": uuid4(),
            "version": 1,
            "customer_id": customer.id,
            "seller_id": uuid4(),
            "product": SoldProduct(
                id=uuid4(), reference="HP-4103", designation="Imprimante HP LaserJet 4103dw"
            ),
            "serial_number": "PHBQ74K2M910XTD",
            "sold_on": date(2026, 11, 24),
            "recorded_at": datetime.now(UTC),
        }
        return SaleRecorded.model_validate(fields | more)

    def cancellation(self, sale: SaleRecorded, version: int = 2) -> SaleCancelled:
        return SaleCancelled(
            sale_id=sale.sale_id,
            version=version,
            customer_id=sale.customer_id,
            product=sale.product,
            serial_number=sale.serial_number,
            cancelled_by=uuid4(),
            cancelled_at=datetime.now(UTC),
        )

    async def receive(self, *events: Any) -> int:
        return await testing.deliver(self.database, subscriptions, *events)

    async def sell(self, customer: Someone, **more: Any) -> SaleRecorded:
        sale = self.sale(customer, **more)
        await self.receive(sale)
        return sale

    async def open(
        self,
        customer: Someone,
        sale: SaleRecorded | None = None,
        *,
        subject: str = "Elle ne s’allume plus",
        description: str = "Depuis ce matin, plus rien.",
        key: str | None = None,
        **more: Any,
    ) -> httpx.Response:
        body = {"subject": subject, "description": description, **more}
        if sale is not None or not more:
            sale = sale or await self.sell(customer)
            body["sale_id"] = str(sale.sale_id)
        headers = customer.headers | ({"Idempotency-Key": key} if key else {})
        return await self.client.post("/api/tickets", json=body, headers=headers)

    async def opened(self, customer: Someone, **more: Any) -> int:
        """The number of a request that this customer has just opened."""
        answer = await self.open(customer, **more)
        assert answer.status_code == 201, answer.text
        return answer.json()["number"]

    async def send(
        self, who: Someone, method: str, path: str, body: Any = None, key: str | None = None
    ) -> httpx.Response:
        headers = who.headers | ({"Idempotency-Key": key} if key else {})
        return await self.client.request(method, f"/api/tickets{path}", json=body, headers=headers)

    async def say(
        self, who: Someone, number: int, words: str = "Un mot.", key: str | None = None, **more: Any
    ) -> httpx.Response:
        return await self.send(who, "POST", f"/{number}/messages", {"text": words, **more}, key)

    async def note(
        self,
        who: Someone,
        number: int,
        words: str = "Entre nous.",
        key: str | None = None,
        **more: Any,
    ) -> httpx.Response:
        return await self.send(who, "POST", f"/{number}/notes", {"text": words, **more}, key)

    async def resolve(self, who: Someone, number: int, **more: Any) -> httpx.Response:
        return await self.send(who, "POST", f"/{number}/resolution", more or None)

    async def prioritise(self, who: Someone, number: int, priority: str) -> httpx.Response:
        return await self.send(who, "PUT", f"/{number}/priority", {"priority": priority})

    async def see(self, who: Someone, number: int, position: int) -> httpx.Response:
        return await self.send(who, "PUT", f"/{number}/seen", {"position": position})

    async def search(self, who: Someone, text: str, **more: Any) -> dict[str, Any]:
        answer = await self.send(who, "POST", "/search", {"text": text, **more})
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def get(self, who: Someone, path: str, **parameters: Any) -> httpx.Response:
        return await self.client.get(f"/api/tickets{path}", params=parameters, headers=who.headers)

    async def read(self, who: Someone, number: int) -> dict[str, Any]:
        answer = await self.get(who, f"/{number}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def note_of(self, number: int) -> dict[str, Any]:
        """The first note in a request, as staff see it."""
        thread = await self.read(Someone(Role.TECHNICIAN, "Karim Benali"), number)
        return next(message for message in thread["messages"] if message["kind"] == "note")

    async def numbers(self, who: Someone, path: str, **parameters: Any) -> list[int]:
        """The numbers of a whole list, page after page."""
        found, after = [], None
        while True:
            page = await self.get(who, path, **parameters, **({"after": after} if after else {}))
            assert page.status_code == 200, page.text
            found += [line["number"] for line in page.json()["tickets"]]
            if (after := page.json()["next"]) is None:
                return found

    async def many(self, customer: Someone, count: int, *, status: str, answered: bool) -> None:
        """Many requests at once; groups of ten share their moment to the microsecond."""
        sale = await self.sell(customer)
        await self.opened(customer, sale=sale)
        async with self.database.transaction() as session:
            await session.execute(
                text(MANY),
                {
                    "count": count,
                    "customer_id": customer.id,
                    "sale_id": sale.sale_id,
                    "status": status,
                    "last": "staff" if answered else "customer",
                    "waiting": status != "resolved" and not answered,
                    "resolved": status == "resolved",
                    "first": datetime(2026, 1, 1, tzinfo=UTC),
                    "step": timedelta(minutes=1),
                },
            )


MANY = """
    INSERT INTO tickets (id, customer_id, sale_id, product_id, reference, designation,
        serial_number, sold_on, subject, status, version, opened_at, waiting_since,
        last_visible_by, last_activity_at, last_author_name, last_text,
        visible_version, unread, priority, answered_by, resolved_at, resolved_by, resolved_by_name, resolved_by_side)
    SELECT gen_random_uuid(), :customer_id, :sale_id, gen_random_uuid(), 'R', 'D',
        'PHBQ74K2M910XTD', '2026-01-01', 'Sujet ' || n, CAST(:status AS text), 1, moment,
        CASE WHEN :waiting THEN moment END,
        CAST(:last AS text), moment, 'Quelqu’un', 'Un mot',
        1, :last = 'customer', CASE WHEN n % 25 = 0 THEN 1 ELSE 3 END, ARRAY[]::text[],
        CASE WHEN :resolved THEN moment END,
        CASE WHEN :resolved THEN gen_random_uuid() END,
        CASE WHEN :resolved THEN 'Quelqu’un' END,
        CASE WHEN :resolved THEN 'staff' END
    FROM generate_series(1, :count) AS n,
        LATERAL (SELECT :first + :step * (n / 10) AS moment) AS moments
"""


@pytest.fixture
def desk(client, database) -> Desk:
    return Desk(client, database)


@pytest.fixture(scope="session")
async def busy_app() -> AsyncIterator[FastAPI]:
    """A service whose transactions are real, each on its own connection."""
    app = service("test_tickets_races", pool_size=10, pool_seconds=30)
    yield app
    await app.state.database.close()


@pytest.fixture
async def busy_desk(busy_app) -> AsyncIterator[Desk]:
    async with asgi_client(busy_app) as client:
        yield Desk(client, busy_app.state.database)


@pytest.fixture(scope="module")
async def own_desk(request) -> AsyncIterator[Desk]:
    """A desk with a database that one file of tests has for itself."""
    app = service(request.module.__name__.rpartition(".")[2], pool_size=10, pool_seconds=30)
    async with asgi_client(app) as client:
        yield Desk(client, app.state.database)
    await app.state.database.close()


@pytest.fixture
def lonely_desk(request) -> Desk:
    """A desk that belongs to no event loop yet, for tests that bring their own."""
    app = service(request.module.__name__.rpartition(".")[2])
    return Desk(asgi_client(app), app.state.database)
