"""For every request: its ids, one log line, its duration as a metric."""

import re
import time
from contextlib import AbstractContextManager, nullcontext
from http import HTTPStatus
from uuid import uuid4

import structlog
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chassis.monitoring import tracing
from chassis.monitoring.metrics import REQUESTS

log = structlog.get_logger("requests")

REQUEST_ID, TRACE = b"x-request-id", b"traceparent"
ACCEPTABLE = re.compile(rb"[A-Za-z0-9-]{8,64}")
QUIET = ("/health/", "/metrics")


class Observing:
    """The outermost ASGI middleware.

    Ids come from the previous hop, so that one click can be followed through web and services; they
    are on every log line of the request, and the request's id is in the response. Paths are logged
    as route templates, without query strings: both may contain what people typed. Unexpected errors
    are logged and answered here, where the ids are still known.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = self.request_id(scope)
        status, has_begun = 500, False
        began = time.perf_counter()

        async def send_with_id(message: Message) -> None:
            nonlocal status, has_begun
            if message["type"] == "http.response.start":
                status, has_begun = message["status"], True
                message["headers"] = [
                    *message.get("headers", []),
                    (REQUEST_ID, request_id.encode()),
                ]
            await send(message)

        with self.step(scope), structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_with_id)
            except Exception as bug:
                log.exception("request_failed", route=template(scope), error=type(bug).__name__)
                if has_begun:
                    raise
                answer = await scope["app"].exception_handlers[Exception](Request(scope), bug)
                await answer(scope, receive, send_with_id)
            finally:
                self.log_request(scope, status, time.perf_counter() - began)

    def request_id(self, scope: Scope) -> str:
        given = header(scope, REQUEST_ID)
        return given.decode() if ACCEPTABLE.fullmatch(given) else uuid4().hex

    def step(self, scope: Scope) -> AbstractContextManager[object]:
        """One of a trace; what asks every second how we are is none."""
        if scope["path"].startswith(QUIET):
            return nullcontext()
        before = header(scope, TRACE).decode("ascii", "ignore")
        return tracing.span(
            scope["method"], tracing.SpanKind.SERVER, parent=tracing.parent_of(before)
        )

    def log_request(self, scope: Scope, status: int, seconds: float) -> None:
        method, route = scope["method"], template(scope)
        REQUESTS.labels(method, route, str(status)).observe(seconds)
        if scope["path"].startswith(QUIET) and status < HTTPStatus.BAD_REQUEST:
            return
        tracing.set_response(method, route, status)
        log.info(
            "request",
            method=method,
            route=route,
            status=status,
            milliseconds=round(seconds * 1000, 1),
        )


def template(scope: Scope) -> str:
    """The path as the routers wrote it, each with its part; the route itself knows only its own."""
    whole = scope.get("fastapi", {}).get("effective_route_context")
    return getattr(whole or scope.get("route"), "path", None) or "unrouted"


def header(scope: Scope, name: bytes) -> bytes:
    return next((value for given, value in scope["headers"] if given == name), b"")
