"""What every answer tells the browser not to do."""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    ]
)

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

# Addresses that came by mail are keys: nobody is told them, and no list keeps them.
KEYS = ("/lien/", "/desabonnement/")
KEPT_TO_ONESELF = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}


class SecurityHeaders:
    """Adds those that a page does not set itself; pages are never kept, since the next person may use the same browser."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                more = KEPT_TO_ONESELF if scope["path"].startswith(KEYS) else {}
                for name, said in {**HEADERS, "Cache-Control": "no-store", **more}.items():
                    headers.setdefault(name, said)
            await send(message)

        await self.app(scope, receive, send_with_headers)
