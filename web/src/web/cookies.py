"""The cookies of this installation: their names, and how they are given and taken back."""

from fastapi import Request, Response

from web.settings import WebSettings

LONGEST_SECONDS = 400 * 24 * 3600  # the longest that browsers keep one


def cookie_name(settings: WebSettings, name: str, path: str = "/") -> str:
    """Two installations on one host name keep out of each other's cookies.

    Over TLS a cookie is bound to the host; browsers refuse that of one of a single page.
    """
    bound = ("__Host-" if path == "/" else "__Secure-") if settings.over_tls else ""
    return f"{bound}guichet_{settings.installation}_{name}"


def read(request: Request, name: str, path: str = "/") -> str:
    return request.cookies.get(cookie_name(request.app.state.settings, name, path), "")


def give(
    request: Request,
    response: Response,
    name: str,
    value: str,
    *,
    seconds: int | None = LONGEST_SECONDS,
    path: str = "/",
) -> None:
    """Without `seconds` for as long as the browser is open."""
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


def take_back(request: Request, response: Response, name: str) -> None:
    settings: WebSettings = request.app.state.settings
    response.delete_cookie(
        cookie_name(settings, name),
        path="/",
        secure=settings.over_tls,
        httponly=True,
        samesite="lax",
    )
