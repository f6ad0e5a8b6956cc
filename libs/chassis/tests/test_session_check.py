"""A session is checked at most every ten seconds, and a silent identity opens nothing."""

import asyncio
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from starlette.requests import Request

from chassis import testing
from chassis.errors import Forbidden, Unauthenticated
from chassis.http import session_check
from chassis.http.auth import Caller, CheckedTokens
from chassis.http.session_check import RemoteSessionCheck, SessionEnded, SessionUnchecked


class Identity:
    """Answers as it is set to, and counts the requests."""

    def __init__(self) -> None:
        self.status, self.code, self.requests = 204, "session_ended", 0
        self.awake, self.reached = asyncio.Event(), asyncio.Event()
        self.awake.set()
        self.app = FastAPI()
        self.app.get(session_check.PATH)(self.answer)

    async def answer(self) -> Response:
        self.requests += 1
        if not self.awake.is_set():
            self.reached.set()
        await self.awake.wait()
        return JSONResponse({"code": self.code}, self.status) if self.status > 204 else Response()


@pytest.fixture
def identity() -> Identity:
    return Identity()


@pytest.fixture
async def check(identity):
    transport = httpx.ASGITransport(identity.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        yield RemoteSessionCheck(http)


async def renewed(check: RemoteSessionCheck) -> None:
    """What is renewed in the background has been answered."""
    await asyncio.gather(*check.renewing.values())


def somebody() -> Caller:
    return Caller(id=uuid4(), role="seller", name="Paul Morel", session_id=uuid4(), token="t")


async def test_an_answer_counts_for_ten_seconds_and_for_one_session(identity, check, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(session_check.time, "monotonic", lambda: now)
    paul, other = somebody(), somebody()
    await check.require(paul)
    now += session_check.RENEWED_SECONDS - 0.01
    await check.require(paul)
    await check.require(other)
    assert identity.requests == 2
    now += session_check.SECONDS - session_check.RENEWED_SECONDS + 0.01
    identity.status = 401
    for _ in range(2):  # a refusal is not remembered, nor is what was true before it
        with pytest.raises(SessionEnded):
            await check.require(paul)
    assert identity.requests == 4


async def test_who_goes_on_does_not_wait_for_an_answer_that_is_renewed(
    identity, check, monkeypatch
):
    now = 1000.0
    clock = SimpleNamespace(monotonic=lambda: now)  # the loop goes by its own
    monkeypatch.setattr(session_check, "time", clock)
    paul = somebody()
    await check.require(paul)
    identity.awake.clear()
    now += session_check.RENEWED_SECONDS
    for _ in range(3):
        await asyncio.wait_for(check.require(paul), 60)
        await asyncio.wait_for(identity.reached.wait(), 60)
    assert identity.requests == 2
    identity.awake.set()
    await renewed(check)

    now += session_check.RENEWED_SECONDS  # later than the first answer's end
    identity.status = 503
    await check.require(paul)
    await renewed(check)
    identity.status = 401
    await check.require(paul)  # the second answer has not yet come to its end
    await renewed(check)
    assert identity.requests == 4
    with pytest.raises(SessionEnded):
        await check.require(paul)


@pytest.mark.parametrize("status", [404, 429, 500, 503])
async def test_what_is_no_answer_opens_nothing(identity, check, status):
    identity.status = status
    with pytest.raises(SessionUnchecked):
        await check.require(somebody())


async def test_a_token_that_identity_does_not_take_ends_no_session(identity, check):
    identity.status, identity.code = 401, "unauthenticated"
    with pytest.raises(Unauthenticated) as refused:
        await check.require(somebody())
    assert refused.value.code == "unauthenticated"


def test_what_nobody_can_read_ends_no_session():
    assert not session_check.is_of_session(httpx.Response(401, text="no JSON"))


async def test_silence_opens_nothing():
    async with httpx.AsyncClient(base_url="http://127.0.0.1:1") as http:
        with pytest.raises(SessionUnchecked):
            await RemoteSessionCheck(http).require(somebody())


async def test_as_many_sessions_are_remembered_as_may_be(identity, check, monkeypatch):
    monkeypatch.setattr(session_check, "MAX_REMEMBERED", 2)
    first = somebody()
    for caller in (first, somebody(), somebody(), first):
        await check.require(caller)
    assert identity.requests == 4
    assert len(check.good_until) == 2


async def test_a_route_asks_after_role_and_session():
    class Ended(testing.TestSessionCheck):
        async def require(self, caller: Caller) -> None:
            required.append(caller.role)

    required: list[str] = []
    app = FastAPI()
    testing.believe(app)
    app.state.checked_tokens, app.state.session_check = CheckedTokens(), Ended()
    for role, may in (("customer", False), ("seller", True)):
        headers = [(b"authorization", testing.token(role)["Authorization"].encode())]
        request = Request({"type": "http", "headers": headers, "app": app})
        if may:
            assert (
                await session_check.require_session("seller", "technician")(request)
            ).role == role
        else:
            with pytest.raises(Forbidden):
                await session_check.require_session("seller", "technician")(request)
    assert required == ["seller"]
