"""The products that match what is being typed: few are listed, many are counted."""

from typing import Any

from fastapi import APIRouter, Request, Response

from contracts.catalog.api import SHORTEST_WORD, Product, ProductSearch, SearchState
from web import words
from web.clients import catalog
from web.clients.gateway import Problem
from web.forms import Typed
from web.matches import marked
from web.pages.counter.pieces import answer, piece
from web.sessions import Staff

router = APIRouter()


@router.post("/comptoir/produits")
async def search_products(request: Request, person: Staff, form: Typed) -> Response:
    text = form["text"].strip()
    try:
        found = await catalog.search_products(
            person.gateway, text=text, withdrawn=bool(form["withdrawn"])
        )
    except Problem as problem:
        why = form.refused(problem).errors.get("text") or form.problem
        nothing = {"rows": [], "lead": "", "offer_withdrawn": "", "too_many": False}
        return answer(html=piece(request, "products", tail=why, **nothing), said=why)
    lead, tail = said(found, text)
    listed = rows(found, text)
    html = piece(
        request,
        "products",
        rows=listed,
        lead=lead,
        tail=tail,
        offer_withdrawn=offer(found),
        too_many=found.on_sale.count > 0 and not found.on_sale.products,
    )
    return answer(html=html, said=lead + tail)


def rows(found: ProductSearch, text: str) -> list[dict[str, Any]]:
    """Each product once, the one whose reference was typed first."""
    products: dict[Any, Product] = {}
    for product in found.exact + found.on_sale.products + found.withdrawn.products:
        products.setdefault(product.id, product)
    return [
        {
            "product": product,
            "designation": marked(product.designation, text),
            "reference": marked(product.reference, text),
        }
        for product in products.values()
    ]


def said(found: ProductSearch, text: str) -> tuple[str, str]:
    """How many match: what matters first, then the rest of the sentence."""
    if found.state is SearchState.TOO_SHORT:
        return "", one_product() if found.exact else letters_missing(text)
    count, withdrawn = found.on_sale.count, found.withdrawn.count
    if count == 0:
        return "", words.typeset(none_on_sale(text, withdrawn))
    also = f" et {counted(withdrawn)} {retired(withdrawn)}" if withdrawn else ""
    match = "correspondent" if count > 1 else "correspond"
    lead = f"{counted(count)} {'produits' if count > 1 else 'produit'} {match}"
    if found.on_sale.products:
        return "", words.typeset(f"{lead} à « {text} »{also}")
    return lead, f" — continuez à taper{also}"


def counted(count: int) -> str:
    """« plus de 1 000 » beyond what is counted."""
    if count > words.COUNTED_MOST:
        return f"plus de {words.number(words.COUNTED_MOST)}"
    return words.number(count)


def retired(count: int) -> str:
    return "retirés de la vente" if count > 1 else "retiré de la vente"


def none_on_sale(text: str, withdrawn: int) -> str:
    if withdrawn:
        return f"Aucun produit en vente ne correspond à « {text} », {counted(withdrawn)} {retired(withdrawn)}"
    return (
        f"Aucun produit ne correspond à « {text} ». Vérifiez l’orthographe ou essayez la référence."
    )


def one_product() -> str:
    return "1 produit a cette référence"


def letters_missing(text: str) -> str:
    longest = max((len(word) for word in text.split()), default=0)
    return "Encore une lettre." if longest + 1 >= SHORTEST_WORD else "Encore deux lettres."


def offer(found: ProductSearch) -> str:
    """The row that lists what is no longer on sale, when it can be listed and is not yet."""
    count = found.withdrawn.count
    if found.withdrawn.products or not 1 <= count <= 9:
        return ""
    if count == 1:
        return "Afficher le produit retiré de la vente"
    return f"Afficher les {count} produits retirés de la vente"
