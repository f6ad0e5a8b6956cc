"""Whose a token is, by which keys, and what is remembered of it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from jwt import PyJWK
from jwt.algorithms import OKPAlgorithm
from starlette.requests import Request

from chassis import testing
from chassis.errors import Forbidden, Unauthenticated
from chassis.http import auth
from chassis.http.auth import (
    AUDIENCE,
    ISSUER,
    Bearer,
    CheckedTokens,
    KeysUnavailable,
    PublishedKeys,
    ServiceTokens,
    require_role,
)
from chassis.http.client import Problem
from chassis.monitoring.loops import Stuck
from chassis.testing import TestKeys


def as_published(key: Ed25519PrivateKey) -> dict[str, Any]:
    jwk = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**jwk, "kid": testing.KID, "alg": "EdDSA"}


# --- Identity's keys --------------------------------------------------------------------------


class Identity(httpx.AsyncBaseTransport):
    """Publishes its keys; or hangs until whoever asks has no more patience."""

    def __init__(self) -> None:
        self.hangs, self.requests = False, 0
        self.reached, self.patience_ends = asyncio.Event(), asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests += 1
        if self.hangs:
            self.reached.set()
            await self.patience_ends.wait()
            raise httpx.ReadTimeout("silence", request=request)
        return httpx.Response(200, json={"keys": [as_published(testing.KEY)]})


async def test_nobody_waits_for_identity_while_the_key_is_known():
    identity = Identity()
    keys = PublishedKeys(httpx.AsyncClient(transport=identity, base_url="http://gateway"))
    assert await keys.key(testing.KID) is not None
    identity.hangs = True
    keys.requested_at -= 24 * 3600
    async with asyncio.timeout(30):
        assert None not in await asyncio.gather(*(keys.key(testing.KID) for _ in range(10)))
    identity.patience_ends.set()
    with pytest.raises(Stuck, match="identity does not publish its keys"):
        await keys.read()  # in the background, where it is told
    assert await keys.key(testing.KID) is not None
    with pytest.raises(KeysUnavailable):  # a new one, perhaps: nobody is signed out for it
        await keys.key("of a moment ago")


async def test_while_identity_hangs_one_asks_for_all_who_show_an_unknown_key():
    identity = Identity()
    identity.hangs = True
    keys = PublishedKeys(httpx.AsyncClient(transport=identity, base_url="http://gateway"))
    calls = [asyncio.create_task(keys.key(testing.KID)) for _ in range(10)]
    await identity.reached.wait()
    identity.patience_ends.set()
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(answer) for answer in answers} == {KeysUnavailable}
    assert identity.requests == 1
    identity.hangs = False
    keys.requested_at -= 10
    with structlog.testing.capture_logs() as logs:
        assert await keys.key("forged") is None
        assert await keys.key("forged too") is None
    assert identity.requests == 2  # not for each that somebody makes up
    assert [line["event"] for line in logs] == ["unknown_signing_key"]


# --- Tokens that were checked -----------------------------------------------------------------


def bearer(name: str = "Karim", **changes: object) -> str:
    now = datetime.now(UTC)
    claims: dict[str, Any] = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(uuid4()),
        "sid": str(uuid4()),
    }
    claims |= {"role": "seller", "name": name, "iat": now, "exp": now + timedelta(minutes=1)}
    headers = {"kid": testing.KID}
    return jwt.encode(claims | changes, testing.KEY, algorithm="EdDSA", headers=headers)


async def test_a_token_is_checked_once(monkeypatch):
    tokens, shown = CheckedTokens(), bearer("Karim")
    first = await tokens.caller(TestKeys(), shown)
    monkeypatch.setattr(jwt, "decode", None)  # whoever checks a signature fails
    assert await tokens.caller(TestKeys(), shown) is first
    assert first.name == "Karim"


async def test_a_token_that_was_checked_ends_when_it_says(monkeypatch):
    tokens, ends = CheckedTokens(), datetime.now(UTC) + timedelta(minutes=5)
    shown = bearer(exp=ends)
    assert await tokens.caller(TestKeys(), shown)
    monkeypatch.setattr(testing.clock, "now", lambda: ends)
    with pytest.raises(Unauthenticated):
        await tokens.caller(TestKeys(), shown)
    assert not tokens.known


@pytest.mark.parametrize("now_published", [None, PyJWK(as_published(Ed25519PrivateKey.generate()))])
async def test_a_token_ends_with_the_key_that_signed_it(now_published):
    class Withdrawn(TestKeys):
        async def key(self, kid: str) -> PyJWK | None:
            return now_published

    tokens, shown = CheckedTokens(), bearer()
    await tokens.caller(TestKeys(), shown)
    with pytest.raises(Unauthenticated):
        await tokens.caller(Withdrawn(), shown)
    assert not tokens.known


async def test_only_the_latest_tokens_are_remembered():
    tokens, shown = CheckedTokens(most=2), [bearer() for _ in range(5)]
    for each in shown:
        await tokens.caller(TestKeys(), each)
    assert [each.caller.token for each in tokens.known.values()] == shown[-2:]
    assert (await tokens.caller(TestKeys(), shown[0])).token == shown[0]


# --- Who asks -----------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["exp", "iat", "sub", "role", "name", "sid"])
async def test_a_token_says_all_that_there_is_to_say(missing):
    claims = jwt.decode(bearer(), options={"verify_signature": False})
    del claims[missing]
    shown = jwt.encode(claims, testing.KEY, algorithm="EdDSA", headers={"kid": testing.KID})
    with pytest.raises(Unauthenticated):
        await auth.read_token(TestKeys(), shown)


@pytest.mark.parametrize("kid", [{}, {"kid": "another"}])
async def test_a_token_of_another_key_is_nobodys(kid):
    shown = jwt.encode({"sub": "x"}, testing.KEY, algorithm="EdDSA", headers=kid)
    with pytest.raises(Unauthenticated, match="unknown key"):
        await auth.read_token(TestKeys(), shown)


async def test_a_caller_is_whom_the_token_names_and_its_time_to_come_is_no_fault():
    who, session = uuid4(), uuid4()
    later = datetime.now(UTC) + timedelta(hours=2)
    shown = bearer("Awa", sub=str(who), sid=str(session), iat=later, exp=later)
    caller = await auth.read_token(TestKeys(), shown)
    assert (caller.id, caller.role, caller.name) == (who, "seller", "Awa")
    assert (caller.session_id, caller.token) == (session, shown)


def request(app: FastAPI, authorization: str | None) -> Request:
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    return Request({"type": "http", "headers": headers, "app": app})


async def test_a_dependency_lets_in_whom_it_names(monkeypatch):
    app = FastAPI()
    app.state.keys, app.state.checked_tokens = TestKeys(), CheckedTokens()
    shown = bearer()
    for good in (f"Bearer {shown}", f"bearer {shown}"):
        assert (await Bearer()(request(app, good))).token == shown
    for bad in (None, "Bearer", "Bearer ", f"Basic {shown}", shown):
        with pytest.raises(Unauthenticated, match="a bearer token is required"):
            await Bearer()(request(app, bad))
    assert (
        await require_role("customer", "seller")(request(app, f"Bearer {shown}"))
    ).role == "seller"
    with pytest.raises(Forbidden, match=r"^reserved to: administrator, technician$"):
        await require_role("technician", "administrator")(request(app, f"Bearer {shown}"))
    scheme = Bearer().model
    assert (scheme.scheme, Bearer().scheme_name) == ("bearer", "HTTPBearer")


# --- Tokens of a service --------------------------------------------------------------------------


async def test_a_service_token_is_fetched_once_until_shortly_before_its_end(monkeypatch):
    requests: list[tuple[str, str, bytes]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append((request.method, request.url.path, request.content))
        if len(requests) > 3:
            return httpx.Response(503)
        return httpx.Response(200, json={"access_token": str(len(requests)), "expires_in": 60})

    now = 1000.0
    monkeypatch.setattr(auth.time, "monotonic", lambda: now)
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://gateway")
    tokens = ServiceTokens(http, "notifications", "a secret")
    assert [await tokens.token() for _ in range(2)] == ["1", "1"]
    assert requests == [
        (
            "POST",
            "/api/identity/service-tokens",
            b'{"service":"notifications","secret":"a secret"}',
        )
    ]
    now += 60 - auth.SPARE_SECONDS - 1
    assert await tokens.token() == "1"
    now += 1
    assert await tokens.token() == "2"
    assert await tokens.renewed("1") == "2"  # which another call has fetched already
    assert await tokens.renewed("2") == "3"
    with pytest.raises(Problem):
        await tokens.renewed("3")


async def test_identitys_time_goes_on_by_our_steady_clock(monkeypatch):
    published_at = datetime(2026, 11, 30, 12, tzinfo=UTC)
    answers = [
        {"keys": [as_published(testing.KEY)], "now": published_at.isoformat()},
        {"keys": [{}]},
        {},
    ]

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/identity/keys"
        return httpx.Response(200, json=answers.pop(0)) if answers else httpx.Response(500)

    now = 1000.0
    monkeypatch.setattr(auth.time, "monotonic", lambda: now)
    keys = PublishedKeys(
        httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="http://gateway")
    )
    assert abs(keys.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert keys.is_silent
    await keys.read()
    now += 30
    assert keys.now() == published_at + timedelta(seconds=30)
    assert not keys.is_silent
    for _ in range(3):  # what cannot be read as keys, and no answer
        with pytest.raises(Stuck, match="identity does not publish its keys"):
            await keys.read()
        assert keys.is_silent
    assert await keys.key(testing.KID) is not None
