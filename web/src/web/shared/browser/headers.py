"""Security headers and caching of every response."""

from collections.abc import Mapping

from starlette.types import Scope

from chassis.http.answering import SECURITY

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

# Pages are never cached, since the next person may use the same browser.
HEADERS = {
    **SECURITY,
    "Content-Security-Policy": POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}

# Addresses from mails are secrets: no referrer, no search index.
KEYS = ("/lien/", "/desabonnement/")
KEPT_TO_ONESELF = {**HEADERS, "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow"}


def headers(scope: Scope) -> Mapping[str, str]:
    """For the response to this request, unless its page sets others."""
    return KEPT_TO_ONESELF if scope["path"].startswith(KEYS) else HEADERS
