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
from jwt import PyJWK
from jwt.algorithms import OKPAlgorithm

from chassis import testing
from chassis.errors import Unauthenticated
from chassis.http.auth import AUDIENCE, ISSUER, CheckedTokens, KeysUnavailable, PublishedKeys
from chassis.monitoring.loops import Stuck
from chassis.testing import TestKeys


def as_published(key: Ed25519PrivateKey) -> dict[str, Any]:
    jwk = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {**jwk, "kid": testing.KID, "alg": "EdDSA"}


# --- Identity's keys --------------------------------------------------------------------------


class Identity(httpx.AsyncBaseTransport):
    """Publishes its keys; or hangs as long as whoever asks has patience."""

    def __init__(self) -> None:
        self.hangs, self.asked = False, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.hangs:
            await asyncio.sleep(0.3)
            raise httpx.ReadTimeout("silence", request=request)
        return httpx.Response(200, json={"keys": [as_published(testing.KEY)]})


async def test_nobody_waits_for_identity_while_the_key_is_known():
    identity = Identity()
    keys = PublishedKeys(httpx.AsyncClient(transport=identity, base_url="http://gateway"))
    assert await keys.key(testing.KID) is not None
    identity.hangs = True
    keys.asked_at -= 24 * 3600
    async with asyncio.timeout(0.2):
        assert None not in await asyncio.gather(*(keys.key(testing.KID) for _ in range(10)))
    with pytest.raises(Stuck, match="identity does not publish its keys"):
        await keys.read()  # in the background, where it is told
    assert await keys.key(testing.KID) is not None
    with pytest.raises(KeysUnavailable):  # a new one, perhaps: nobody is signed out for it
        await keys.key("of a moment ago")


async def test_while_identity_hangs_one_asks_for_all_who_show_an_unknown_key():
    identity = Identity()
    identity.hangs = True
    keys = PublishedKeys(httpx.AsyncClient(transport=identity, base_url="http://gateway"))
    async with asyncio.timeout(1):
        answers = await asyncio.gather(
            *(keys.key(testing.KID) for _ in range(10)), return_exceptions=True
        )
    assert {type(answer) for answer in answers} == {KeysUnavailable}
    assert identity.asked == 1
    identity.hangs = False
    keys.asked_at -= 10
    with structlog.testing.capture_logs() as logs:
        assert await keys.key("forged") is None
        assert await keys.key("forged too") is None
    assert identity.asked == 2  # not for each that somebody makes up
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


async def test_a_token_that_was_checked_ends_when_it_says():
    tokens = CheckedTokens()
    shown = bearer(exp=datetime.now(UTC) + timedelta(seconds=2))
    assert await tokens.caller(TestKeys(), shown)
    await asyncio.sleep(2.1)
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
