"""The HTTP client for calls between services: ids, tokens, retries and time-outs."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from json import dumps
from typing import Any, TypeVar
from urllib.parse import urlencode

import aiohttp
import httpx
import structlog
from pydantic import BaseModel, ValidationError
from yarl import URL

from chassis.monitoring import tracing
from contracts import text as contracts
from contracts.text import FieldError

log = structlog.get_logger()

Answer = TypeVar("Answer", bound=BaseModel)

CONNECT_SECONDS = 1
SILENCE_SECONDS = 40  # a stream without news still sends a comment every 15
SOON_SECONDS = 5

TOKEN_REFUSED = "unauthenticated"  # noqa: S105 - a code
UNAVAILABLE = "unavailable"

CONTENT = ("content", "data", "files")  # of a request, beside JSON
PLAIN = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@/?-]|%[0-9A-Fa-f]{2})+")  # as RFC 3986 has it

Headers = Mapping[str, str] | list[tuple[str, str]]
QueryValue = str | int | bool | list[str] | None
Renew = Callable[[], Awaitable[str]]


# --- httpx's client over aiohttp --------------------------------------------------------------


class HttpClient(httpx.AsyncClient):
    """Calls to one base address, shared by the whole process; adds the trace's ids to each.

    httpx's own request path and httpcore cost five times as much CPU as aiohttp alone, for features
    that are not needed here (cookies, redirects, authentication, the machine's proxies). `seconds` limits each step of a
    call, `most` the number of concurrent calls.
    """

    def __init__(
        self,
        url: str,
        *,
        seconds: float = 5,
        most: int = 100,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.url, self.transport = url.rstrip("/"), transport or Transport(most)
        super().__init__(
            base_url=url,
            transport=self.transport,
            timeout=httpx.Timeout(
                seconds, connect=min(seconds, CONNECT_SECONDS), pool=min(seconds, CONNECT_SECONDS)
            ),
        )

    async def request(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        json: Any = None,
        params: Any = None,
        headers: Any = None,
        timeout: Any = httpx.USE_CLIENT_DEFAULT,  # noqa: ASYNC109 - as httpx names it
        **others: Any,
    ) -> httpx.Response:
        """As httpx's; a plain one goes to aiohttp as it is, since `httpx.Request` costs as much."""
        address = self.address(url, params)
        plain = isinstance(self.transport, Transport) and PLAIN.fullmatch(address)
        if not plain or any(others.get(name) is not None for name in CONTENT):
            return await super().request(
                method, url, json=json, params=params, headers=headers, timeout=timeout, **others
            )
        sent, content = {**(headers or {}), **ids()}, None
        if json is not None:
            content = dumps(json, ensure_ascii=False, separators=(",", ":")).encode()
            sent["Content-Type"] = "application/json"
        return await self.transport.answer(method, address, sent, content, self.limits(timeout))

    def build_request(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        params: Any = None,
        headers: Any = None,
        timeout: Any = httpx.USE_CLIENT_DEFAULT,
        **content: Any,
    ) -> httpx.Request:
        sent = {
            name: content[name] for name in ("content", "json") if content.get(name) is not None
        }
        return httpx.Request(
            method,
            self.address(url, params),
            headers={**(headers or {}), **ids()},
            extensions={"timeout": self.limits(timeout).as_dict()},
            **sent,
        )

    def address(self, url: httpx.URL | str, params: Any) -> str:
        return f"{self.url}{url}?{query(params)}" if params else f"{self.url}{url}"

    def limits(self, timeout: Any) -> httpx.Timeout:
        return self.timeout if timeout is httpx.USE_CLIENT_DEFAULT else httpx.Timeout(timeout)

    async def send(
        self, request: httpx.Request, *, stream: bool = False, **_: Any
    ) -> httpx.Response:
        """As httpx's, but redirects are returned, not followed."""
        request.extensions["stream"] = stream
        response = await self.transport.handle_async_request(request)
        response.request = request
        if not stream:
            await response.aread()
        return response


class Transport(httpx.AsyncBaseTransport):
    """aiohttp's connections, kept open; raises `httpx.TransportError` as httpx's own does."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.session: aiohttp.ClientSession | None = None  # needs a running loop

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        limits = httpx.Timeout(**request.extensions["timeout"])
        headers, content = request.headers.multi_items(), request.content or None
        options = request.method, str(request.url), headers, content, limits
        return await self.answer(*options, stream=request.extensions["stream"])

    async def answer(
        self,
        method: str,
        address: str,
        headers: Headers,
        content: bytes | None,
        limits: httpx.Timeout,
        *,
        stream: bool = False,
    ) -> httpx.Response:
        self.session = self.session or session_of(self.most)
        if self.session.closed:
            raise httpx.ConnectError("this client is closed")
        try:
            answer = await self.session.request(
                method,
                URL(address, encoded=True),
                headers=headers,
                data=content,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    connect=limits.pool, sock_connect=limits.connect, sock_read=limits.read
                ),
            )
            if stream:
                whole = Streamed(answer)
                return httpx.Response(answer.status, headers=answer.raw_headers, stream=whole)
            read = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise as_httpx(error) from error
        return httpx.Response(answer.status, headers=answer.raw_headers, content=read)

    async def aclose(self) -> None:
        if self.session is not None:
            await self.session.close()


def session_of(most: int) -> aiohttp.ClientSession:
    made = aiohttp.ClientSession(
        # A recreated container has another address: do not cache the old one.
        connector=aiohttp.TCPConnector(limit=most, use_dns_cache=False),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,  # httpx does
        skip_auto_headers=("Accept", "Accept-Encoding", "User-Agent"),
    )
    # By default aiohttp repeats PUT and DELETE when an answer is lost: the caller decides that.
    made._retry_connection = False
    return made


class Streamed(httpx.AsyncByteStream):
    """An answer as it comes."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self.answer.content.iter_any():
                yield part
        except (aiohttp.ClientError, TimeoutError) as error:
            raise as_httpx(error) from error

    async def aclose(self) -> None:
        self.answer.close()


def as_httpx(error: Exception) -> httpx.TransportError:
    kind = httpx.RemoteProtocolError
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        kind = httpx.ConnectTimeout
    elif isinstance(error, TimeoutError):
        kind = httpx.ReadTimeout
    elif isinstance(error, aiohttp.ClientConnectorError):
        kind = httpx.ConnectError
    elif isinstance(error, aiohttp.ClientOSError):
        kind = httpx.ReadError
    return kind(str(error))


def query(params: Mapping[str, QueryValue]) -> str:
    """The query string as httpx writes it; a list becomes one pair for each value."""
    given = {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in params.items()
        if value is not None
    }
    return urlencode(given, doseq=True)


def ids() -> dict[str, str]:
    """Headers that pass the request and trace ids on to the service that is called."""
    headers = {}
    if request_id := structlog.contextvars.get_contextvars().get("request_id"):
        headers["X-Request-Id"] = request_id
    if step := tracing.here():
        headers["traceparent"] = step
    return headers


# --- Calls with a person's token --------------------------------------------------------------


class Problem(Exception):
    """The refusal of a service, or 503 `unavailable` if it does not answer; with a stable code.

    `is_own`: it comes from the service itself, not from the gateway in front of it.
    """

    def __init__(
        self,
        status: int,
        code: str,
        *,
        errors: list[FieldError] | None = None,
        context: dict[str, Any] | None = None,
        retry_after: int | None = None,
        is_own: bool = False,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code
        self.errors, self.context = errors or [], context or {}
        self.retry_after, self.is_own = retry_after, is_own


@dataclass(frozen=True)
class Gateway:
    """Calls through the gateway's internal entry point, with a token and further `headers`.

    `seconds` limits each step of a call, by default the client's. All methods raise `Problem`.
    """

    http: httpx.AsyncClient
    headers: Mapping[str, str] = field(default_factory=dict)
    access_token: str | None = field(default=None, repr=False)
    renew: Renew | None = field(default=None, repr=False)
    seconds: float | None = None

    def on_behalf(self, access_token: str, renew: Renew | None = None) -> "Gateway":
        """With this token; `renew` fetches another one if a service does not accept it."""
        return replace(self, access_token=access_token, renew=renew)

    async def get(self, path: str, answer: type[Answer], **query: QueryValue) -> Answer:
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
        """`key` is the Idempotency-Key: repeated with the same key, the call has no second effect."""
        return read(await self.ask(method, path, json=body, key=key), answer)

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        """As `send`, but without an answer to read."""
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
        headers = self.sent | ({"Idempotency-Key": key} if key else {})
        timeout = httpx.USE_CLIENT_DEFAULT if self.seconds is None else self.seconds
        try:
            response = await self.http.request(
                method, path, json=json, params=params, headers=headers, timeout=timeout
            )
        except httpx.HTTPError as silence:
            raise unavailable(path, silence) from silence
        if response.is_error:
            problem = problem_of(response)
            if problem.code == TOKEN_REFUSED and self.renew:
                renewed = self.on_behalf(await self.renew())
                return await renewed.retry(method, path, json=json, params=params, key=key)
            raise problem
        return response

    async def retry(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Retry with a fresh token: the first one may have expired on the way."""
        try:
            return await self.ask(method, path, **options)
        except Problem as problem:
            if problem.code != TOKEN_REFUSED:
                raise
            log.error("token_refused", path=path)  # its clock, or its way to identity's keys
            raise Problem(503, UNAVAILABLE, retry_after=SOON_SECONDS) from problem

    @asynccontextmanager
    async def listen(self, path: str, params: dict[str, str]) -> AsyncGenerator[AsyncIterator[str]]:
        """The lines of an answer that goes on, as they come; `Problem` also when it breaks off."""
        try:
            async with self.http.stream(
                "GET",
                path,
                params=params,
                headers=self.sent,
                timeout=httpx.Timeout(5, connect=CONNECT_SECONDS, read=SILENCE_SECONDS),
            ) as response:
                if response.is_error:
                    await response.aread()
                    problem = problem_of(response)
                    if problem.code == TOKEN_REFUSED and self.renew:
                        await self.renew()  # the next attempt has it
                        problem = Problem(503, UNAVAILABLE, retry_after=1)
                    raise problem
                yield response.aiter_lines()
        except httpx.HTTPError as silence:
            raise unavailable(path, silence) from silence

    @property
    def sent(self) -> dict[str, str]:
        if not self.access_token:
            return dict(self.headers)
        return {**self.headers, "Authorization": f"Bearer {self.access_token}"}


def unavailable(path: str, silence: httpx.HTTPError) -> Problem:
    log.warning("service_silent", path=path, error=type(silence).__name__)
    return Problem(503, UNAVAILABLE, retry_after=1)


def read(response: httpx.Response, answer: type[Answer]) -> Answer:
    try:
        return answer.model_validate_json(response.content)
    except ValidationError as unexpected:
        log.error("answer_not_understood", answer=answer.__name__, fields=unexpected.error_count())
        raise Problem(502, UNAVAILABLE) from unexpected


def problem_of(response: httpx.Response) -> Problem:
    """The service's own problem, or what the gateway's bare status means."""
    after = response.headers.get("Retry-After", "")
    retry_after = int(after) if after.isdigit() else None
    try:
        own = contracts.Problem.model_validate_json(response.content)
    except ValidationError:
        code = "too_many" if response.status_code == 429 else UNAVAILABLE
        return Problem(response.status_code, code, retry_after=retry_after)
    return Problem(
        response.status_code,
        own.code,
        errors=own.errors,
        context=own.context,
        retry_after=retry_after,
        is_own=True,
    )
