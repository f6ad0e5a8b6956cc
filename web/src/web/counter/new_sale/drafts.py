"""The draft of a sale, stored by sales: survives a reload, available on other devices."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from web.clients import identity, sales
from web.clients.gateway import Problem
from web.counter.pieces import answer, piece
from web.shared import words
from web.shared.forms import Form, Typed
from web.shared.sessions import SignedIn, Staff
from web.shared.text.language import _

router = APIRouter()

# Of a draft that holds nothing else nobody would miss anything.
NEGLIGIBLE = {"customer_text", "product_text", "sold_on"}


@router.post("/comptoir/brouillon")
async def keep_draft(request: Request, person: Staff, form: Typed) -> Response:
    """Store what is typed so far; refused with a `notice` if it may not replace another draft."""
    try:
        await sales.keep_draft(person.gateway, draft_of(form))
    except Problem as problem:
        if problem.status >= 500:
            raise
        form.refused(problem)
        return answer(saved=False, code=problem.code, notice=await notice(request, person, problem))
    return answer(saved=True)


def draft_of(form: Form) -> dict[str, Any]:
    """Everything the page sends; only `replaces` is not part of the sale."""
    content = {name: text for name, text in form.values.items() if text and name != "replaces"}
    return {
        "key": form.key,
        "content": content,
        "negligible": content.keys() <= NEGLIGIBLE,
        "replaces": bool(form["replaces"]),
    }


async def notice(request: Request, person: SignedIn, problem: Problem) -> str:
    """What the seller has to decide; empty for a temporary failure."""
    if problem.code == "sale_already_recorded":
        sale = problem.context["sale_id"]
        return piece(request, "draft_recorded", text=words.refusal(problem.code), sale_id=sale)
    if problem.code == "draft_of_another_sale":
        stored = await sales.draft(person.gateway)
        name = await name_of(person, as_id(stored.content.get("customer_id", "")))
        text = (
            _(
                "Une autre vente est commencée pour %(name)s : un rechargement ouvrirait celle-là, "
                "et non celle-ci.",
                name=name,
            )
            if name
            else _(
                "Une autre vente est commencée : un rechargement ouvrirait celle-là, et non celle-ci."
            )
        )
        return piece(request, "draft_elsewhere", text=text)
    return ""


async def name_of(person: SignedIn, customer_id: UUID | None) -> str:
    if customer_id is None:
        return ""
    found = await identity.customers(person.gateway, {customer_id})
    return next((f"{each.first_name} {each.last_name}" for each in found.values()), "")


def as_id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@router.post("/comptoir/brouillon/oubli")
async def forget_draft(person: Staff, form: Typed) -> Response:
    await sales.forget_draft(person.gateway, form.key)
    return answer(saved=False)
