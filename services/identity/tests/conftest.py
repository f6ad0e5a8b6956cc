"""A real database, and the people who use identity in its tests."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import testing
from chassis.data.database import Database
from contracts.identity.events import LinkRequested
from contracts.identity.roles import SERVICE, Role
from identity.app import create_app
from identity.models import Base
from identity.settings import Settings

PASSWORD = "grenouille sur un vélo"
OTHER_PASSWORD = "trois pommes et demie"
SERVICE_SECRET = "what only notifications and identity know"


class BothKeys:
    """Tokens that tests have signed, and those that identity signs."""

    def __init__(self, own: Any) -> None:
        self.own = own

    async def key(self, kid: str) -> Any:
        return await testing.TestKeys().key(kid) or await self.own.key(kid)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own, name)


def service(database_name: str, **settings: Any) -> FastAPI:
    """A service of its own, whose hashing is as quick as argon2 allows."""
    url = testing.migrated_database("identity", database_name)
    quick: dict[str, Any] = {
        "password_memory_kib": 8,
        "password_passes": 1,
        "password_link_seconds": 0,
        "notifications_secret": SecretStr(SERVICE_SECRET),
        "house_words": "Électro Durand",
        **settings,
    }
    hire_colleagues(url)
    app = create_app(Settings(database_url=SecretStr(url), **quick))
    app.state.keys = BothKeys(app.state.keys)
    return app


@dataclass(frozen=True)
class Colleague:
    """Somebody of the staff who has always been there, and is signed in."""

    role: Role
    id: UUID
    session_id: UUID

    @property
    def header(self) -> dict[str, str]:
        return testing.token(self.role, self.id, session_id=self.session_id)


SELLER = Colleague(Role.SELLER, uuid4(), uuid4())
TECHNICIAN = Colleague(Role.TECHNICIAN, uuid4(), uuid4())
ADMINISTRATOR = Colleague(Role.ADMINISTRATOR, uuid4(), uuid4())
COLLEAGUES = (SELLER, TECHNICIAN, ADMINISTRATOR)


def hire_colleagues(url: str) -> None:
    """They have no password: nobody counts them among those who can sign in."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        for who in COLLEAGUES:
            connection.execute(
                """
                INSERT INTO accounts
                    (id, role, first_name, last_name, email, email_key, registered_at, enabled, version)
                VALUES (%(id)s, %(role)s, 'Camille', 'Test', %(email)s, %(email)s, now(), true, 1)
                """,
                {"id": who.id, "role": who.role, "email": f"{who.role}@colleagues.example"},
            )
            connection.execute(
                """
                INSERT INTO sessions
                    (id, account_id, token_hash, opened_at, last_used_at, expires_at, user_agent)
                VALUES (%s, %s, %s, now(), now(), now() + interval '100 years', '')
                """,
                (who.session_id, who.id, who.session_id.bytes),
            )


@pytest.fixture(scope="session")
async def app() -> AsyncGenerator[FastAPI]:
    app = service("test_identity")
    await app.state.keys.read()  # as at a first start: the key outlives the tests' rollbacks
    yield app
    await app.state.database.close()


@pytest.fixture(scope="session")
def database(app: FastAPI) -> Database:
    return app.state.database


def talking_to(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://identity/api/identity"
    )


@pytest.fixture
async def client(app: FastAPI, session: AsyncSession) -> AsyncGenerator[httpx.AsyncClient]:
    async with talking_to(app) as client:
        yield client


@dataclass
class People:
    """What people do in these tests, through the API alone."""

    client: httpx.AsyncClient
    seller: dict[str, str]
    technician: dict[str, str]
    administrator: dict[str, str]

    @property
    def staff(self) -> list[dict[str, str]]:
        """The headers of everybody who was there from the beginning."""
        return [self.seller, self.technician, self.administrator]

    async def post(self, path: str, body: object, headers: dict[str, str]) -> httpx.Response:
        return await self.client.post(path, json=body, headers=headers)

    async def register(self, *, key: str | None = None, **changes: Any) -> httpx.Response:
        headers = self.seller | ({"Idempotency-Key": key} if key else {})
        return await self.post("/customers", somebody(**changes), headers)

    async def registered(self, **changes: Any) -> dict[str, Any]:
        answer = await self.register(**changes)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def hire(self, role: Role, **changes: Any) -> httpx.Response:
        return await self.post("/staff", somebody(role=role, **changes), self.administrator)

    async def hired(self, role: Role, **changes: Any) -> dict[str, Any]:
        answer = await self.hire(role, **changes)
        assert answer.status_code == 201, answer.text
        return answer.json()

    async def sign_in(
        self,
        email: str,
        password: str = PASSWORD,
        address: str = "192.0.2.1",
        agent: str = "Firefox",
        browser: str = "",
    ) -> httpx.Response:
        headers = {"X-Guichet-Browser-Address": address, "User-Agent": agent}
        given = {"email": email, "password": password, "browser": browser}
        return await self.post("/sessions", given, headers)

    async def session_token(self, email: str, password: str = PASSWORD) -> str:
        answer = await self.sign_in(email, password)
        assert answer.status_code == 201, answer.text
        return answer.json()["token"]

    async def exchange(self, token: str) -> httpx.Response:
        return await self.client.post("/tokens", headers={"Authorization": f"Bearer {token}"})

    async def signed_in(self, email: str, password: str = PASSWORD) -> dict[str, str]:
        """The header of somebody who has signed in and exchanged the token."""
        answer = await self.exchange(await self.session_token(email, password))
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def forget(self, email: str, address: str = "192.0.2.1") -> httpx.Response:
        headers = {"X-Guichet-Browser-Address": address}
        return await self.post("/password-links", {"email": email}, headers)

    async def ask_secret(self, link_id: object) -> httpx.Response:
        """What notifications does when it writes the mail."""
        return await self.post(f"/links/{link_id}/secret", None, testing.token(SERVICE))

    async def secret(self, link_id: object) -> str:
        answer = await self.ask_secret(link_id)
        assert answer.status_code == 200, answer.text
        return answer.json()["secret"]

    async def ask_refusal(self, link_id: object) -> httpx.Response:
        return await self.post(f"/links/{link_id}/secret/refusal", None, testing.token(SERVICE))

    async def read_link(self, secret: str) -> httpx.Response:
        return await self.post("/links/read", {"secret": secret}, {})

    async def use_link(self, secret: str, password: str | None = OTHER_PASSWORD) -> httpx.Response:
        return await self.post("/links/use", {"secret": secret, "password": password}, {})

    def refused(
        self, answer: httpx.Response, status: int, code: str, field: str | None = None
    ) -> dict[str, Any]:
        """What the answer says, having checked how it refuses and which field it blames."""
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        blamed = [(error["field"], error["code"]) for error in body["errors"]]
        assert (field, code) in blamed if field else body["code"] == code
        return body

    async def found(self, words: str, **more: object) -> list[str]:
        """E-mail addresses, as the search of customers orders them."""
        answer = await self.post("/customers/search", {"text": words, **more}, self.seller)
        assert answer.status_code == 200, answer.text
        return [customer["email"] for customer in answer.json()["customers"]]


def somebody(**changes: Any) -> dict[str, object]:
    """The body of a good registration, but for what is changed."""
    good = {
        "first_name": "Nathalie",
        "last_name": "Rousseau",
        "email": f"{uuid4()}@example.org",
        "password": PASSWORD,
    }
    return good | changes


def people_of(client: httpx.AsyncClient) -> People:
    return People(client, *(colleague.header for colleague in COLLEAGUES))


@pytest.fixture
def people(client: httpx.AsyncClient) -> People:
    return people_of(client)


@pytest.fixture
def mail(app: FastAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail can be sent."""
    monkeypatch.setattr(app.state.settings, "mail", True)


Links = Callable[[], Awaitable[list[LinkRequested]]]


@pytest.fixture
def links(session: AsyncSession) -> Links:
    """The links that were announced so far, in order."""

    async def announced() -> list[LinkRequested]:
        events = await testing.published(session)
        return [event for event in events if isinstance(event, LinkRequested)]

    return announced


Wait = Callable[[type[Base], str, timedelta], Awaitable[None]]


@pytest.fixture
def later(session: AsyncSession) -> Wait:
    """As if what a table notes had happened earlier by so much."""

    async def pass_time(table: type[Base], column: str, by: timedelta) -> None:
        moment = getattr(table, column)
        await session.execute(update(table).values({column: moment - by}))
        await session.commit()

    return pass_time


@pytest.fixture(scope="session")
async def busy_app() -> AsyncGenerator[FastAPI]:
    """A service whose transactions really commit, for what happens at the same instant."""
    app = service("test_identity_races", pool_size=10, mail=True)
    yield app
    await app.state.database.close()


@pytest.fixture
async def busy_people(busy_app: FastAPI) -> AsyncGenerator[People]:
    async with talking_to(busy_app) as client:
        yield people_of(client)
