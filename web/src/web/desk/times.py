"""Corrects the time spent on a message; each correction is recorded."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from web.clients import tickets
from web.clients.gateway import Problem
from web.desk.desk import minutes_of
from web.desk.views import At, DeskView
from web.shared.forms import Form, Typed
from web.shared.rendering import page, redirect
from web.shared.sessions import SignedIn, Staff

router = APIRouter(prefix="/demandes")


@router.get("/{number:number}/messages/{message_id}/temps")
async def time_spent(
    request: Request, number: int, message_id: UUID, staff: Staff, at: At
) -> Response:
    return await show(request, staff, at, number=number, message_id=message_id)


@router.post("/{number:number}/messages/{message_id}/temps")
async def correct_time(
    *, request: Request, number: int, message_id: UUID, staff: Staff, form: Typed, at: At
) -> Response:
    form.values.setdefault("minutes", "")
    minutes = minutes_of(form)
    try:
        if not form.is_refused:
            await tickets.correct_minutes(staff.gateway, message_id, minutes)
            return redirect(request, at.address(number), done="time_corrected")
    except Problem as problem:
        form.refused(problem)
    return await show(request, staff, at, number=number, message_id=message_id, form=form)


async def show(
    request: Request,
    staff: SignedIn,
    at: DeskView,
    *,
    number: int,
    message_id: UUID,
    form: Form | None = None,
) -> Response:
    spent = await tickets.time_spent(staff.gateway, message_id)
    now = "" if spent.minutes is None else str(spent.minutes)
    return page(
        request,
        "desk/time.html",
        person=staff,
        tab="desk",
        status=form.status if form else 200,
        form=form or Form(values={"minutes": now}),
        spent=spent,
        number=number,
        back=at.address(number),
    )
