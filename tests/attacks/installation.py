"""A whole Guichet in one thread: every service on a database of its own, and the web before them."""

import asyncio
import importlib
import io
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import unquote

import httpx
import jwt
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.types import Message, Receive, Scope, Send

from attacks.access import ADMINISTRATOR, API, CUSTOMER, SELLER, SERVICE, TECHNICIAN
from catalog.operations import import_products
from chassis import testing
from chassis.monitoring import health
from contracts.identity.api import NewStaffMember, StaffRole
from contracts.topology import LISTENINGS, PUBLISHERS
from identity.operations import staff
from local.launcher.machine.processes import free_port
from shop import in_turn
from web.app import create_app as create_web
from web.settings import WebSettings
from web.shared.browser.cookies import cookie_name
from web.shared.forms import form_token

SECRET = "a secret that is long enough for anything"
PASSWORD = "sept parapluies oranges"
PRODUCTS = b"reference,designation,on_sale\nHP-4103,Imprimante HP LaserJet 4103dw,true\n"

OF_A_SERVICE: dict[str, dict[str, Any]] = {
    "identity": {
        "password_memory_kib": 8,
        "password_passes": 1,
        "password_link_seconds": 0,
        "notifications_secret": SecretStr(SECRET),
    },
    "tickets": {"stream_seconds": 0.1},
    "notifications": {"notifications_secret": SecretStr(SECRET), "smtp_host": "mail.example"},
}


class Keys:
    """Tokens that tests have signed, and those that identity signs."""

    def __init__(self, own: Any) -> None:
        self.own = own

    async def key(self, kid: str) -> Any:
        return await testing.TestKeys().key(kid) or await self.own.key(kid)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own, name)


@dataclass
class Person:
    role: str = ""
    email: str = ""
    id: str = ""
    session_token: str = field(default="", repr=False)
    header: dict[str, str] = field(default_factory=dict, repr=False)


NOBODY = Person()


Made = TypeVar("Made")


@dataclass
class Installation:
    """`known` is what exists, by the name of the parameter that says which."""

    services: dict[str, FastAPI]
    web: FastAPI
    http: httpx.AsyncClient
    loop: asyncio.AbstractEventLoop
    people: dict[str, Person] = field(default_factory=lambda: {"": NOBODY})
    known: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return str(self.http.base_url).rstrip("/")

    def run(self, work: Coroutine[Any, Any, Made]) -> Made:
        """In the thread that everything lives in."""
        return asyncio.run_coroutine_threadsafe(work, self.loop).result()

    async def post(self, path: str, body: object, who: Person = NOBODY) -> Any:
        answer = await in_turn(lambda: self.http.post(path, json=body, headers=who.header))
        assert answer.is_success, f"{path}: {answer.text}"
        return answer.json()

    async def sign_in(self, person: Person) -> None:
        """A session that is their own, and a token for it that lasts as long as the tests."""
        given = {"email": person.email, "password": PASSWORD}
        person.session_token = (await self.post("/api/identity/sessions", given))["token"]
        by_session = Person(header={"Authorization": f"Bearer {person.session_token}"})
        signed = (await self.post("/api/identity/tokens", None, by_session))["access_token"]
        claims = jwt.decode(signed, options={"verify_signature": False})
        person.id = claims["sub"]
        person.header = testing.token(person.role, person.id, session_id=claims["sid"])

    def cookie(self, person: Person) -> str:
        name = cookie_name(self.web.state.settings, "session")
        return f"{name}={person.session_token}" if person.session_token else ""

    def form(self, person: Person, **typed: str) -> dict[str, str]:
        return {"form_token": form_token(SECRET, person.id, person.session_token), **typed}  # ty: ignore

    async def pass_on_events(self) -> None:
        """As the broker would, each to whoever listens."""
        for publisher in PUBLISHERS:
            async with self.services[publisher].state.database.transaction() as session:
                events = await testing.published(session)
            for service, to, types in LISTENINGS:
                if to == publisher:
                    handlers = importlib.import_module(f"{service}.handlers").subscriptions
                    received = [event for event in events if event.type in types]
                    await testing.deliver(
                        self.services[service].state.database, handlers, *received
                    )


@contextmanager
def installation() -> Generator[Installation]:
    made: list[Installation | BaseException] = []
    ready, over = threading.Event(), threading.Event()

    async def live() -> None:
        try:
            async with inhabited() as whole:
                made.append(whole)
                ready.set()
                await asyncio.to_thread(over.wait)
        except BaseException as trouble:
            made.append(trouble)
            ready.set()
            raise

    thread = threading.Thread(target=asyncio.run, args=[live()])
    thread.start()
    ready.wait()
    if isinstance(made[0], BaseException):
        thread.join()
        raise made[0]
    yield made[0]
    over.set()
    thread.join()


@asynccontextmanager
async def inhabited() -> AsyncGenerator[Installation]:
    url = f"http://127.0.0.1:{(port := free_port())}"
    services = {name: service(name, url) for name in API}
    web = create_web(WebSettings(web_secret=SecretStr(SECRET), mail=True, internal_url=url))
    client = httpx.AsyncClient(base_url=url, timeout=30)
    config = uvicorn.Config(
        Gateway(services, web), port=port, log_config=None, access_log=False, lifespan="off"
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0.01)
    async with web.router.lifespan_context(web), client as http:
        keys = Keys(services["identity"].state.keys)
        for app in services.values():
            app.state.keys = keys
        made = Installation(services, web, http, asyncio.get_running_loop())
        await inhabit(made)
        yield made
    server.should_exit = True
    await serving
    for app in services.values():
        await app.state.http.aclose()
        await app.state.database.close()


class Gateway:
    """Leads by path, as the internal entry point does."""

    def __init__(self, services: dict[str, FastAPI], web: FastAPI) -> None:
        self.services, self.web = services, web

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts = scope["path"].split("/")
        app = self.services.get(parts[2]) if parts[1:2] == ["api"] and len(parts) > 2 else self.web
        await (app or self.web)(scope, receive, send)


def service(name: str, gateway: str) -> FastAPI:
    settings = importlib.import_module(f"{name}.settings").Settings
    url = testing.migrated_database(name, f"attacks_{name}")
    given = {"database_url": SecretStr(url), "internal_url": gateway, "mail": True}
    given |= OF_A_SERVICE.get(name, {})
    return importlib.import_module(f"{name}.app").create_app(settings(**given))


async def inhabit(made: Installation) -> None:
    """Somebody of each role, and one of everything."""
    people = made.people
    people[SERVICE] = Person(SERVICE, header=testing.token(SERVICE))
    people[ADMINISTRATOR] = by = await first_administrator(made)
    colleague = {"first_name": "Camille", "last_name": "Test", "password": PASSWORD}
    for name, role in {SELLER: SELLER, TECHNICIAN: TECHNICIAN, "colleague": SELLER}.items():
        people[name] = Person(role, f"{name}@example.org")
        new = {**colleague, "email": people[name].email, "role": role}
        member = await made.post("/api/identity/staff", new, by)
    people[CUSTOMER] = customer = Person(CUSTOMER, "cliente@example.org")
    for email in (customer.email, "client@example.org"):
        new = {"first_name": "Inès", "last_name": "Dubois", "email": email, "password": PASSWORD}
        registered = await made.post("/api/identity/customers", new, by)
    for name in (SELLER, TECHNICIAN, CUSTOMER):
        await made.sign_in(people[name])

    async with made.services["catalog"].state.database.transaction() as session:
        await import_products(session, io.BytesIO(PRODUCTS))
    found = await made.http.get("/api/catalog/products?text=4103", headers=by.header)
    [product] = found.json()["on_sale"]["products"]
    sale = {
        "customer_id": customer.id,
        "product_id": product["id"],
        "serial_number": "SN4X8820193KQ7L",
        "sold_on": datetime.now(UTC).date().isoformat(),
    }
    sold = await made.post("/api/sales", sale, by)
    await made.pass_on_events()
    new = {"sale_id": sold["id"], "subject": "Elle ne s’allume plus", "description": "Rien."}
    ticket = await made.post("/api/tickets", new, customer)
    reply = {"text": "Est-elle branchée ?"}
    message = await made.post(f"/api/tickets/{ticket['number']}/messages", reply, by)
    made.known = {
        "number": str(ticket["number"]),
        "message_id": message["id"],
        "sale_id": sold["id"],
        "product_id": product["id"],
        "customer_id": registered["id"],
        "member_id": member["id"],
        "digest": made.web.state.assets.digest,
        "name": "shared/styles/guichet.css",
    }


async def first_administrator(made: Installation) -> Person:
    """As at the terminal."""
    identity = made.services["identity"].state
    person = Person(ADMINISTRATOR, "administrateur@example.org")
    member = NewStaffMember(
        first_name="Ada", last_name="Ministre", email=person.email, role=StaffRole.ADMINISTRATOR
    )
    hashed = await identity.passwords.hash(PASSWORD)
    async with identity.database.transaction() as session:
        await staff.register_staff_member(session, member, hashed)
    await made.sign_in(person)
    return person


# --- Raw requests -----------------------------------------------------------------------------


@dataclass
class Answer:
    status: int = 0
    headers: dict[bytes, bytes] = field(default_factory=dict)
    body: bytes = b""


async def ask(
    app: FastAPI,
    method: str,
    target: bytes,
    headers: list[tuple[bytes, bytes]],
    body: bytes = b"",
) -> Answer:
    """As a server hands a request over, whatever bytes it has; a stream ends with its first event."""
    path, _, query = target.partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path.decode("ascii")),
        "raw_path": path,
        "query_string": query,
        "root_path": "",
        "headers": headers,
        "client": ("192.0.2.1", 4711),
        "server": ("guichet.test", 80),
    }
    sent = iter([{"type": "http.request", "body": body, "more_body": False}])
    answer, forever = Answer(), asyncio.Event()

    async def receive() -> Message:
        for message in sent:
            return message
        await forever.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status, answer.headers = message["status"], dict(message["headers"])
        else:
            answer.body += message.get("body", b"")
            if answer.headers.get(b"content-type", b"").startswith(EVENTS) and EVENT in answer.body:
                health.leaving.set()

    try:
        await app(scope, receive, send)
    finally:
        health.leaving.clear()
    return answer


EVENTS, EVENT = b"text/event-stream", b"event: "
