"""The sale being entered, kept by sales: after a reload, on another device."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from web import words
from web.clients import identity, sales
from web.clients.gateway import Problem
from web.forms import Form, Typed
from web.pages.counter.pieces import answer, piece
from web.sessions import SignedIn, Staff

router = APIRouter()

TEXTS = (
    "serial_number",
    "sold_on",
    "customer_text",
    "product_text",
    "first_name",
    "last_name",
    "email",
)
FLAGS = ("withdrawn_confirmed", "creating_customer", "replaces")


@router.post("/comptoir/brouillon")
async def keep_draft(request: Request, person: Staff, form: Typed) -> Response:
    """Whatever is typed so far; refused with a `notice` where it may not replace what is kept."""
    try:
        await sales.keep_draft(person.gateway, draft_of(form))
    except Problem as problem:
        form.refused(problem)
        return answer(kept=False, code=problem.code, notice=await notice(request, person, problem))
    return answer(kept=True)


def draft_of(form: Form) -> dict[str, Any]:
    ids = {name: form[name] or None for name in ("customer_id", "product_id")}
    texts = {name: form[name] for name in TEXTS}
    return {"key": form.key} | ids | texts | {name: bool(form[name]) for name in FLAGS}


async def notice(request: Request, person: SignedIn, problem: Problem) -> str:
    """What the seller has to decide; nothing when it is only a moment's trouble."""
    if problem.code == "sale_already_recorded":
        sale = problem.context["sale_id"]
        return piece(request, "draft_recorded", text=words.refusal(problem.code), sale_id=sale)
    if problem.code == "draft_of_another_sale":
        name = await name_of(person, problem.context.get("customer_id"))
        text = f"Une autre vente est commencée{f' pour {name}' if name else ''}"
        return piece(request, "draft_elsewhere", text=words.typeset(text))
    return ""


async def name_of(person: SignedIn, customer_id: str | None) -> str:
    if customer_id is None:
        return ""
    found = await identity.customers(person.gateway, {UUID(customer_id)})
    return next((f"{each.first_name} {each.last_name}" for each in found.values()), "")


@router.post("/comptoir/brouillon/oubli")
async def forget_draft(person: Staff, form: Typed) -> Response:
    await sales.forget_draft(person.gateway, form.key)
    return answer(kept=False)
