"""Every route of every service and of the web lets in those whom the table names, and nobody else.

No database and no other service is there: whoever is let in meets that, which is no refusal.
"""

import importlib
from collections.abc import AsyncGenerator, Iterator
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
    DOCUMENTATION,
    OPERATION,
    PAGES,
    PARTS_OF_FILES,
    PEOPLE,
    ROLES,
    VERIFIED,
    WHOLE_FILES,
    address,
    longest_body,
    routes,
)
from chassis.http.auth import Caller
from chassis.http.session_check import SessionEnded
from chassis.monitoring import health
from chassis.testing import believe, token
from contracts.uploads import PART_BYTES
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
    documentation = {each.replace(" ", f" /api/{name}") for each in DOCUMENTATION}
    named = {*API[name], *OPERATION, *documentation}
    assert {each for each, _ in routes(service(name).routes)} == named


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
            assert let_in == allowed - {VERIFIED}, route


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
    app.state.session_check = Ended()
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        for route, allowed in API[name].items():
            method, path = route.split()
            headers = {"Content-Type": "application/json"} | token(ADMINISTRATOR)
            answer = await client.request(method, address(path), headers=headers)
            assert (answer.status_code == 401) == (VERIFIED in allowed), route


WRITES, TOO_LARGE = {"POST", "PUT", "PATCH", "DELETE"}, 413
TUS = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0"}
PIECE = b"x" * 16_384


@pytest.mark.parametrize("name", API)
async def test_a_route_of_a_service_takes_a_body_as_long_as_the_table_says(name):
    transport = httpx.ASGITransport(service(name), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        for route, allowed in API[name].items():
            if route.split()[0] in WRITES:
                is_part = route in PARTS_OF_FILES
                kind = "application/offset+octet-stream" if is_part else "application/json"
                role = min(allowed - {VERIFIED}, default=CUSTOMER)
                headers = TUS | {"Content-Type": kind} | token(role)
                await takes_what_it_needs(client, route, headers)


async def takes_what_it_needs(
    client: httpx.AsyncClient, route: str, headers: dict[str, str]
) -> None:
    """All of what the table says, and not a byte more, however much goes on coming."""
    method, path = route.split()

    async def send(length: int) -> tuple[int, int]:
        """The answer's status, and how much was read."""
        read: list[int] = []
        answer = await client.request(
            method, address(path), content=in_pieces(length, read), headers=headers
        )
        return answer.status_code, sum(read)

    longest = longest_body(route)
    status, read = await send(max(10 * PART_BYTES, 2 * longest))
    assert read <= longest + 2 * len(PIECE), route
    if not longest:
        assert read <= len(PIECE), route
        return
    assert status == TOO_LARGE, route
    assert (await send(longest + 1))[0] == TOO_LARGE, route
    assert (await send(longest))[0] != TOO_LARGE, route


async def in_pieces(length: int, read: list[int]) -> AsyncGenerator[bytes]:
    for start in range(0, length, len(PIECE)):
        piece = PIECE[: length - start]
        read.append(len(piece))
        yield piece


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
    assert {each for each, _ in routes(pages.routes)} == {*PAGES, *OPERATION}


# Files under an address of their content, and what goes on for as long as somebody reads.
CACHED = {"GET /static/{digest}/{name}", "GET /en-direct"}


@pytest.fixture
async def browser(pages) -> AsyncGenerator[httpx.AsyncClient]:
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
        yield browser


async def test_a_page_lets_in_whom_the_table_names(browser):
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


async def test_a_page_takes_a_form_as_long_as_the_table_says(browser):
    for route, allowed in PAGES.items():
        # Of a form that long, only the file that it holds may be: no text of it.
        if route.split()[0] in WRITES and route not in WHOLE_FILES:
            role = min(allowed, default=CUSTOMER)
            form = {"Content-Type": "application/x-www-form-urlencoded"}
            await takes_what_it_needs(browser, route, form | TUS | session_of(role))


def session_of(role: str) -> dict[str, str]:
    return {"Cookie": f"{cookie_name(SETTINGS, 'session')}={role}"}


async def ask(browser: httpx.AsyncClient, route: str, role: str = "") -> httpx.Response:
    method, path = route.split()
    form = {"form_token": form_token(SECRET, WHO, role), "seen_position": "1"}
    cookie = session_of(role) if role else {}
    return await browser.request(
        method, address(path), headers=cookie, data=form if method == "POST" else None
    )
