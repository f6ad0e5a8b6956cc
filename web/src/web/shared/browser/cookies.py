"""The cookies of this installation: their names, how they are set and deleted."""

import re
from enum import StrEnum

from fastapi import Request, Response

from web.settings import WebSettings

LONGEST_SECONDS = 400 * 24 * 3600  # the longest that browsers keep one
LONGEST = 4_096
# As RFC 6265 has it: no blank, quote, comma, semicolon or backslash.
CHARACTERS = re.compile(r"[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*")


class Cookie(StrEnum):
    SESSION = "session"
    BROWSER = "browser"  # which accounts have signed in here, for identity
    ADDRESS = "address"  # with which somebody signs in who has just followed a link
    LINK = "link"  # that a link was shown here
    DONE = "done"  # what the last form did
    SHORTCUTS = "letters"  # whose shortcuts of a single letter are switched on
    LANGUAGE = "language"  # switched to before anybody signed in
    SEARCHES = "searches"  # with the name of one after it


def cookie_name(settings: WebSettings, name: str, path: str = "/") -> str:
    """With the installation's name, so that two on one host name do not mix.

    Over TLS a cookie is bound to the host (`__Host-`), which browsers refuse for a cookie of a
    single path.
    """
    bound = ("__Host-" if path == "/" else "__Secure-") if settings.over_tls else ""
    return f"{bound}guichet_{settings.installation}_{name}"


def read(request: Request, name: str, path: str = "/") -> str:
    """Empty if it is missing, or could not have been set by us.

    Cookies are only read here, so that callers may use and forward the value as it is.
    """
    given = request.cookies.get(cookie_name(request.app.state.settings, name, path), "")
    return given if len(given) <= LONGEST and CHARACTERS.fullmatch(given) else ""


def endings(request: Request, name: str, path: str = "/") -> list[str]:
    """Of the names of all cookies that begin with this one."""
    prefix = cookie_name(request.app.state.settings, name, path)
    return [each.removeprefix(prefix) for each in request.cookies if each.startswith(prefix)]


def give(
    request: Request,
    response: Response,
    name: str,
    value: str,
    *,
    seconds: int | None = LONGEST_SECONDS,
    path: str = "/",
) -> None:
    """Set it; without `seconds` until the browser is closed."""
    settings: WebSettings = request.app.state.settings
    response.set_cookie(
        cookie_name(settings, name, path),
        value,
        max_age=seconds,
        path=path,
        secure=settings.over_tls,
        httponly=True,
        samesite="lax",
    )


def take_back(request: Request, response: Response, name: str, path: str = "/") -> None:
    settings: WebSettings = request.app.state.settings
    response.delete_cookie(
        cookie_name(settings, name, path),
        path=path,
        secure=settings.over_tls,
        httponly=True,
        samesite="lax",
    )
