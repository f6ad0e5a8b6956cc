"""The catalog service on a real database, and ways to fill it."""

import contextlib
import csv
import gzip
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.app import create_app, take_imports
from catalog.settings import Settings
from chassis import testing
from chassis.data.database import Database
from chassis.monitoring.loops import Loop
from contracts.identity.roles import Role
from contracts.uploads import PART_BYTES

HEADER = "reference,designation,on_sale\n"


@contextlib.asynccontextmanager
async def service(name: str) -> AsyncGenerator[FastAPI]:
    """A catalog service of its own on a fresh database."""
    url = testing.migrated_database("catalog", name)
    app = create_app(Settings(database_url=SecretStr(url)))
    testing.believe(app)
    yield app
    await app.state.http.aclose()
    await app.state.database.close()


def talking_to(app: FastAPI, role: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app),
        base_url="http://catalog",
        headers=testing.token(role),
    )


@pytest.fixture(scope="session")
async def app() -> AsyncGenerator[FastAPI]:
    async with service("test_catalog") as app:
        yield app


@pytest.fixture(scope="session")
def database(app: FastAPI) -> Database:
    return app.state.database


@pytest.fixture
async def seller(app: FastAPI, session: AsyncSession) -> AsyncGenerator[httpx.AsyncClient]:
    async with talking_to(app, Role.SELLER) as client:
        yield client


@pytest.fixture
async def administrator(app: FastAPI, session: AsyncSession) -> AsyncGenerator[httpx.AsyncClient]:
    async with talking_to(app, Role.ADMINISTRATOR) as client:
        yield client


TUS = {"Tus-Resumable": "1.0.0"}
PART = TUS | {"Content-Type": "application/offset+octet-stream"}

Send = Callable[[bytes], Awaitable[dict[str, Any]]]
Import = Callable[[str | bytes], Awaitable[dict[str, Any]]]


async def send_and_take(app: FastAPI, client: httpx.AsyncClient, file: bytes) -> dict[str, Any]:
    """In one part or more; what came of it, once the background has had its turn."""
    begun = await client.post(
        "/api/catalog/imports", headers=TUS | {"Upload-Length": str(len(file))}
    )
    assert begun.status_code == 201, begun.text
    address = begun.headers["Location"]
    for start in range(0, len(file), PART_BYTES):
        part = file[start : start + PART_BYTES]
        answer = await client.patch(
            address, content=part, headers=PART | {"Upload-Offset": str(start)}
        )
        assert answer.status_code == 204, answer.text
    await take_imports(app, Loop("imports"))
    return (await client.get(address)).json()


@pytest.fixture
def sent(app: FastAPI, administrator: httpx.AsyncClient) -> Send:
    """Send a file, and return what came of it."""
    return partial(send_and_take, app, administrator)


@pytest.fixture
def imported(sent: Send) -> Import:
    """Import rows, given without their header, and return the report."""

    async def send(rows: str | bytes) -> dict[str, Any]:
        received = await sent(
            HEADER.encode() + (rows if isinstance(rows, bytes) else rows.encode())
        )
        assert received["state"] == "done", received
        return received["report"]

    return send


# --- A real catalogue -------------------------------------------------------------------------

CATALOGUE = Path(__file__).parents[3] / "deploy/local/src/local/demo/products.csv.gz"


@pytest.fixture(scope="session")
def catalogue() -> list[tuple[str, str, bool]]:
    """Reference, designation and whether it is on sale, of 45,797 real products."""
    with gzip.open(CATALOGUE, "rt", encoding="utf-8", newline="") as file:
        return [
            (row["reference"], row["designation"], row["on_sale"] == "true")
            for row in csv.DictReader(file)
        ]


@pytest.fixture(scope="session")
async def real_app() -> AsyncGenerator[FastAPI]:
    """A service with the real catalogue, imported and committed."""
    async with service("test_catalog_real") as app:
        yield app


@pytest.fixture(scope="session")
async def real_report(real_app: FastAPI) -> dict[str, Any]:
    """What its first import told."""
    async with talking_to(real_app, Role.ADMINISTRATOR) as administrator:
        received = await send_and_take(
            real_app, administrator, gzip.decompress(CATALOGUE.read_bytes())
        )
    assert received["state"] == "done", received
    return received["report"]


@pytest.fixture
async def real_seller(
    real_app: FastAPI, real_report: dict[str, Any]
) -> AsyncGenerator[httpx.AsyncClient]:
    async with talking_to(real_app, Role.SELLER) as client:
        yield client
