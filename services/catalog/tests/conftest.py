"""The catalog service on a real database, and ways to fill it."""

import contextlib
import csv
import gzip
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncSession

from catalog.app import create_app
from catalog.settings import Settings
from chassis import testing
from chassis.database import Database
from contracts.identity.roles import Role

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


Import = Callable[[str | bytes], Awaitable[dict[str, Any]]]


@pytest.fixture
def imported(administrator: httpx.AsyncClient) -> Import:
    """Import rows, given without their header, and return the report."""

    async def send(rows: str | bytes) -> dict[str, Any]:
        body = HEADER.encode() + (rows if isinstance(rows, bytes) else rows.encode())
        answer = await administrator.post(
            "/api/catalog/imports", content=body, headers={"Content-Type": "text/csv"}
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

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
        answer = await administrator.post(
            "/api/catalog/imports",
            content=gzip.decompress(CATALOGUE.read_bytes()),
            headers={"Content-Type": "text/csv"},
        )
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
async def real_seller(
    real_app: FastAPI, real_report: dict[str, Any]
) -> AsyncGenerator[httpx.AsyncClient]:
    async with talking_to(real_app, Role.SELLER) as client:
        yield client
