"""Mails that were not delivered; and, in the local stack, those that were caught."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request, Response
from fastapi.responses import HTMLResponse

from contracts.identity.roles import Role
from web.administration import caught
from web.clients import notifications
from web.clients.gateway import Problem, if_answered
from web.shared.browser import headers
from web.shared.forms import Form, Typed
from web.shared.rendering import page, redirect
from web.shared.sessions import SignedIn, Staff, VerifiedAdministrator

router = APIRouter(prefix="/courrier")

After = Annotated[str | None, Query(alias="apres", description="The page before gave it.")]

# A mail is foreign HTML: it may have its styles, and nothing else.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'self'"


@router.get("")
async def undelivered(request: Request, staff: Staff, after: After = None) -> Response:
    return await show(request, staff, after=after)


@router.post("/{mail_id:uuid}/renvoi")
async def resend(request: Request, mail_id: UUID, staff: Staff, form: Typed) -> Response:
    try:
        await notifications.resend(staff.gateway, mail_id)
    except Problem as problem:
        return await show(request, staff, refused=form.refused(problem))
    return redirect(request, "/courrier", done="mail_sent_again")


async def show(
    request: Request, staff: SignedIn, *, after: str | None = None, refused: Form | None = None
) -> Response:
    """Administrators also see the state of the queue."""
    is_administrator = staff.role == Role.ADMINISTRATOR
    listed, queue = await asyncio.gather(
        notifications.undelivered(staff.gateway, after=after),
        if_answered(notifications.queue(staff.gateway)) if is_administrator else nothing(),
    )
    return page(
        request,
        "administration/mails/undelivered.html",
        person=staff,
        tab="mails",
        status=refused.status if refused else 200,
        listed=listed,
        after=after,
        queue=queue,
        problem=refused.problem if refused else "",
        is_caught=is_administrator and request.app.state.settings.caught_mail is not None,
    )


async def nothing() -> None:
    """Shown to administrators only."""


# --- The demo's mail ----------------------------------------------------------------------------


def folder_of(request: Request) -> caught.Folder:
    """404 except in the local stack."""
    path = request.app.state.settings.caught_mail
    if path is None:
        raise HTTPException(404)
    return caught.Folder(path)


@router.get("/demo")
async def caught_mails(request: Request, administrator: VerifiedAdministrator) -> Response:
    newest = await asyncio.to_thread(folder_of(request).newest)
    return page(
        request,
        "administration/mails/caught.html",
        person=administrator,
        tab="mails",
        newest=newest,
    )


@router.get("/demo/{key}")
async def caught_mail(request: Request, key: str, administrator: VerifiedAdministrator) -> Response:
    mail = await asyncio.to_thread(folder_of(request).mail, key)
    if mail is None:
        raise HTTPException(404)
    shown = page(
        request,
        "administration/mails/mail.html",
        person=administrator,
        tab="mails",
        caught=mail,
    )
    shown.headers["Content-Security-Policy"] = f"{headers.POLICY}; frame-src 'self'"
    return shown


@router.get("/demo/{key}/page")
async def caught_page(request: Request, key: str, _: VerifiedAdministrator) -> Response:
    """The mail's own HTML, for a frame."""
    mail = await asyncio.to_thread(folder_of(request).mail, key)
    if mail is None:
        raise HTTPException(404)
    return HTMLResponse(mail.html, headers={"Content-Security-Policy": POLICY})
