"""Quick replies: rendered in a request with its values, and managed on their own page."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from chassis.http.bodies import LONG_BODY
from contracts.tickets.api import VARIABLES
from web.clients import tickets
from web.clients.gateway import Problem
from web.shared.forms import Form, Typed
from web.shared.rendering import page, redirect
from web.shared.sessions import SignedIn, Staff

router = APIRouter(prefix="/demandes")

HERE = "/demandes/reponses-types"


@router.get("/{number:number}/reponses-types")
async def offered(request: Request, number: int, staff: Staff) -> Response:
    """The list that opens in the composer, each text as it would be sent."""
    rendered = await tickets.rendered_quick_replies(staff.gateway, number)
    return page(
        request,
        "desk/quick_replies/quick_list.html",
        person=staff,
        quick_replies=rendered.quick_replies,
    )


@router.get("/reponses-types")
async def manage(request: Request, staff: Staff) -> Response:
    return await show(request, staff)


@router.post("/reponses-types", max_body_size=LONG_BODY)
async def add(request: Request, staff: Staff, form: Typed) -> Response:
    for name in ("title", "text"):
        form.values.setdefault(name, "")
    try:
        await tickets.add_quick_reply(
            staff.gateway, title=form["title"], text=form["text"], key=form.key
        )
    except Problem as problem:
        return await show(request, staff, form.refused(problem))
    return redirect(request, HERE, done="quick_reply_added")


@router.get("/reponses-types/{quick_reply_id}")
async def edit(request: Request, quick_reply_id: UUID, staff: Staff) -> Response:
    listed = await tickets.quick_replies(staff.gateway)
    found = next((each for each in listed.quick_replies if each.id == quick_reply_id), None)
    if found is None:
        raise Problem(404, "quick_reply_unknown")
    form = Form(values={"title": found.title, "text": found.text})
    return show_one(request, staff, quick_reply_id, form)


@router.post("/reponses-types/{quick_reply_id}", max_body_size=LONG_BODY)
async def change(request: Request, quick_reply_id: UUID, staff: Staff, form: Typed) -> Response:
    """Save or remove, depending on the button."""
    for name in ("title", "text"):
        form.values.setdefault(name, "")
    if form["answer"] == "remove":
        await tickets.remove_quick_reply(staff.gateway, quick_reply_id)
        return redirect(request, HERE, done="quick_reply_removed")
    try:
        await tickets.change_quick_reply(
            staff.gateway, quick_reply_id, title=form["title"], text=form["text"]
        )
    except Problem as problem:
        return show_one(request, staff, quick_reply_id, form.refused(problem))
    return redirect(request, HERE, done="quick_reply_changed")


async def show(request: Request, staff: SignedIn, form: Form | None = None) -> Response:
    listed = await tickets.quick_replies(staff.gateway)
    return page(
        request,
        "desk/quick_replies/quick_replies.html",
        person=staff,
        tab="desk",
        status=form.status if form else 200,
        form=form or Form(),
        variables=VARIABLES,
        quick_replies=listed.quick_replies,
    )


def show_one(request: Request, staff: SignedIn, quick_reply_id: UUID, form: Form) -> Response:
    return page(
        request,
        "desk/quick_replies/quick_reply.html",
        person=staff,
        tab="desk",
        status=form.status,
        form=form,
        variables=VARIABLES,
        address=f"{HERE}/{quick_reply_id}",
        back=HERE,
    )
