"""Links from mails: choose a password, confirm an address, unsubscribe."""

from contextlib import suppress

from fastapi import APIRouter, HTTPException, Request, Response

from contracts.identity.api import Link, UsedLink
from contracts.identity.purposes import Purpose
from web.account import sign_in
from web.clients import identity, notifications
from web.clients.gateway import Problem
from web.shared import sessions, words
from web.shared.browser import cookies
from web.shared.browser.cookies import Cookie
from web.shared.forms import Anonymous, ByKey, Form, question_email, typed_values
from web.shared.rendering import page, redirect

router = APIRouter()

OVER = {"link_unknown", "link_used", "link_expired"}
SHOWN_SECONDS = 3600  # since a link was shown in this browser


# --- A forgotten password ---------------------------------------------------------------------


@router.get("/mot-de-passe-oublie")
async def forgotten_password(request: Request) -> Response:
    return show_forgotten(request, Form())


@router.post("/mot-de-passe-oublie")
async def ask_password_link(request: Request, form: Anonymous) -> Response:
    """The same answer whether or not the address has an account."""
    if not form.values.setdefault("email", "").strip():
        form.refuse("email", words.refusal("required", field="email"))
    question_email(form)
    if form.is_refused:
        return show_forgotten(request, form)
    try:
        await identity.ask_password_link(sessions.browser(request), email=form["email"])
    except Problem as problem:
        return show_forgotten(request, form.refused(problem))
    return page(request, "account/links/asked.html", email=form["email"].strip())


def show_forgotten(request: Request, form: Form) -> Response:
    if not request.app.state.settings.mail:
        raise HTTPException(404)
    return page(request, "account/links/forgotten.html", status=form.status, form=form)


# --- A link -----------------------------------------------------------------------------------


@router.get("/lien/{secret}")
async def link(request: Request, secret: str) -> Response:
    """What the link is for. Mail scanners open links, too: only sending the form uses it."""
    try:
        return show_link(request, await identity.read_link(sessions.browser(request), secret))
    except Problem as problem:
        return show_over(request, problem)


@router.post("/lien/{secret}")
async def use_link(request: Request, secret: str, form: ByKey) -> Response:
    """Choose the password and sign in with it; or confirm the address."""
    gateway = sessions.browser(request)
    password = form.values.setdefault("password", "")
    try:
        known = await identity.read_link(gateway, secret)
    except Problem as problem:
        return show_over(request, problem)
    if known.purpose != Purpose.EMAIL and not password:
        form.refuse("password", words.refusal("required", field="password"))
        return show_link(request, known, form)
    try:
        used = await identity.use_link(gateway, secret, password=password or None)
    except Problem as problem:
        if problem.code in OVER:
            return show_over(request, problem)
        return show_link(request, known, form.refused(problem))
    if used.purpose == Purpose.EMAIL:
        return show_address(request, used)
    return await signed_in(request, used, password)


def show_address(request: Request, used: UsedLink) -> Response:
    """The new address counts, or the previous one stays."""
    if used.refused:
        return page(request, "account/links/refused.html", email=used.email)
    response = redirect(request, "/compte", done="email_confirmed")
    sign_in.remember_address(request, response, used.email)
    return response


async def signed_in(request: Request, used: UsedLink, password: str) -> Response:
    """Sign in with the password just chosen.

    Only in a browser in which our own page was shown: its cookie is not sent with another site's
    form, so nobody can be signed in to an attacker's account.
    """
    first = used.purpose == Purpose.INVITATION
    if cookies.read(request, Cookie.LINK):
        with suppress(Problem):
            response = await sign_in.enter(request, used.email, password, first=first)
            cookies.take_back(request, response, Cookie.LINK)
            return response
    response = redirect(request, "/connexion", done="password_chosen")
    await sign_in.leave(request, response)
    sign_in.remember_address(request, response, used.email)
    return response


def show_link(request: Request, known: Link, form: Form | None = None) -> Response:
    form = form or Form()
    response = page(
        request,
        "account/links/link.html",
        status=form.status,
        link=known,
        form=form,
    )
    cookies.give(request, response, Cookie.LINK, "yes", seconds=SHOWN_SECONDS)
    return response


def show_over(request: Request, problem: Problem) -> Response:
    """The link is used, expired or incomplete: shown with what to do next."""
    if problem.code not in OVER:
        raise problem
    return page(request, "account/links/over.html", status=problem.status, reason=problem.code)


# --- The end of mails -------------------------------------------------------------------------


@router.get("/desabonnement/{token}")
async def unsubscription(request: Request, token: str) -> Response:
    gateway = sessions.browser(request)
    try:
        read = await notifications.read_unsubscription(gateway, token)
    except Problem as problem:
        return show_unknown(request, problem)
    return page(request, "account/links/unsubscribe.html", unsubscribed=read, changed=False)


@router.post("/desabonnement/{token}")
async def unsubscribe(request: Request, token: str) -> Response:
    """One click in a mail program (RFC 8058) or on our page, where it can be undone.

    The token is the only proof needed, wherever the request comes from: it only covers these mails.
    """
    wanted = (await typed_values(request)).get("wanted") == "on"
    try:
        gateway = sessions.browser(request)
        unsubscription = await notifications.unsubscribe(gateway, token, wanted=wanted)
    except Problem as problem:
        return show_unknown(request, problem)
    return page(
        request, "account/links/unsubscribe.html", unsubscribed=unsubscription, changed=True
    )


def show_unknown(request: Request, problem: Problem) -> Response:
    if problem.code != "unsubscription_unknown":
        raise problem
    return page(request, "account/links/unsubscription_unknown.html", status=problem.status)
