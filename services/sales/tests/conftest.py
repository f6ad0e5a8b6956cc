"""The sales service on a real database, with a customer and products that it knows."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import testing
from chassis.data.database import Database
from chassis.http.client import HttpClient
from contracts.catalog.events import ProductsChanged, ProductState
from contracts.identity.events import CustomerChanged
from sales.app import create_app
from sales.handlers import subscriptions
from sales.settings import Settings

SERIAL = "SN4X8820193KQ7L"


@asynccontextmanager
async def service(name: str, owners: "Owners") -> AsyncGenerator[FastAPI]:
    """A sales service of its own on a fresh database."""
    url = testing.migrated_database("sales", name)
    app = create_app(Settings(database_url=url, time_zone="Europe/Paris"))
    testing.believe(app)
    async with HttpClient(owners.url, seconds=20) as app.state.http:
        yield app
    await app.state.database.close()


@pytest.fixture(scope="session")
async def app(owners: "Owners") -> AsyncGenerator[FastAPI]:
    async with service("test_sales", owners) as app:
        yield app


@pytest.fixture(scope="session")
def database(app: FastAPI) -> Database:
    return app.state.database


@pytest.fixture
async def client(app: FastAPI, session: AsyncSession) -> AsyncGenerator[httpx.AsyncClient]:
    async with talking_to(app) as client:
        yield client


def talking_to(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sales")


@pytest.fixture(scope="session")
async def busy_app(owners: "Owners") -> AsyncGenerator[FastAPI]:
    """A service whose transactions really commit, for what happens at the same instant."""
    async with service("test_sales_busy", owners) as app:
        yield app


@pytest.fixture
async def busy_client(busy_app: FastAPI) -> AsyncGenerator[httpx.AsyncClient]:
    async with talking_to(busy_app) as client:
        yield client


# --- Who buys what ----------------------------------------------------------------------------


def customer_changed(customer_id: UUID, version: int = 1, **changes: object) -> CustomerChanged:
    state = {
        "customer_id": customer_id,
        "version": version,
        "first_name": "Inès",
        "last_name": "Dubois",
        "email": f"{customer_id}@example.org",
        "enabled": True,
        "registered_at": datetime(2026, 11, 2, 9, 0, tzinfo=UTC),
    }
    return CustomerChanged.model_validate(state | changes)


def product_changed(product_id: UUID, version: int = 1, **changes: object) -> ProductsChanged:
    state = {
        "id": product_id,
        "version": version,
        "reference": f"REF-{product_id}",
        "designation": "Perceuse à percussion 18 V",
        "on_sale": True,
    }
    product = ProductState.model_validate(state | changes)
    return ProductsChanged(change_id=uuid4(), products=[product])


@dataclass
class Shop:
    """What a seller can reach: one customer, one product, a serial number."""

    database: Database
    customer_id: UUID = field(default_factory=uuid4)
    product_id: UUID = field(default_factory=uuid4)

    def sale(self, **changes: object) -> dict[str, object]:
        """The body of a good sale, but for what is changed."""
        good = {
            "customer_id": str(self.customer_id),
            "product_id": str(self.product_id),
            "serial_number": SERIAL,
            "sold_on": "2026-11-02",
        }
        return good | changes

    async def hears(self, *events: CustomerChanged | ProductsChanged) -> None:
        await testing.deliver(self.database, subscriptions, *events)

    async def hears_of_customer(self, version: int = 1, **changes: object) -> None:
        await self.hears(customer_changed(self.customer_id, version, **changes))

    async def hears_of_product(self, version: int = 1, **changes: object) -> None:
        await self.hears(product_changed(self.product_id, version, **changes))


@pytest.fixture
async def shop(database: Database, session: AsyncSession) -> Shop:
    shop = Shop(database)
    await shop.hears_of_customer()
    await shop.hears_of_product()
    return shop


@pytest.fixture
def shop_without_events(database: Database, session: AsyncSession) -> Shop:
    """Neither its customer nor its product has reached sales yet."""
    return Shop(database)


@pytest.fixture
async def busy_shop(busy_app: FastAPI) -> Shop:
    shop = Shop(busy_app.state.database)
    await shop.hears_of_customer()
    await shop.hears_of_product()
    return shop


# --- The owners -------------------------------------------------------------------------------


class Owners:
    """Identity and catalog, as far as sales asks them, behind a real socket."""

    def __init__(self) -> None:
        self.known: dict[str, dict[str, object]] = {}
        self.requests: list[str] = []
        self.tokens: list[str] = []
        self.mood = "answering"
        self.url = ""
        self.while_asked = lambda: None
        self.app = FastAPI()
        self.app.add_api_route("/api/{path:path}", self.answer)

    async def answer(self, path: str, request: Request) -> Response:
        self.requests.append(path)
        self.tokens.append(request.headers["authorization"])
        self.while_asked()
        if self.mood == "silent":
            await asyncio.sleep(60)
        if self.mood == "failing":
            return JSONResponse({"detail": "failed"}, status_code=500)
        if self.mood == "unrouted":
            return Response("404 page not found", status_code=404)
        if path not in self.known:
            problem = {"title": "Not Found", "status": 404, "code": "not_found", "detail": "no"}
            return JSONResponse(problem, 404, media_type="application/problem+json")
        return JSONResponse(self.known[path])

    def know_customer(self, customer_id: UUID, version: int = 1, **changes: object) -> None:
        event = customer_changed(customer_id, version, **changes).model_dump(mode="json")
        self.known[f"identity/customers/{customer_id}"] = event | {"id": str(customer_id)}

    def know_product(self, product_id: UUID, version: int = 1, **changes: object) -> None:
        [product] = product_changed(product_id, version, **changes).products
        self.known[f"catalog/products/{product_id}"] = product.model_dump(mode="json")

    def forget(self) -> None:
        self.known, self.requests, self.tokens = {}, [], []
        self.mood, self.while_asked = "answering", lambda: None


@pytest.fixture(scope="session")
async def owners() -> AsyncGenerator[Owners]:
    owners = Owners()
    config = uvicorn.Config(owners.app, port=0, log_config=None, timeout_graceful_shutdown=0)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn tells it by a flag alone
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    owners.url = f"http://127.0.0.1:{port}"
    yield owners
    server.should_exit = True
    await serving


@pytest.fixture(autouse=True)
def forgetful(owners: Owners) -> None:
    owners.forget()
