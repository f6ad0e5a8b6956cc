"""Common to all responses: default headers, and HEAD wherever there is GET."""

from collections.abc import Callable, Mapping

import anyio
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# The gateway adds no such headers: these reach the browser unchanged.
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}

# Of every answer of a service: it is one person's, or a token, and no cache between keeps it.
OF_A_SERVICE = SECURITY | {"Cache-Control": "no-store"}

# For an answer that continues for as long as the client reads: a proxy passes on each part at once,
# and neither gathers nor compresses them. The first is read by nginx, the second by all.
STREAMED = {"X-Accel-Buffering": "no", "Cache-Control": "no-cache, no-transform"}


class DefaultHeaders:
    """ASGI middleware: adds those that an answer does not set itself."""

    def __init__(
        self, app: ASGIApp, headers: Callable[[Scope], Mapping[str, str]] = lambda _: OF_A_SERVICE
    ) -> None:
        self.app, self.headers = app, headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers(scope).items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)


class HeadAsGet:
    """ASGI middleware: HEAD is answered wherever GET is, with its headers and without its body.

    An answer that goes on, such as a live stream, ends with its headers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        with anyio.CancelScope() as answering:

            async def send_head(message: Message) -> None:
                if message["type"] != "http.response.body":
                    await send(message)
                elif not answering.cancel_called:
                    await send({"type": "http.response.body", "body": b""})
                    if message.get("more_body"):
                        answering.cancel()

            await self.app({**scope, "method": "GET"}, receive, send_head)
