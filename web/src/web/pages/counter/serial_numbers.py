"""A serial number as it was typed or scanned: refused, sold before, or free."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic_core import PydanticCustomError

from contracts.sales.api import Sale, normalise_serial_number
from web import words
from web.clients import identity, sales
from web.forms import Typed
from web.keyboards import decoded
from web.pages.counter.days import shop_dates
from web.pages.counter.pieces import answer, error, piece
from web.sessions import SignedIn, Staff

router = APIRouter()


@router.post("/comptoir/numeros")
async def check_serial_number(request: Request, person: Staff, form: Typed) -> Response:
    typed = form["serial_number"]
    try:
        serial_number = normalise_serial_number(typed)
    except PydanticCustomError as refusal:
        if form["scanned"] and (meant := meant_by_scanner(typed)):
            return answer(**misread(request, meant))
        return answer(**refused(request, refusal.type, refusal.context or {}))
    if not form["product_id"]:
        return answer(state="unchecked", serial_number=serial_number, html="", said="")
    found = await sales.check_serial_number(
        person.gateway, product_id=form["product_id"], serial_number=serial_number
    )
    if found.sale:
        return answer(**await sold(request, person, found.sale))
    return answer(
        state="free", serial_number=serial_number, html=piece(request, "free"), said="Numéro libre."
    )


def meant_by_scanner(typed: str) -> str | None:
    meant = decoded(typed)
    try:
        return normalise_serial_number(meant) if meant else None
    except PydanticCustomError:
        return None


def misread(request: Request, meant: str) -> dict[str, Any]:
    said = words.typeset(
        f"La douchette semble réglée sur un autre clavier. Numéro lu : {meant}. "
        "C’est bien celui de l’étiquette ?"
    )
    return {
        "state": "misread",
        "html": piece(request, "misread", text=said, meant=meant),
        "said": said,
    }


def refused(request: Request, code: str, context: dict[str, Any]) -> dict[str, Any]:
    said = words.refusal(code, context, field="serial_number")
    position = context.get("position")
    return {
        "state": "refused",
        "html": error(request, said),
        "said": said,
        "bad": position - 1 if position else None,
    }


async def sold(request: Request, person: SignedIn, sale: Sale) -> dict[str, Any]:
    """To whom and when; the seller decides whether that sale was the mistake."""
    buyer = await identity.customer(person.gateway, sale.customer_id)
    return already_sold(
        request,
        sale_id=sale.id,
        day=shop_dates(request).day(sale.sold_on),
        buyer=f"{buyer.first_name} {buyer.last_name}",
        seller=sale.seller_name,
    )


def already_sold(
    request: Request, *, sale_id: UUID | str, day: str, buyer: str, seller: str
) -> dict[str, Any]:
    said = words.typeset(f"Cet appareil est déjà vendu : le {day} à {buyer}, par {seller}.")
    link = {"href": f"/ventes/{sale_id}", "text": "Voir cette vente"}
    return {"state": "sold", "html": error(request, said, link=link), "said": said}
