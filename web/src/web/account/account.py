"""My account, for everyone: password, sessions; and for customers, the e-mail address."""

import asyncio
from uuid import UUID

from fastapi import APIRouter, Request, Response

from web.clients import identity
from web.clients.gateway import Problem
from web.shared import words
from web.shared.forms import Form, Typed, question_email
from web.shared.rendering import page, redirect, remember_shortcuts
from web.shared.sessions import Customer, Person, SignedIn, Staff

router = APIRouter(prefix="/compte")


@router.get("")
async def account(request: Request, person: Person) -> Response:
    return await show(request, person)


@router.post("/adresse")
async def change_email(request: Request, customer: Customer, form: Typed) -> Response:
    form.values.setdefault("email", "")
    question_email(form)
    require_current_password(form)
    try:
        if not form.errors:
            account = await identity.change_email(
                customer.gateway,
                current_password=form["current_password"],
                email=form["email"],
            )
            done = "email_link_sent" if account.pending_email else "email_changed"
            return redirect(request, "/compte", done=done)
    except Problem as problem:
        form.refused(problem)
    return await show(request, customer, email=form)


@router.post("/adresse/renonciation")
async def give_up_email(request: Request, customer: Customer, _: Typed) -> Response:
    await identity.give_up_email(customer.gateway)
    return redirect(request, "/compte", done="email_given_up")


@router.post("/mot-de-passe")
async def change_password(request: Request, person: Person, form: Typed) -> Response:
    require_current_password(form)
    form.values.setdefault("new_password", "")
    try:
        if not form.errors:
            await identity.change_password(
                person.gateway,
                current_password=form["current_password"],
                new_password=form["new_password"],
            )
            return redirect(request, "/compte", done="password_changed")
    except Problem as problem:
        form.refused(problem)
    return await show(request, person, password=form)


def require_current_password(form: Form) -> None:
    if not form.values.setdefault("current_password", ""):
        form.refuse("current_password", words.refusal("required", field="current_password"))


@router.post("/raccourcis")
async def switch_shortcuts(request: Request, staff: Staff, form: Typed) -> Response:
    """Single-letter shortcuts: off until somebody wants them, per browser."""
    on = form["shortcuts"] == "on"
    response = redirect(request, "/compte", done="letters_on" if on else "letters_off")
    remember_shortcuts(request, response, staff, on=on)
    return response


@router.post("/sessions/{session_id}/fermeture")
async def close_session(request: Request, session_id: UUID, person: Person, _: Typed) -> Response:
    await identity.close_session(person.gateway, session_id)
    return redirect(request, "/compte", done="session_closed")


@router.post("/sessions/fermeture")
async def close_other_sessions(request: Request, person: Person, form: Typed) -> Response:
    """After a confirmation: it signs out other browsers."""
    if form["answer"] != "confirm":
        return page(request, "account/close_sessions.html", person=person, tab="account")
    await identity.close_other_sessions(person.gateway)
    return redirect(request, "/compte", done="sessions_closed")


async def show(
    request: Request,
    person: SignedIn,
    *,
    email: Form | None = None,
    password: Form | None = None,
) -> Response:
    """Both forms are on one page; the refused one is shown with its errors."""
    account, opened = await asyncio.gather(
        identity.my_account(person.gateway), identity.sessions(person.gateway)
    )
    refused = email or password
    return page(
        request,
        "account/account.html",
        person=person,
        tab="account",
        status=refused.status if refused else 200,
        account=account,
        sessions=opened.sessions,
        email=email or Form(),
        password_form=password or Form(),
    )
