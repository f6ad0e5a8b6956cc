"""A customer's new request, about a product or following a resolved request."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from chassis.http.bodies import LONG_BODY
from contracts.numbers import LONGEST_NUMBER
from contracts.paging import PAGE_MOST
from contracts.tickets.api import Draft, NewTicket, OwnedProducts, Ticket
from web.clients import tickets
from web.clients.gateway import Problem
from web.shared.files.drafted import chosen, filing
from web.shared.forms import Form, Typed
from web.shared.rendering import page, redirect
from web.shared.sessions import Customer, SignedIn
from web.shared.text.numbers import whole

router = APIRouter(prefix="/mes-demandes/nouvelle")

FIELDS = ("sale_id", "follows", "subject", "description")


@router.get("")
async def new_ticket(
    request: Request,
    customer: Customer,
    sale_id: Annotated[str, Query(alias="appareil")] = "",
    follows: Annotated[int | None, Query(alias="suite", ge=0, lt=10**LONGEST_NUMBER)] = None,
    after: Annotated[str | None, Query(alias="apres")] = None,
) -> Response:
    """With the customer's draft, unless that is about something else."""
    draft = await tickets.my_draft(customer.gateway)
    form = Form(
        values={
            "sale_id": sale_id,
            "follows": "" if follows is None else str(follows),
            "page": after or "",
        }
    )
    if is_about_the_same(draft, form):
        resume(draft, form)
        return await show(request, customer, form, resumed=draft)
    return await show(request, customer, form, other=draft)


def is_begun(draft: Draft) -> bool:
    return bool(draft.subject.strip() or draft.text.strip())


def is_about_the_same(draft: Draft, form: Form) -> bool:
    """A link without a product continues the draft."""
    if not is_begun(draft):
        return False
    if form["follows"]:
        return form["follows"] == str(draft.follows)
    if form["sale_id"] and draft.sale_id is not None:
        return form["sale_id"] == str(draft.sale_id) and draft.follows is None
    return True


def resume(draft: Draft, form: Form) -> None:
    form.key = draft.key or form.key
    form.values |= {"subject": draft.subject, "description": draft.text}
    form.values["sale_id"] = form["sale_id"] or str(draft.sale_id or "")
    form.values["follows"] = form["follows"] or str(draft.follows or "")


@router.post("", max_body_size=LONG_BODY)
async def open_ticket(request: Request, customer: Customer, form: Typed) -> Response:
    """Open it; or, with the button of an open request, add to that one."""
    for name in FIELDS:
        form.values.setdefault(name, "")
    if form["answer"] == "forget":
        await tickets.forget_draft(customer.gateway, None)
        return redirect(request, "/mes-demandes/nouvelle", done="draft_forgotten")
    if form["answer"] == "files":
        await keep(customer, form)
        return redirect(request, "/fichiers/joindre")
    if (number := whole(form["complete"])) is not None:
        return await complete(request, customer, number, form)
    try:
        new = form.fields_of(NewTicket) | {"files": chosen(form)}
        ticket = await tickets.open_ticket(customer.gateway, new, key=form.key)
    except Problem as problem:
        return await show(request, customer, form.refused(problem))
    return redirect(request, f"/mes-demandes/{ticket.number}", done="ticket_opened")


async def complete(request: Request, customer: SignedIn, number: int, form: Form) -> Response:
    """Go to the request that is already open, with what was typed here as the draft of a message."""
    done = ""
    typed = [text for text in (form["subject"].strip(), form["description"].strip()) if text]
    if typed or chosen(form):
        thread = await tickets.thread(customer.gateway, number)
        begun = thread.draft if thread.draft and thread.draft.text.strip() else Draft()
        draft = {
            "key": begun.key or form.key,
            "text": "\n\n".join(filter(None, [begun.text, *typed])),
            "seen_position": thread.messages[-1].position if thread.messages else None,
            "files": chosen(form),
        }
        try:
            await tickets.keep_draft(customer.gateway, number, **draft)
        except Problem as problem:
            return await show(request, customer, form.refused(problem))
        await tickets.forget_draft(customer.gateway, None)
        done = "carried_over"
    return redirect(request, f"/mes-demandes/{number}#answer", done=done)


@router.post("/brouillon", max_body_size=LONG_BODY)
async def keep_draft(customer: Customer, form: Typed) -> Response:
    """Save the draft, for this person on any device."""
    if form["subject"].strip() or form["description"].strip():
        await keep(customer, form)
    else:
        await tickets.empty_draft(customer.gateway, None)
    return Response(status_code=204)


async def keep(customer: SignedIn, form: Form) -> None:
    draft = {
        "key": form.key,
        "subject": form["subject"],
        "text": form["description"],
        "sale_id": form["sale_id"] or None,
        "follows": form["follows"] or None,
    }
    await tickets.keep_draft(customer.gateway, None, **draft)


# --- The page ---------------------------------------------------------------------------------


async def show(
    request: Request,
    customer: SignedIn,
    form: Form,
    *,
    resumed: Draft | None = None,
    other: Draft | None = None,
) -> Response:
    """`resumed`: the draft that fills the form; `other`: one about something else."""
    draft = resumed or other or await tickets.my_draft(customer.gateway)
    followed = await followed_by(customer, form)
    owned = await owned_products(customer, form, followed)
    return page(
        request,
        "mine/new.html",
        person=customer,
        tab="new",
        status=form.status,
        form=form,
        owned=owned,
        followed=followed,
        resumed=resumed,
        other=other if other is not None and is_begun(other) else None,
        **await filing(request, customer, draft),
    )


async def followed_by(customer: SignedIn, form: Form) -> Ticket | None:
    """The resolved request that this one follows."""
    if (number := whole(form["follows"])) is None:
        return None
    try:
        followed = (await tickets.thread(customer.gateway, number)).ticket
    except Problem:
        if not form.is_refused:
            raise
        return None  # the text comes before what it is about
    if not form.is_refused:
        form.values.setdefault("subject", followed.subject)
    return followed


async def owned_products(customer: SignedIn, form: Form, followed: Ticket | None) -> OwnedProducts:
    if followed is not None:
        return OwnedProducts(owned_products=[])  # the product is that of the followed one
    try:
        return await tickets.owned_products(
            customer.gateway, limit=PAGE_MOST, after=form["page"] or None
        )
    except Problem:
        if not form.is_refused:
            raise
        return OwnedProducts(owned_products=[])  # the text comes before the list
