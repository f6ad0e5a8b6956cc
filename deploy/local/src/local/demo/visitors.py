"""People who use the public APIs: they sign in, and try again when asked to wait."""

import asyncio
import time
from typing import Any
from uuid import UUID, uuid5

import httpx

from local.launcher.machine.processes import CannotStart

TIMEOUT_SECONDS = 60.0
TOKEN_SECONDS = 45  # of the 60 that it lasts


class Visitor:
    """One account, signed in at its first request.

    Each creating request has a key made of its own name, so that a demo which was interrupted
    goes on where it stopped instead of doing things twice.
    """

    def __init__(self, http: httpx.AsyncClient, keys: UUID, *, email: str, password: str) -> None:
        self.http, self.keys = http, keys
        self.email, self.password = email, password
        self.session, self.token, self.token_until = "", "", 0.0
        self.signing_in = asyncio.Lock()

    async def get(self, path: str, **query: str) -> dict[str, Any]:
        return (await self.ask("GET", path, params=query)).json()

    async def post(
        self,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        key: str = "",
        again_on: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        """`again_on`: codes of refusals that end when an event has arrived."""
        headers = {"Idempotency-Key": str(uuid5(self.keys, key))} if key else {}
        return (await self.ask("POST", path, json=body, headers=headers, again_on=again_on)).json()

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        again_on: tuple[str, ...] = (),
        **request: Any,
    ) -> httpx.Response:
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            headers = {**(headers or {}), "Authorization": f"Bearer {await self.access_token()}"}
            answer = await self.http.request(method, path, headers=headers, **request)
            if answer.is_success:
                return answer
            if time.monotonic() > deadline or not may_try_again(answer, again_on):
                raise CannotStart(f"The demo's {method} {path} was refused: {answer.text[:500]}")
            await asyncio.sleep(float(answer.headers.get("Retry-After", 0.3)))

    async def access_token(self) -> str:
        async with self.signing_in:
            if time.monotonic() > self.token_until:
                self.session = self.session or await self.sign_in()
                answer = await self.http.post(
                    "/api/identity/tokens", headers={"Authorization": f"Bearer {self.session}"}
                )
                self.token = answer.raise_for_status().json()["access_token"]
                self.token_until = time.monotonic() + TOKEN_SECONDS
            return self.token

    async def sign_out(self) -> None:
        """Leaves no session behind that its owner would not recognise."""
        if self.session:
            await self.ask("DELETE", "/api/identity/sessions")  # of a demo that was interrupted
            await self.ask("DELETE", "/api/identity/sessions/current")
            self.session, self.token_until = "", 0.0

    async def sign_in(self) -> str:
        body = {"email": self.email, "password": self.password}
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while True:
            answer = await self.http.post("/api/identity/sessions", json=body)
            if answer.is_success:
                return answer.json()["token"]
            if time.monotonic() > deadline or not may_try_again(answer, ()):
                raise CannotStart(f"{self.email} cannot sign in: {answer.text[:500]}")
            await asyncio.sleep(float(answer.headers.get("Retry-After", 0.3)))


def may_try_again(answer: httpx.Response, codes: tuple[str, ...]) -> bool:
    if answer.status_code in (429, 502, 503):
        return True
    return bool(codes) and any(f'"{code}"' in answer.text for code in codes)
