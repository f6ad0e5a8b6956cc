"""Asks identity whether a session is still valid, where a token of up to 60 s ago is not enough."""

import asyncio
import time
from collections import OrderedDict
from http import HTTPStatus
from typing import Protocol
from uuid import UUID

import httpx
from fastapi import Request

from chassis.errors import Unauthenticated, Unavailable
from chassis.http.auth import Caller, RequireRole

PATH = "/api/identity/sessions/current"
SECONDS = 10  # how long an answer is valid
RENEWED_SECONDS = 6  # after that a request renews the answer in the background
MAX_REMEMBERED = 10_000


class SessionEnded(Unauthenticated):
    code = "session_ended"


class SessionUnchecked(Unavailable):
    code = "session_unchecked"


class SessionCheck(Protocol):
    """Raises `SessionEnded`, `Unauthenticated`, or `SessionUnchecked` if identity does not answer."""

    async def require(self, caller: Caller) -> None: ...


class RemoteSessionCheck:
    """Identity's answers, cached for ten seconds by this process's own clock."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.good_until: OrderedDict[UUID, float] = OrderedDict()
        self.renewing: dict[UUID, asyncio.Task[None]] = {}

    async def require(self, caller: Caller) -> None:
        now, session = time.monotonic(), caller.session_id
        left = self.good_until.get(session, now) - now
        if left <= 0:
            await self.ask(caller)
        elif left <= SECONDS - RENEWED_SECONDS and session not in self.renewing:
            self.renewing[session] = asyncio.create_task(self.renew(caller))

    async def renew(self, caller: Caller) -> None:
        """Renew the answer in the background; the old one stays valid for its ten seconds at most."""
        try:
            await self.ask(caller)
        except Unauthenticated:
            self.good_until.pop(caller.session_id, None)
        except SessionUnchecked:
            pass  # identity may be slow for a moment: there is time to ask again
        finally:
            del self.renewing[caller.session_id]

    async def ask(self, caller: Caller) -> None:
        """Raises as `require`; a good answer is remembered."""
        now = time.monotonic()
        await self.ask_identity(caller)
        self.good_until[caller.session_id] = now + SECONDS
        self.good_until.move_to_end(caller.session_id)
        while len(self.good_until) > MAX_REMEMBERED:
            self.good_until.popitem(last=False)

    async def ask_identity(self, caller: Caller) -> None:
        try:
            answer = await self.http.get(PATH, headers={"Authorization": f"Bearer {caller.token}"})
        except httpx.HTTPError as silence:
            raise SessionUnchecked("identity does not say whether you may") from silence
        if answer.status_code == HTTPStatus.UNAUTHORIZED:
            if is_of_session(answer):
                raise SessionEnded("the session has ended; sign in again")
            raise Unauthenticated("identity does not take this token")
        if answer.is_error:
            raise SessionUnchecked("identity does not say whether you may")


def is_of_session(answer: httpx.Response) -> bool:
    """Whether the session has ended, and not only its access token expired."""
    try:
        return bool(answer.json()["code"] == SessionEnded.code)
    except (ValueError, KeyError, TypeError):
        return False


class RequireSession(RequireRole):
    """As `RequireRole`, and the session was still valid at most ten seconds ago."""

    async def __call__(self, request: Request) -> Caller:
        who = await super().__call__(request)
        await request.app.state.session_check.require(who)
        return who


def require_session(*roles: str) -> RequireSession:
    """As `require_role`, and the session was still valid at most ten seconds ago.

    For routes that grant rights or show many people's data. Holds no database connection while it
    asks. 401 `session_ended`, or 503 `session_unchecked` where identity does not answer.
    """
    return RequireSession(*roles)
