"""The cookies of this installation: their names, and how they are given and taken back."""

from fastapi import Request, Response

from web.settings import WebSettings

LONGEST_SECONDS = 400 * 24 * 3600  # the longest that browsers keep one


def cookie_name(settings: WebSettings, name: str) -> str:
    """Bound to the host over TLS; two installations on one host name keep out of each other's."""
    bound = "__Host-" if settings.over_tls else ""
    return f"{bound}guichet_{settings.installation}_{name}"


def read(request: Request, name: str) -> str:
    return request.cookies.get(cookie_name(request.app.state.settings, name), "")


def give(
    request: Request, response: Response, name: str, value: str, *, seconds: int = LONGEST_SECONDS
) -> None:
    settings: WebSettings = request.app.state.settings
    response.set_cookie(
        cookie_name(settings, name),
        value,
        max_age=seconds,
        path="/",
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
