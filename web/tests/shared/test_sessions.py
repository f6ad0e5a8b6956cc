"""Who is at the browser: addresses, the cookie, and the bounded memory of access tokens."""

import re
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from http.cookiejar import CookieJar
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from pydantic import SecretStr
from starlette.requests import Request

import web
from chassis import clock
from contracts.identity.roles import Role
from signed_in import claims_of, token_for
from web.account.sign_in import local
from web.app import create_app
from web.clients.gateway import Gateway
from web.settings import WebSettings
from web.shared import sessions
from web.shared.browser.cookies import cookie_name
from web.shared.browser.request_headers import browser_address
from web.shared.text.dates import Dates

SOMEBODY = uuid4()
LEA = claims_of("customer", "Léa Fontaine", SOMEBODY)


def seen(headers: dict[str, str], client: str = "10.0.0.9") -> Request:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw, "client": (client, 1), "path": "/"})


def test_the_browsers_address_is_what_the_gateway_saw_last():
    assert browser_address(seen({})) == "10.0.0.9"
    assert browser_address(seen({"X-Forwarded-For": "203.0.113.7"})) == "203.0.113.7"
    forged = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    assert browser_address(seen(forged)) == "203.0.113.7"


def access() -> sessions.Access:
    return sessions.Access(
        token="t",
        id=uuid4(),
        role=Role.CUSTOMER,
        name="Léa Fontaine",
        first_name="Léa",
        session_id=uuid4(),
        language=None,
        good_until=time.monotonic() + 50,
    )


@pytest.fixture
async def gateway() -> AsyncGenerator[Gateway]:
    async with httpx.AsyncClient() as http:
        yield Gateway(http)


async def test_no_more_tokens_are_remembered_than_is_said(gateway, monkeypatch):
    async def exchanged(*_: object) -> sessions.Access:
        return access()

    monkeypatch.setattr(sessions, "CACHED_MOST", 3)
    monkeypatch.setattr(sessions, "exchange", exchanged)
    tokens = sessions.AccessTokens()
    first = await tokens.access(gateway, "session 0")
    for number in range(1, 3):
        await tokens.access(gateway, f"session {number}")
    assert await tokens.access(gateway, "session 0") is first  # used last, so kept
    await tokens.access(gateway, "session 3")
    assert len(tokens.known) == 3
    assert await tokens.access(gateway, "session 0") is first
    tokens.forget("session 0")
    assert await tokens.access(gateway, "session 0") is not first


def test_a_token_does_not_show_in_what_is_logged():
    assert "t'" not in repr(access())


@pytest.mark.parametrize("address", ["/", "/mes-demandes/4127?avant=x", "/demandes?vue=ouvertes"])
def test_signing_in_leads_to_our_own_addresses(address):
    assert local(address) == address


@pytest.mark.parametrize(
    "address",
    ["", "https://elsewhere.test/", "//elsewhere.test/", "/\\elsewhere.test", "javascript:alert(1)",
     "demandes", "///elsewhere.test", "/\t/elsewhere.test", "/\n/elsewhere.test"],
)  # fmt: skip
def test_signing_in_leads_nowhere_else(address):
    assert local(address) == ""


def test_cookies_are_bound_to_the_host_over_tls_and_named_by_the_installation():
    here, there = (WebSettings(web_secret=SecretStr(secret * 40)) for secret in "xy")
    over_tls = here.model_copy(update={"public_url": "https://guichet.example.org"})
    assert cookie_name(here, "session") == f"guichet_{here.installation}_session"
    assert cookie_name(over_tls, "session") == f"__Host-guichet_{here.installation}_session"
    assert here.installation != there.installation
    assert "x" * 4 not in here.installation


def test_every_cookie_is_named_in_one_place():
    """So that none can be shared with another installation."""
    sources = Path(web.__file__).parent.rglob("*.py")
    direct = re.compile(r"request\.cookies|\.(set|delete)_cookie\(")
    assert [each.name for each in sources if direct.search(each.read_text())] == ["cookies.py"]


class Identity:
    """Of one installation: it knows the sessions that it has opened, and nobody else's."""

    def __init__(self, name: str) -> None:
        self.token = f"session-at-{name}"

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/api/identity/sessions":
            account: dict[str, Any] = {
                "id": str(SOMEBODY),
                "role": "customer",
                "email": "lea@example.org",
            }
            account |= {"first_name": "Léa", "last_name": "Fontaine", "enabled": True}
            account["registered_at"] = "2026-11-24T10:42:00+01:00"
            opened = {"token": self.token, "expires_at": account["registered_at"]}
            return httpx.Response(201, json=opened | {"account": account})
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return httpx.Response(401, json={"status": 401, "code": "session_ended"})
        return token_for(LEA)


@asynccontextmanager
async def installation(
    settings: WebSettings, port: int, jar: CookieJar
) -> AsyncGenerator[httpx.AsyncClient]:
    """At a port of the host name that all share, in the browser whose cookies are in the jar."""
    secret = SecretStr(f"{port} is the secret of this installation alone")
    app = create_app(settings.model_copy(update={"web_secret": secret}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.MockTransport(Identity(str(port)).answer), base_url="http://gateway"
        ) as app.state.http,
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url=f"http://guichet.test:{port}",
            headers={"Sec-Fetch-Site": "same-origin"},
            cookies=jar,
        ) as browser,
    ):
        yield browser


async def test_two_installations_on_one_host_name_do_not_sign_each_other_out(settings):
    """Browsers keep cookies by host name, whatever the port."""
    jar = CookieJar()
    typed = {"email": "lea@example.org", "password": "sept parapluies oranges"}
    async with (
        installation(settings, 8080, jar) as here,
        installation(settings, 8081, jar) as there,
    ):
        for browser in (here, there):
            assert (await browser.post("/connexion", data=typed)).status_code == 303
        for browser in (here, there, here):
            body = (await browser.get("/session")).json()
            assert body["person"] == str(SOMEBODY)
        left = await here.post("/deconnexion", data={"form_token": body["form_token"]})
        assert left.headers["Location"] == "/connexion"
        assert (await there.get("/session")).json()["person"] == str(SOMEBODY)
        # What one has to say after signing out is not said, nor used up, by the other.
        assert "déconnecté" not in (await there.get("/nulle-part")).text
        assert "déconnecté" in (await here.get("/connexion")).text


class Clockwork:
    """Identity knows the session; another service finds its tokens ended, as often as it is asked."""

    def __init__(self, refusals: int) -> None:
        self.claims: dict[str, Any] = {**claims_of("technician", "Karim Benali", SOMEBODY)}
        self.refusals = refusals
        self.keys: list[str | None] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.keys.append(request.headers.get("Idempotency-Key"))
        if len(self.keys) <= self.refusals:
            fields = {"title": "", "status": 401, "code": "unauthenticated", "detail": ""}
            return httpx.Response(401, json=fields)
        made: dict[str, Any] = {
            "id": str(SOMEBODY),
            "title": "Câble",
            "text": "Un mot.",
            "changed_by_name": "K",
        }
        made |= {"changed_at": "2026-11-24T10:42:00+01:00", "quick_replies": []}
        return httpx.Response(201, json=made)


async def test_a_good_session_goes_on_though_a_service_takes_its_token_for_ended(open_browser):
    """One that was good a moment ago is renewed; a service that takes none is closed, not we."""
    form = {"form_key": str(uuid4()), "title": "Câble", "text": "Un mot que personne ne perd."}
    for refusals, status in ((1, 303), (2, 503)):
        services = Clockwork(refusals)
        async with open_browser(services, {}, session="karim") as browser:
            page = (await browser.get("/session")).json()
            sent = form | {"form_token": page["form_token"]}
            answer = await browser.post("/demandes/reponses-types", data=sent)
        assert services.keys[:2] == [form["form_key"]] * 2
        assert answer.status_code == status, answer.text
        if status == 503:
            assert form["text"] in answer.text
            assert "connexion" not in answer.headers.get("Location", "")


async def test_today_is_what_identity_s_clock_says(open_browser, monkeypatch):
    monkeypatch.setattr(clock, "process_clock", clock.Clock())
    for hours in (30, -30, 0):
        services = Clockwork(0)
        at = datetime.now(UTC) + timedelta(hours=hours)
        services.claims["iat"] = int(at.timestamp())
        async with open_browser(services, {}, session="karim") as browser:
            assert (await browser.get("/session")).status_code == 200
        assert Dates(ZoneInfo("UTC")).today() == at.date()
    assert clock.process_clock.behind == timedelta(0)


def test_there_is_no_default_secret_and_no_short_one(monkeypatch):
    monkeypatch.delenv("GUICHET_WEB_SECRET", raising=False)
    with pytest.raises(ValueError, match="web_secret"):
        WebSettings()
    with pytest.raises(ValueError, match="web_secret"):
        WebSettings(web_secret=SecretStr("short"))


class OneAccount:
    """All services, for somebody who signs in; `asked` is what they were asked."""

    claims: ClassVar = LEA

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append((request.method, request.url.path))
        if request.method == "POST":
            return Identity("here").answer(request)
        return httpx.Response(204)


async def test_signing_in_again_ends_the_earlier_session_of_that_browser(open_browser):
    services = OneAccount()
    typed = {"email": "lea@example.org", "password": "sept parapluies oranges"}
    sent = {"headers": {"Sec-Fetch-Site": "same-origin"}}
    async with open_browser(services, {}, session="an-earlier-one", **sent) as browser:
        assert (await browser.post("/connexion", data=typed)).status_code == 303
    assert services.asked == [
        ("POST", "/api/identity/sessions"),
        ("DELETE", f"/api/identity/sessions/{SOMEBODY}"),
    ]
