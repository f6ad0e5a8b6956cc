"""Checks a serial number: invalid, sold before, questionable, or free."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from pydantic_core import PydanticCustomError

from contracts.sales.api import Sale, normalise_serial_number
from web.clients import identity, sales
from web.counter.new_sale.days import shop_dates
from web.counter.new_sale.keyboards import decoded, without_prefix
from web.counter.pieces import answer, error, piece
from web.shared import words
from web.shared.forms import Typed
from web.shared.sessions import SignedIn, Staff
from web.shared.text.language import N_, _

router = APIRouter()


@router.post("/comptoir/numeros")
async def check_serial_number(request: Request, person: Staff, form: Typed) -> Response:
    """`scanned`: it came from a scanner; `confirmed`: the number that the seller has confirmed."""
    typed = form["serial_number"]
    try:
        serial_number = normalise_serial_number(typed)
    except PydanticCustomError as refusal:
        return answer(**not_a_number(request, typed, refusal, scanned=bool(form["scanned"])))
    if not form["product_id"]:
        return answer(state="unchecked", serial_number=serial_number, html="", message="")
    found = await sales.check_serial_number(
        person.gateway, product_id=form["product_id"], serial_number=serial_number
    )
    if found.sale:
        return answer(**await sold(request, person, found.sale))
    is_sure = form["scanned"] or form["confirmed"] == serial_number
    if found.look_alike and not is_sure:
        return answer(**looks_like(request, serial_number, found.look_alike))
    return answer(**free(request, serial_number, found.same_number))


# --- No serial number as it is ----------------------------------------------------------------


def not_a_number(
    request: Request, typed: str, refusal: PydanticCustomError, *, scanned: bool
) -> dict[str, Any]:
    """A repaired scan is shown for confirmation; anything else is refused."""
    prefix, rest = without_prefix(typed)
    sentence = N_(
        "La douchette met « %(prefix)s » devant le numéro : ce préfixe est retiré. "
        "Numéro lu : %(number)s. C’est bien celui de l’étiquette ?"
    )
    if not prefix and scanned and (decoded_text := decoded(typed)):
        rest = without_prefix(decoded_text)[1]
        sentence = N_(
            "La douchette semble réglée sur un autre clavier. "
            "Numéro lu : %(number)s. C’est bien celui de l’étiquette ?"
        )
    try:
        number = normalise_serial_number(rest)
    except PydanticCustomError as of_rest:
        if prefix:
            return refused(request, of_rest.type, of_rest.context or {}) | {"serial_number": rest}
        return refused(request, refusal.type, refusal.context or {})
    message = _(sentence, prefix=prefix, number=number)
    html = piece(request, "serial_question", text=message, number=number, other="")
    return {"state": "asks", "html": html, "message": message}


def refused(request: Request, code: str, context: dict[str, Any]) -> dict[str, Any]:
    message = words.refusal(code, context, field="serial_number")
    position = context.get("position")
    return {
        "state": "refused",
        "html": error(request, message),
        "message": message,
        "bad": position - 1 if position else None,
    }


# --- A serial number, and what is known of it -------------------------------------------------

SIGNS = {
    "O": N_("la lettre O"),
    "I": N_("la lettre I"),
    "0": N_("le chiffre 0"),
    "1": N_("le chiffre 1"),
}


def looks_like(request: Request, number: str, sale: Sale) -> dict[str, Any]:
    """O or 0, I or 1: ask which one it is."""
    other, day = sale.serial_number, shop_dates(request).day(sale.sold_on)
    index = next(at for at, sign in enumerate(number) if sign != other[at])
    message = _(
        "Un appareil vendu le %(day)s porte le n° %(other)s : %(theirs)s là où celui-ci a %(ours)s "
        "(caractère %(position)s). Que dit l’étiquette ?",
        day=day,
        other=other,
        theirs=_(SIGNS[other[index]]),
        ours=_(SIGNS[number[index]]),
        position=index + 1,
    )
    html = piece(request, "serial_question", text=message, number=number, other=other)
    return {"state": "asks", "html": html, "message": message}


def free(request: Request, serial_number: str, elsewhere: Sale | None) -> dict[str, Any]:
    message, link = _("Numéro libre"), None
    if elsewhere:
        day = shop_dates(request).day(elsewhere.sold_on)
        message = _("Ce numéro est aussi celui d’un autre appareil vendu le %(day)s.", day=day)
        link = {"href": f"/ventes/{elsewhere.id}", "text": _("Voir cette vente")}
    html = piece(request, "free", text=message, link=link)
    return {"state": "free", "serial_number": serial_number, "html": html, "message": message}


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
    message = _(
        "Cet appareil est déjà vendu : le %(day)s à %(buyer)s, par %(seller)s.",
        day=day,
        buyer=buyer,
        seller=seller,
    )
    link = {"href": f"/ventes/{sale_id}", "text": _("Voir cette vente")}
    return {"state": "sold", "html": error(request, message, link=link), "message": message}
