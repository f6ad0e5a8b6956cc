"""Calls through the gateway's internal entry point, on behalf of one browser."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import httpx
import structlog
from pydantic import BaseModel, ValidationError

from chassis.observing import pass_on_ids
from contracts import text as contracts
from contracts.text import FieldError

log = structlog.get_logger()

Answer = TypeVar("Answer", bound=BaseModel)
Part = TypeVar("Part")

PART_SECONDS = 1.5  # what stands beside the point of a page is not worth a longer wait

Asked = str | int | bool | list[str] | None

SILENCE_SECONDS = 40  # a stream that has nothing to tell says at least that, every 15


TOKEN_REFUSED = "unauthenticated"  # noqa: S105 - a code
SOON_SECONDS = 5

Renew = Callable[[], Awaitable[str]]


class Problem(Exception):
    """A service's refusal, or its silence (503 `unavailable`), with a stable code.

    `web.words` says each code in French; `web.forms` puts it beside the field.
    """

    def __init__(
        self,
        status: int,
        code: str,
        *,
        errors: list[FieldError] | None = None,
        context: dict[str, Any] | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code
        self.errors, self.context = errors or [], context or {}
        self.retry_after = retry_after


def open_http(internal_url: str, *, most: int = 100) -> httpx.AsyncClient:
    """A client that the whole process shares: one for calls, one for streams, which last."""
    return httpx.AsyncClient(
        base_url=internal_url,
        timeout=httpx.Timeout(5, connect=1, pool=1),
        limits=httpx.Limits(max_connections=most, max_keepalive_connections=20),
        trust_env=False,  # a proxy of the machine has no business between web and gateway
        follow_redirects=False,
        event_hooks={"request": [pass_on_ids]},
    )


@dataclass(frozen=True)
class Gateway:
    """Whom to ask, and for whom: the browser's address and program, the person's token."""

    http: httpx.AsyncClient
    browser_address: str
    browser_name: str = ""
    access_token: str | None = field(default=None, repr=False)
    renew: Renew | None = field(default=None, repr=False)

    def on_behalf(self, access_token: str, renew: Renew | None = None) -> "Gateway":
        """`renew` brings another token where a service does not take this one."""
        return replace(self, access_token=access_token, renew=renew)

    async def get(self, path: str, answer: type[Answer], **query: Asked) -> Answer:
        given = {name: value for name, value in query.items() if value is not None}
        return read(await self.ask("GET", path, params=given), answer)

    async def send(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None,
        answer: type[Answer],
        *,
        key: str | None = None,
    ) -> Answer:
        """`key` names this one attempt: repeated, it does nothing twice."""
        return read(await self.ask(method, path, json=body, key=key), answer)

    async def tell(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        """As `send`, where only the success matters."""
        await self.ask(method, path, json=body)

    async def ask(
        self,
        method: str,
        path: str,
        *,
        json: dict[str, Any] | None = None,
        params: dict[str, Any] | None = None,
        key: str | None = None,
    ) -> httpx.Response:
        headers = self.headers | ({"Idempotency-Key": key} if key else {})
        try:
            response = await self.http.request(
                method, path, json=json, params=params, headers=headers
            )
        except httpx.HTTPError as silence:
            raise unavailable(path, silence) from silence
        if response.is_error:
            problem = problem_of(response)
            if problem.code == TOKEN_REFUSED and self.renew:
                renewed = self.on_behalf(await self.renew())
                return await renewed.ask_again(method, path, json=json, params=params, key=key)
            raise problem
        return response

    async def ask_again(self, method: str, path: str, **asked: Any) -> httpx.Response:
        """With a token that identity has given just now: the session is not at fault."""
        try:
            return await self.ask(method, path, **asked)
        except Problem as problem:
            if problem.code != TOKEN_REFUSED:
                raise
            log.error("token_refused", path=path)  # its clock, or its way to identity's keys
            raise Problem(503, "unavailable", retry_after=SOON_SECONDS) from problem

    @asynccontextmanager
    async def listen(self, path: str, params: dict[str, str]) -> AsyncGenerator[AsyncIterator[str]]:
        """The lines of an answer that goes on, as they come; `Problem` also when it breaks off."""
        try:
            async with self.http.stream(
                "GET",
                path,
                params=params,
                headers=self.headers,
                timeout=httpx.Timeout(5, read=SILENCE_SECONDS),
            ) as response:
                if response.is_error:
                    await response.aread()
                    problem = problem_of(response)
                    if problem.code == TOKEN_REFUSED and self.renew:
                        await self.renew()  # the next attempt has it
                        problem = Problem(503, "unavailable", retry_after=1)
                    raise problem
                yield response.aiter_lines()
        except httpx.HTTPError as silence:
            raise unavailable(path, silence) from silence

    @property
    def headers(self) -> dict[str, str]:
        headers = {
            "X-Guichet-Browser-Address": self.browser_address,
            "User-Agent": self.browser_name or "unknown",
        }
        if self.access_token:
            headers["Authorization"] = f"Bearer {self.access_token}"
        return headers


async def if_answered(asked: Awaitable[Part]) -> Part | None:
    """One that is silent leaves its part of the page out."""
    try:
        async with asyncio.timeout(PART_SECONDS):
            return await asked
    except (Problem, TimeoutError):
        return None


def unavailable(path: str, silence: httpx.HTTPError) -> Problem:
    log.warning("service_silent", path=path, error=type(silence).__name__)
    return Problem(503, "unavailable", retry_after=1)


def read(response: httpx.Response, answer: type[Answer]) -> Answer:
    try:
        return answer.model_validate_json(response.content)
    except ValidationError as unexpected:
        log.error("answer_not_understood", answer=answer.__name__, fields=unexpected.error_count())
        raise Problem(502, "unavailable") from unexpected


def problem_of(response: httpx.Response) -> Problem:
    """The service's own problem, or what the gateway's bare status means."""
    after = response.headers.get("Retry-After", "")
    retry_after = int(after) if after.isdigit() else None
    try:
        told = contracts.Problem.model_validate_json(response.content)
    except ValidationError:
        code = "too_many" if response.status_code == 429 else "unavailable"
        return Problem(response.status_code, code, retry_after=retry_after)
    return Problem(
        response.status_code,
        told.code,
        errors=told.errors,
        context=told.context,
        retry_after=retry_after,
    )
