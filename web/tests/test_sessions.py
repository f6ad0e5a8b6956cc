"""Who is at the browser: addresses, the cookie, and the bounded memory of access tokens."""

import time
from collections.abc import AsyncGenerator
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr
from starlette.requests import Request

from contracts.identity.roles import Role
from web import sessions
from web.clients.gateway import Gateway
from web.pages.sign_in import local
from web.settings import WebSettings


def seen(headers: dict[str, str], client: str = "10.0.0.9") -> Request:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "headers": raw, "client": (client, 1), "path": "/"})


def test_the_browsers_address_is_what_the_gateway_saw_last():
    assert sessions.browser_address(seen({})) == "10.0.0.9"
    assert sessions.browser_address(seen({"X-Forwarded-For": "203.0.113.7"})) == "203.0.113.7"
    forged = {"X-Forwarded-For": "198.51.100.1, 203.0.113.7"}
    assert sessions.browser_address(seen(forged)) == "203.0.113.7"


def access() -> sessions.Access:
    return sessions.Access(
        token="t",
        id=uuid4(),
        role=Role.CUSTOMER,
        name="Léa Fontaine",
        first_name="Léa",
        session_id=uuid4(),
        good_until=time.monotonic() + 50,
    )


@pytest.fixture
async def gateway() -> AsyncGenerator[Gateway]:
    async with httpx.AsyncClient() as http:
        yield Gateway(http=http, browser_address="203.0.113.7")


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


def test_the_cookie_is_bound_to_the_host_over_tls():
    plain = WebSettings(web_secret=SecretStr("x" * 40), public_url="http://localhost:8080")
    sealed = WebSettings(web_secret=SecretStr("x" * 40), public_url="https://guichet.example.org")
    assert not plain.over_tls
    assert sealed.over_tls


def test_there_is_no_default_secret_and_no_short_one(monkeypatch):
    monkeypatch.delenv("GUICHET_WEB_SECRET", raising=False)
    with pytest.raises(ValueError, match="web_secret"):
        WebSettings()
    with pytest.raises(ValueError, match="web_secret"):
        WebSettings(web_secret=SecretStr("short"))
