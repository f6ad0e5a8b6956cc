"""Sign in and out, and keep a form that was sent when the session had ended."""

from contextlib import suppress
from typing import Annotated
from urllib.parse import SplitResult, quote, unquote, urlsplit

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse

from chassis.http.bodies import LONG_BODY
from contracts.identity.api import OpenedSession
from web.account import resumed
from web.clients import identity
from web.clients.gateway import Problem
from web.shared import sealing, sessions, words
from web.shared.browser import cookies
from web.shared.browser.cookies import Cookie
from web.shared.browser.request_headers import Header, read
from web.shared.forms import Anonymous, ForeignForm, Form, check_origin, token_for, typed_form
from web.shared.rendering import home, page, redirect
from web.shared.sealing import SealedForm
from web.shared.sessions import Person, SignedIn, SignInNeeded, is_over_the_page

router = APIRouter()

# Fields of the sign-in form: where to go next, and the encrypted form to give back.
NEXT, SEALED = "next", "sealed"

ADDRESS_SECONDS = 600

# What scripts get instead of the sign-in page; see shared/scripts/session.js.
ENDED = {"Guichet-Session": "ended"}


@router.get("/")
async def front(request: Request, person: Person) -> Response:
    return redirect(request, home(person))


@router.get("/connexion")
async def sign_in_page(request: Request, next: Annotated[str, Query()] = "") -> Response:
    try:
        person = await sessions.signed_in(request)
    except (SignInNeeded, Problem):
        address = unquote(cookies.read(request, Cookie.ADDRESS))
        return show(request, Form(values={NEXT: local(next), "email": address}))
    return redirect(request, local(next) or home(person))


@router.post("/connexion", max_body_size=LONG_BODY)
async def sign_in(request: Request, form: Anonymous) -> Response:
    """Open a session; then go where the person was going, or give back what was typed."""
    for name in ("email", "password"):
        if not form.values.setdefault(name, "").strip():
            form.refuse(name, words.refusal("required", field=name))
    if form.is_refused:
        return show(request, form)
    try:
        opened = await open_session(request, form["email"], form["password"])
    except Problem as problem:
        problem.context["by_mail"] = request.app.state.settings.mail
        return show(request, form.refused(problem))
    await end(request)
    person = await sessions.person_of(request, opened.token)
    response = welcome(request, person, form)
    sessions.remember(request, response, opened)
    cookies.take_back(request, response, Cookie.ADDRESS)
    return response


async def enter(request: Request, email: str, password: str, *, first: bool) -> Response:
    """Sign in whoever has just chosen this password, replacing the browser's earlier session."""
    opened = await open_session(request, email, password)
    await end(request)
    person = await sessions.person_of(request, opened.token)
    done = "first_password_chosen" if first else "password_chosen_here"
    response = redirect(request, home(person), done=done)
    sessions.remember(request, response, opened)
    return response


async def open_session(request: Request, email: str, password: str) -> OpenedSession:
    return await identity.open_session(
        sessions.browser(request),
        email=email,
        password=password,
        browser=sessions.known_browser(request),
    )


async def end(request: Request) -> None:
    """Close this browser's earlier session, which could not be closed from here any more."""
    with suppress(SignInNeeded, Problem):
        earlier = await sessions.signed_in(request)
        sessions.forget_token(request)
        await identity.close_session(earlier.gateway, earlier.session_id)


def remember_address(request: Request, response: Response, email: str) -> None:
    cookies.give(request, response, Cookie.ADDRESS, quote(email), seconds=ADDRESS_SECONDS)


def welcome(request: Request, person: SignedIn, form: Form) -> Response:
    """Give the interrupted form back to its owner."""
    if is_over_the_page(request):
        return JSONResponse(known(request, person))
    sealed_form = unsealed(request, form[SEALED])
    if sealed_form is None:
        return redirect(request, local(form[NEXT]) or home(person))
    if sealed_form.owner != person.id:
        return redirect(request, home(person), done="somebody_elses")
    return show_again(request, person, sealed_form.action, sealed_form.values)


@router.get("/session")
async def session(request: Request) -> Response:
    """Who is signed in, for a page that was loaded a while ago."""
    try:
        person = await sessions.signed_in(request)
    except SignInNeeded:
        return JSONResponse({"person": None})
    return JSONResponse(known(request, person))


def known(request: Request, person: SignedIn) -> dict[str, str]:
    return {"person": str(person.id), "form_token": token_for(request, person)}


@router.post("/deconnexion")
async def sign_out(request: Request) -> Response:
    """The browser forgets the session even if identity cannot be reached."""
    response = redirect(request, "/connexion", done="signed_out")
    try:
        person = await sessions.reader(request)
    except Problem:
        check_origin(request)
        form = await resumed.sent(request)
        if form is None or not form.is_of_session:
            raise
        sessions.forget(request, response)
        return response
    await typed_form(request, person)  # only checked: there is nothing to read in it
    await close(request, response, person)
    return response


async def leave(request: Request, response: Response) -> None:
    """Close the session of this browser."""
    with suppress(SignInNeeded, Problem):
        await close(request, response, await sessions.signed_in(request))


async def close(request: Request, response: Response, person: SignedIn) -> None:
    with suppress(Problem):
        await identity.close_session(person.gateway, person.session_id)
    sessions.forget(request, response)


async def needed(request: Request, error: Exception) -> Response:
    """The response for somebody who is not signed in (any more); what they typed is kept."""
    if not isinstance(error, SignInNeeded):
        raise error
    if is_over_the_page(request):
        response = Response(status_code=401, headers=ENDED)
    elif request.method in {"GET", "HEAD"}:
        done = "session_expired" if error.expired else ""
        response = to_sign_in(request, resumed.address_of(request), done=done)
    else:
        response = await keep_typed(request) or to_sign_in(
            request, referring_path(request), done="session_expired"
        )
    if error.expired:
        sessions.forget(request, response)
    return response


def to_sign_in(request: Request, going: str, *, done: str = "") -> Response:
    address = "/connexion" if going == "/" else f"/connexion?next={quote(going)}"
    return redirect(request, address, done=done)


async def keep_typed(request: Request, *, status: int = 401, problem: str = "") -> Response | None:
    """The sign-in page with the encrypted form of its owner, if there is one."""
    try:
        check_origin(request)
    except ForeignForm:
        return page(
            request, "shared/error.html", status=403, kind="foreign", code=403, why="", whose=""
        )
    form = await resumed.sent(request)
    sealed = form.sealed(request) if form else ""
    if not sealed:
        return None
    return show(request, Form(values={SEALED: sealed}, problem=problem, status=status))


async def resume(request: Request, person: SignedIn) -> Response:
    """Show a form of this browser's earlier session, to be sent again.

    Unless somebody else had filled it in.
    """
    if is_over_the_page(request):
        return Response(status_code=401, headers=ENDED)
    form = await resumed.sent(request)
    if form is None or form.owner != person.id:
        return redirect(request, home(person), done="somebody_elses")
    if not form.values:
        return redirect(request, referring_path(request))
    return show_again(request, person, form.action, form.values)


def show_again(request: Request, person: SignedIn, action: str, values: dict[str, str]) -> Response:
    token = token_for(request, person)
    return resumed.show(request, action, values, token=token, person=person)


def referring_path(request: Request) -> str:
    """The path of the page that held the form."""
    return local(parts_of(read(request, Header.REFERER)).path) or "/"


def show(request: Request, form: Form) -> Response:
    """The sign-in page, or only its form for the dialog over a page."""
    template = "account/sign_in_again.html" if is_over_the_page(request) else "account/sign_in.html"
    sealed_form = form[SEALED] if unsealed(request, form[SEALED]) else ""
    return page(request, template, status=form.status, form=form, sealed=sealed_form)


def unsealed(request: Request, sealed: str) -> SealedForm | None:
    return sealing.unseal(resumed.secret(request), sealed) if sealed else None


def local(address: str) -> str:
    """An address on this site, or empty: signing in must not redirect to another site."""
    if not address.startswith("/") or address.startswith(("//", "/\\")):
        return ""
    parts = parts_of(address)
    return address if parts.path and not parts.netloc and not parts.scheme else ""


def parts_of(address: str) -> SplitResult:
    """All empty if it cannot be parsed."""
    try:
        return urlsplit(address)
    except ValueError:
        return urlsplit("")
