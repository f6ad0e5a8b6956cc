"""Limits the size of request bodies while they arrive, before they are parsed."""

from starlette.types import ASGIApp, Receive, Scope, Send

from contracts.text import MESSAGE_LENGTH

SHORT_BODY = 64 * 1024
# A character takes 12 bytes at most: escaped in JSON, or percent-encoded in a form.
LONG_BODY = SHORT_BODY + 12 * MESSAGE_LENGTH


class CountedBodies:
    """ASGI middleware: hides Content-Length, so that too large a body is refused in our form.

    FastAPI's `max_body_size` counts what arrives and raises, for our handlers, when it is too
    much; only a body whose length is announced it answers by itself, in plain text.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
        await self.app(scope, receive, send)
