"""Error pages: not found, forbidden, temporarily unavailable."""

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from web.account import sign_in
from web.account.resumed import give_back
from web.clients.gateway import Problem
from web.shared import sessions, words
from web.shared.forms import ForeignForm, StaleForm
from web.shared.rendering import is_part, page, redirect
from web.shared.sessions import SignedIn, SignInNeeded, WrongRole

log = structlog.get_logger()


def error_page(
    request: Request,
    kind: str,
    status: int,
    *,
    why: str = "",
    whose: str = "",
    retry_after: int | None = None,
) -> Response:
    """`why`: the reason of a refusal; `whose`: whom the page is for."""
    person: SignedIn | None = getattr(request.state, "person", None)
    return page(
        request,
        "shared/error.html",
        person=person,
        status=status,
        retry_after=retry_after,
        kind=kind,
        code=status,
        why=why,
        whose=whose,
    )


async def http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 405 and request.method in {"GET", "HEAD"}:
        return redirect(request, page_above(request))
    await remember_person(request)
    if status == 404:
        return error_page(request, "not_found", 404)
    if status == 405:
        answer = error_page(request, "no_form", 405)
        answer.headers["Allow"] = (getattr(error, "headers", None) or {}).get("Allow", "")
        return answer
    code = "body_too_large" if status == 413 else "unreadable"
    return error_page(request, "refused", status, why=words.refusal(code))


def page_above(request: Request) -> str:
    """The nearest page above an address that only accepts forms.

    A refused form is shown under that address, where people reload, bookmark or share it.
    """
    path = request.url.path
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        scope = {**request.scope, "method": "GET", "path": path}
        if any(route.matches(scope)[0] == Match.FULL for route in request.app.routes):
            break
    return path


async def remember_person(request: Request) -> None:
    """Error pages show who is signed in, if that can be determined."""
    if hasattr(request.state, "person"):
        return
    try:
        await sessions.signed_in(request)
    except (SignInNeeded, Problem):
        return


async def problem(request: Request, error: Exception) -> Response:
    """A refusal that no form has handled: what was typed is given back."""
    if not isinstance(error, Problem):
        raise error
    if error.status == 401:
        return await sign_in.needed(request, SignInNeeded(expired=True))
    status = error.status if error.status in {403, 404, 409, 422, 429} else 503
    why = words.refusal(error.code, error.context, retry_after=error.retry_after)
    if is_form(request):
        given_back = await give_back(request, status=status, why=why, retry_after=error.retry_after)
        if given_back is None and status == 503:
            given_back = await sign_in.keep_typed(request, status=503, problem=why)
        if given_back:
            return given_back
    if status == 404 or (request.method == "GET" and status == 422):
        return error_page(request, "not_found", 404)
    if status == 403:
        return error_page(request, "forbidden", 403)
    kind = {503: "closed", 429: "too_many"}.get(status, "refused")
    return error_page(request, kind, status, why=why, retry_after=error.retry_after)


def is_form(request: Request) -> bool:
    """Sent by a page that is replaced by the answer, so that what was typed would be lost."""
    return request.method == "POST" and not is_part(request)


async def not_found(request: Request, _: Exception) -> Response:
    """An address that cannot be parsed, such as a malformed number."""
    return error_page(request, "not_found", 404)


async def wrong_role(request: Request, error: Exception) -> Response:
    if not isinstance(error, WrongRole):
        raise error
    return error_page(request, "forbidden", 403, whose=error.whose)


async def foreign_form(request: Request, _: Exception) -> Response:
    """Given back only if no other site can have sent it."""
    given_back = await give_back(request, status=403, why=words.refusal("foreign"))
    return given_back or error_page(request, "foreign", 403)


async def stale_form(request: Request, error: Exception) -> Response:
    if not isinstance(error, StaleForm):
        raise error
    return await sign_in.resume(request, error.person)


async def failed(request: Request, _: Exception) -> Response:
    if is_form(request):
        given_back = await give_back(request, status=500, why=words.refusal("failed"))
        if given_back:
            return given_back
    return error_page(request, "closed", 500)


def install(app: FastAPI) -> None:
    app.add_exception_handler(SignInNeeded, sign_in.needed)
    app.add_exception_handler(WrongRole, wrong_role)
    app.add_exception_handler(ForeignForm, foreign_form)
    app.add_exception_handler(StaleForm, stale_form)
    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, not_found)
    app.add_exception_handler(Exception, failed)
