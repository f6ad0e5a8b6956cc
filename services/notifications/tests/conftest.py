"""The notifications service on a real database, a real mail server, and those whom it asks."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from aiosmtpd.controller import Controller
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from pydantic import SecretStr
from sqlalchemy import select, text, update

from chassis import testing
from chassis.data.database import Database
from chassis.http.client import HttpClient
from contracts.identity.events import (
    CustomerChanged,
    LinkRequested,
    PasswordChanged,
    StaffMemberChanged,
)
from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role
from contracts.sales.events import SaleRecorded
from contracts.sales.events import SoldProduct as Sold
from contracts.tickets.api import Status
from contracts.tickets.events import (
    Side,
    SoldProduct,
    TicketMessageAdded,
    TicketOpened,
    TicketResolved,
)
from local.launcher.machine.processes import free_port
from notifications import settings as notifications_settings
from notifications.app import create_app
from notifications.clients import Owners
from notifications.handlers import subscriptions
from notifications.models import Base, Mail, Reason
from notifications.sending.worker import Worker
from notifications.settings import Queueing, Settings

SECRET = "a secret of at least thirty-two characters"


# --- The service ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def database_url() -> str:
    url = testing.migrated_database("notifications", "test_notifications")
    return url


@pytest.fixture(scope="session")
def smtp_port() -> int:
    return free_port()


@pytest.fixture(scope="session")
def settings(database_url: str, smtp_port: int) -> Settings:
    return Settings(
        database_url=SecretStr(database_url),
        mail=True,
        notifications_secret=SecretStr(SECRET),
        smtp_host="127.0.0.1",
        smtp_port=smtp_port,
        smtp_tls="none",
        smtp_seconds=5,
        mail_per_minute=1000,
        mail_sender="Guichet <guichet@shop.example>",
        public_url="https://guichet.example",
        mail_poll_seconds=0.05,
    )


@pytest.fixture(scope="session")
async def app(settings: Settings, owner_services: "OwnerServices") -> AsyncGenerator[FastAPI]:
    app = create_app(settings)
    testing.believe(app)
    app.state.http = owner_services.client()
    yield app
    await app.state.http.aclose()
    await app.state.database.close()


@pytest.fixture(scope="session")
def database(app: FastAPI) -> Database:
    return app.state.database


@pytest.fixture(autouse=True)
async def emptied(database: Database) -> None:
    """Workers have transactions of their own, so that these tests really commit."""
    tables = ", ".join(table.name for table in Base.metadata.sorted_tables)
    async with database.transaction() as session:
        await session.execute(text(f"TRUNCATE {tables}, messaging.inbox CASCADE"))


@pytest.fixture(autouse=True)
def rules(monkeypatch: pytest.MonkeyPatch) -> Queueing:
    """What the environment says, for handlers; a test may change it."""
    rules = Queueing(mail=True)
    monkeypatch.setattr(notifications_settings, "queueing", lambda: rules)
    return rules


@pytest.fixture
async def client(app: FastAPI) -> AsyncGenerator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://notifications") as client:
        yield client


# --- The mail server --------------------------------------------------------------------------


class Postman:
    """A mail server's handler: what it says, and what it took."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.taken: list[tuple[str, str, bytes]] = []
        self.to_mail = self.to_rcpt = self.to_data = ""
        self.hang = self.hangs = self.drop = False
        self.times: list[datetime] = []

    async def handle_MAIL(self, server, session, envelope, address, options):
        if self.to_mail:
            return self.to_mail
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.to_rcpt:
            return self.to_rcpt
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.hang:
            self.hangs = True
            await asyncio.sleep(30)
        if self.to_data:
            return self.to_data
        self.times.append(datetime.now(UTC))
        self.taken += [(envelope.mail_from, to, envelope.content) for to in envelope.rcpt_tos]
        if self.drop:
            server.transport.abort()
        return "250 taken over"

    @property
    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(raw, policy=policy.default) for _, _, raw in self.taken]

    @property
    def addresses(self) -> list[str]:
        return [to for _, to, _ in self.taken]

    @property
    def subjects(self) -> list[str]:
        return [str(mail["Subject"]) for mail in self.mails]


class MailServer:
    """A real SMTP socket in a thread of its own."""

    def __init__(self, port: int) -> None:
        self.port, self.postman = port, Postman()
        self.controller: Controller | None = None

    def start(self) -> None:
        if self.controller is None:
            self.controller = Controller(
                self.postman, hostname="127.0.0.1", port=self.port, enable_SMTPUTF8=True
            )
            self.controller.start()

    def stop(self) -> None:
        if self.controller is not None:
            self.controller.stop(no_assert=True)
            self.controller = None


@pytest.fixture(scope="session")
def running_mail_server(smtp_port: int) -> Generator[MailServer]:
    server = MailServer(smtp_port)
    yield server
    server.stop()


@pytest.fixture
def mail_server(running_mail_server: MailServer) -> MailServer:
    running_mail_server.start()
    running_mail_server.postman.forget()
    return running_mail_server


@pytest.fixture
def postman(mail_server: MailServer) -> Postman:
    return mail_server.postman


# --- Whom it asks -----------------------------------------------------------------------------


class OwnerServices:
    """Identity and tickets, as far as notifications asks them."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.app.add_api_route("/api/identity/service-tokens", self.token, methods=["POST"])
        self.app.add_api_route("/api/identity/links/{id}/secret", self.link, methods=["POST"])
        self.app.add_api_route(
            "/api/identity/links/{id}/secret/refusal", self.refusal, methods=["POST"]
        )
        self.app.add_api_route("/api/tickets/messages/{id}/text", self.message)
        self.app.add_api_route("/api/tickets/{number}/subject", self.subject)
        self.forget()

    def forget(self) -> None:
        self.links: dict[UUID, dict[str, Any]] = {}
        self.refusals: dict[UUID, dict[str, Any]] = {}
        self.texts: dict[UUID, str] = {}
        self.subjects: dict[int, str] = {}
        self.mode = "answering"
        self.tokens_given = self.secrets_made = 0
        self.texts_asked: list[UUID] = []

    def client(self) -> httpx.AsyncClient:
        return HttpClient("http://internal", transport=httpx.ASGITransport(self.app))

    async def token(self, request: Request) -> Response:
        body = await request.json()
        if self.mode == "refusing":
            return problem(401, "credentials_wrong")
        assert body == {"service": "notifications", "secret": SECRET}
        self.tokens_given += 1
        return JSONResponse({"access_token": "service-token", "expires_in": 60})

    async def link(self, id: UUID, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer service-token"
        if self.mode == "failing":
            return JSONResponse({}, 500)
        if self.mode == "unrouted":
            return Response("404 page not found", 404)
        if id not in self.links:
            return problem(404, "link_unknown")
        if not self.links[id]:
            return problem(409, "link_used")
        self.secrets_made += 1
        return JSONResponse({"secret": f"secret-{self.secrets_made}"} | self.links[id], 201)

    async def refusal(self, id: UUID, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer service-token"
        if not self.refusals.get(id):
            return problem(409, "link_expired")
        return JSONResponse({"secret": "no.secret"} | self.refusals[id])

    async def message(self, id: UUID, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer service-token"
        self.texts_asked.append(id)
        if self.mode == "failing":
            return JSONResponse({}, 500)
        if id not in self.texts:
            return problem(404, "message_unknown")
        return JSONResponse({"text": self.texts[id]})

    async def subject(self, number: int, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer service-token"
        if self.mode == "failing":
            return JSONResponse({}, 500)
        if number not in self.subjects:
            return problem(404, "ticket_unknown")
        return JSONResponse({"subject": self.subjects[number]})

    def know_link(self, id: UUID, purpose: Purpose, email: str) -> None:
        self.links[id] = {
            "purpose": purpose,
            "email": email,
            "first_name": "Inès",
            "last_name": "Dubois",
            "expires_at": (datetime.now(UTC) + timedelta(hours=1)).isoformat(),
        }


def problem(status: int, code: str) -> JSONResponse:
    body = {"title": "No", "status": status, "code": code, "detail": "no"}
    return JSONResponse(body, status, media_type="application/problem+json")


@pytest.fixture(scope="session")
def owner_services() -> OwnerServices:
    return OwnerServices()


@pytest.fixture
def owners(owner_services: OwnerServices) -> OwnerServices:
    owner_services.forget()
    return owner_services


# --- Who writes to whom -----------------------------------------------------------------------


@dataclass
class Scenario:
    """What happens in these tests, and what workers make of it."""

    app: FastAPI
    settings: Settings
    customer_id: UUID = field(default_factory=uuid4)
    technician_id: UUID = field(default_factory=uuid4)
    ticket_id: UUID = field(default_factory=uuid4)
    number: int = 4127
    version: int = 1
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def database(self) -> Database:
        return self.app.state.database

    async def receives(self, *events: Any, stored_at: datetime | None = None) -> int:
        return await testing.deliver(self.database, subscriptions, *events, stored_at=stored_at)

    # Events, each with whatever a test wants otherwise.

    def customer(self, **changes: Any) -> CustomerChanged:
        facts = {
            "customer_id": self.customer_id,
            "version": 1,
            "first_name": "Inès",
            "last_name": "Dubois",
            "email": "ines@example.org",
            "enabled": True,
            "registered_at": self.now,
        }
        return CustomerChanged.model_validate(facts | changes)

    def technician(self, **changes: Any) -> StaffMemberChanged:
        facts = {
            "staff_member_id": self.technician_id,
            "version": 1,
            "first_name": "Karim",
            "last_name": "Benali",
            "email": "karim@shop.example",
            "role": Role.TECHNICIAN,
            "enabled": True,
        }
        return StaffMemberChanged.model_validate(facts | changes)

    def opened(self, **changes: Any) -> TicketOpened:
        facts = {
            "ticket_id": self.ticket_id,
            "version": 1,
            "number": self.number,
            "customer_id": self.customer_id,
            "sale_id": uuid4(),
            "product": SoldProduct(
                id=uuid4(), reference="HP-4103", designation="Imprimante HP LaserJet 4103dw"
            ),
            "serial_number": "PHBQ74K2M910XTD",
            "opened_at": self.now,
        }
        return TicketOpened.model_validate(facts | changes)

    def message(self, side: Side, **changes: Any) -> TicketMessageAdded:
        self.version += 1
        facts = {
            "ticket_id": self.ticket_id,
            "version": self.version,
            "number": self.number,
            "customer_id": self.customer_id,
            "message_id": uuid4(),
            "author_id": self.technician_id if side == Side.STAFF else self.customer_id,
            "author_side": side,
            "status": Status.IN_PROGRESS,
            "sent_at": self.now,
        }
        return TicketMessageAdded.model_validate(facts | changes)

    def answer(self, **changes: Any) -> TicketMessageAdded:
        return self.message(Side.STAFF, **changes)

    def customer_message(self, **changes: Any) -> TicketMessageAdded:
        return self.message(Side.CUSTOMER, **changes)

    def resolved(self, side: Side = Side.STAFF, **changes: Any) -> TicketResolved:
        self.version += 1
        facts = {
            "ticket_id": self.ticket_id,
            "version": self.version,
            "number": self.number,
            "customer_id": self.customer_id,
            "resolved_by": self.technician_id if side == Side.STAFF else self.customer_id,
            "resolved_by_side": side,
            "resolved_at": self.now,
        }
        return TicketResolved.model_validate(facts | changes)

    def sale(self, **changes: Any) -> SaleRecorded:
        facts = {
            "sale_id": uuid4(),
            "version": 1,
            "customer_id": self.customer_id,
            "seller_id": uuid4(),
            "product": Sold(id=uuid4(), reference="HP-4103", designation="Imprimante"),
            "serial_number": "PHBQ74K2M910XTD",
            "sold_on": date(2026, 11, 24),
            "recorded_at": self.now,
        }
        return SaleRecorded.model_validate(facts | changes)

    def password(self, **changes: Any) -> PasswordChanged:
        facts = {"account_id": self.customer_id, "changed_at": self.now}
        return PasswordChanged.model_validate(facts | changes)

    def link(self, purpose: Purpose = Purpose.PASSWORD, **changes: Any) -> LinkRequested:
        facts = {
            "account_id": self.customer_id,
            "link_id": uuid4(),
            "purpose": purpose,
            "requested_at": self.now,
            "expires_at": self.now + timedelta(hours=1),
        }
        return LinkRequested.model_validate(facts | changes)

    async def knows_people(self) -> None:
        await self.receives(self.customer(), self.technician())

    async def has_request(self) -> None:
        await self.knows_people()
        await self.receives(self.opened())

    # What becomes of it.

    def worker(self, **changes: Any) -> Worker:
        secret = SECRET
        return Worker(
            self.settings.model_copy(update=changes),
            self.database,
            Owners(self.app.state.http, secret),
        )

    async def sends_due(self, **changes: Any) -> None:
        """A worker looks at everything that is due."""
        worker = self.worker(**changes)
        while await worker.send_next():
            pass

    async def makes_due(self) -> None:
        """Whatever waits is due."""
        past = datetime.now(UTC) - timedelta(seconds=1)
        async with self.database.transaction() as session:
            await session.execute(
                update(Mail).where(Mail.state == "waiting").values(due_at=past, wanted_at=past)
            )

    async def makes_due_and_sends(self, **changes: Any) -> None:
        await self.makes_due()
        await self.sends_due(**changes)

    async def mails(self) -> list[Mail]:
        async with self.database.transaction() as session:
            return list((await session.scalars(select(Mail).order_by(Mail.id))).all())

    async def mail(self) -> Mail:
        [mail] = await self.mails()
        return mail

    async def states(self) -> list[tuple[str, str]]:
        return sorted((mail.kind, mail.state) for mail in await self.mails())

    async def reasons(self) -> list[Reason]:
        async with self.database.transaction() as session:
            return list((await session.scalars(select(Reason))).all())

    async def empties_inbox(self) -> None:
        async with self.database.transaction() as session:
            await session.execute(text("TRUNCATE messaging.inbox"))

    async def wants(self, client: httpx.AsyncClient, **preferences: Any) -> None:
        """The technician changes their preferences."""
        headers = testing.token(Role.TECHNICIAN, self.technician_id)
        answer = await client.patch(
            "/api/notifications/preferences", json=preferences, headers=headers
        )
        assert answer.status_code == 200, answer.text
        self.now = datetime.now(UTC)


@pytest.fixture
def scenario(app: FastAPI, settings: Settings, owners: OwnerServices) -> Scenario:
    return Scenario(app, settings)
