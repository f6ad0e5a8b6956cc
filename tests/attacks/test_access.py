"""Every route of every service and of the web lets in those whom the table names, and nobody else.

No database and no other service is there: whoever is let in meets that, which is no refusal.
"""

import importlib
import re
from collections.abc import AsyncGenerator, Iterable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import jwt
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from attacks.access import (
    ADMINISTRATOR,
    ANYBODY,
    API,
    CUSTOMER,
    OPERATION,
    PAGES,
    PEOPLE,
    ROLES,
    STANDING,
    address,
)
from chassis.http.auth import Caller
from chassis.http.bodies import LONG_BODY
from chassis.http.standing import SessionEnded
from chassis.http.uploads import LONGEST_PART
from chassis.monitoring import health
from chassis.testing import believe, token
from web.app import create_app
from web.settings import WebSettings
from web.shared.browser.cookies import cookie_name
from web.shared.forms import form_token

NO_DATABASE = SecretStr("postgresql+psycopg://nobody:nothing@127.0.0.1:1/nowhere")
SECRET = "a secret that is long enough for anything"
SETTINGS = WebSettings(
    web_secret=SecretStr(SECRET),
    assets=Path(__file__).parents[2] / "node_modules",
    internal_url="http://gateway.test",
)
WHO = uuid4()
NOTHING = 204  # what a page that asks by itself is answered when it may not


def routes(within: Iterable, prefix: str = "") -> Iterator[str]:
    """Method and path of each, as the table writes them."""
    for route in within:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from routes(included.routes, prefix + route.include_context.prefix)
        elif getattr(route, "include_in_schema", True) or "{digest}" in route.path:
            path = re.sub(r"{(\w+):\w+}", r"{\1}", prefix + route.path)
            yield from (f"{method} {path}" for method in sorted(route.methods - {"HEAD"}))


# --- Services ----------------------------------------------------------------------------------


@pytest.fixture
def leaving() -> Iterator[None]:
    """A replica that leaves opens no stream, which would not end here."""
    health.leaving.set()
    yield
    health.leaving.clear()


def service(name: str) -> FastAPI:
    settings = importlib.import_module(f"{name}.settings").Settings
    given = {"database_url": NO_DATABASE}
    if "notifications_secret" in settings.model_fields:
        given["notifications_secret"] = SecretStr(SECRET)
    app = importlib.import_module(f"{name}.app").create_app(settings(**given))
    believe(app)
    return app


@pytest.mark.parametrize("name", API)
def test_the_table_names_every_route_of_a_service(name):
    assert set(routes(service(name).routes)) - set(OPERATION) == set(API[name])


@pytest.mark.parametrize("name", API)
async def test_a_service_lets_in_whom_the_table_names(name, leaving):
    transport = httpx.ASGITransport(service(name), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        for route, allowed in API[name].items():
            method, path = route.split()
            sent = {"Content-Type": "application/json"}
            answer = await client.request(method, address(path), headers=sent)
            assert answer.headers["Cache-Control"] == "no-store", route
            if allowed == ANYBODY:
                continue
            assert answer.status_code == 401, route
            let_in = set()
            for role in ROLES:
                answer = await client.request(method, address(path), headers=sent | token(role))
                assert answer.status_code != 401, (route, role)
                if answer.status_code != 403:
                    let_in.add(role)
            assert let_in == allowed - {STANDING}, route


@pytest.mark.parametrize("name", API)
async def test_a_slash_too_many_leads_nowhere_else(name):
    """A redirect would name the address that the service has, by the scheme it is asked with."""
    transport = httpx.ASGITransport(service(name), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        for route in API[name]:
            method, path = route.split()
            answer = await client.request(method, f"{address(path)}/", headers=token(ADMINISTRATOR))
            assert answer.status_code == 404, route


class Ended:
    async def require(self, caller: Caller) -> None:
        raise SessionEnded(f"as identity says of {caller.id}")


@pytest.mark.parametrize("name", sorted(set(API) - {"identity"}))
async def test_a_session_that_ended_opens_nothing_that_needs_one(name, leaving):
    app = service(name)
    app.state.standing = Ended()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        for route, allowed in API[name].items():
            method, path = route.split()
            headers = {"Content-Type": "application/json"} | token(ADMINISTRATOR)
            answer = await client.request(method, address(path), headers=headers)
            assert (answer.status_code == 401) == (STANDING in allowed), route


WRITES = {"POST", "PUT", "PATCH", "DELETE"}
PARTS = {"PATCH /api/catalog/imports/{import_id}"}  # of what is large
TUS = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
PIECE = b"x" * 16_384


@pytest.mark.parametrize("name", API)
async def test_no_route_reads_a_body_longer_than_it_needs(name):
    transport = httpx.ASGITransport(service(name), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        for route, allowed in API[name].items():
            method, path = route.split()
            if method not in WRITES:
                continue
            kind = "application/offset+octet-stream" if route in PARTS else "application/json"
            role = min(allowed - {STANDING}, default=CUSTOMER)
            read: list[bytes] = []
            answer = await client.request(
                method,
                address(path),
                content=without_end(read),
                headers=TUS | {"Content-Type": kind} | token(role),
            )
            longest = LONGEST_PART if route in PARTS else LONG_BODY
            assert len(PIECE) * len(read) <= longest + 2 * len(PIECE), route
            if len(read) > 1:
                assert answer.status_code == 413, route


async def without_end(read: list[bytes]) -> AsyncGenerator[bytes]:
    while len(read) < 200:
        read.append(PIECE)
        yield PIECE


# --- Pages -------------------------------------------------------------------------------------


class Nobody:
    """A gateway behind which only identity answers: the session's token is the person's role."""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path != "/api/identity/tokens":
            raise httpx.ConnectError("nobody is there")
        role = request.headers["Authorization"].split()[1]
        claims = {"sub": str(WHO), "role": role, "name": "Camille Test", "given_name": "Camille"}
        signed = jwt.encode({**claims, "sid": str(uuid4())}, SECRET)
        return httpx.Response(200, json={"access_token": signed, "expires_in": 60})


@pytest.fixture(scope="module")
def pages() -> FastAPI:
    return create_app(SETTINGS)


def test_the_table_names_every_page(pages):
    assert set(routes(pages.routes)) - set(OPERATION) == set(PAGES)


# Files under an address of their content, and what goes on for as long as somebody reads.
CACHED = {"GET /static/{digest}/{name}", "GET /en-direct"}


async def test_a_page_lets_in_whom_the_table_names(pages):
    async with (
        pages.router.lifespan_context(pages),
        httpx.AsyncClient(
            transport=httpx.MockTransport(Nobody()), base_url="http://gateway.test"
        ) as pages.state.http,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(pages, raise_app_exceptions=False),
            base_url="http://guichet.test",
            headers={"Sec-Fetch-Site": "same-origin"},
        ) as browser,
    ):
        for route, allowed in PAGES.items():
            answer = await ask(browser, route)
            assert route in CACHED or answer.headers["Cache-Control"] == "no-store", route
            if route != "GET /":
                assert (await ask(browser, f"{route}/")).status_code == 404, route
            if allowed == ANYBODY:
                continue
            sent_away = answer.headers.get("Location", "").startswith("/connexion")
            assert sent_away or answer.status_code in {401, NOTHING}, route
            let_in = {
                role
                for role in PEOPLE
                if (await ask(browser, route, role)).status_code not in {403, NOTHING}
            }
            assert let_in == allowed, route
            method, path = route.split()
            if method in WRITES:
                read: list[bytes] = []
                form = {"Content-Type": "application/x-www-form-urlencoded"}
                cookie = {"Cookie": f"{cookie_name(SETTINGS, 'session')}={min(allowed)}"}
                await browser.request(
                    method, address(path), content=without_end(read), headers=form | cookie
                )
                assert len(PIECE) * len(read) <= LONG_BODY + 2 * len(PIECE), route


async def ask(browser: httpx.AsyncClient, route: str, role: str = "") -> httpx.Response:
    method, path = route.split()
    form = {"form_token": form_token(SECRET, WHO, role), "seen_position": "1"}
    cookie = {"Cookie": f"{cookie_name(SETTINGS, 'session')}={role}"} if role else {}
    return await browser.request(
        method, address(path), headers=cookie, data=form if method == "POST" else None
    )
