"""Product search while typing: a few are listed, many are counted."""

from typing import Any

from fastapi import APIRouter, Request, Response

from chassis.text.folding import count_letters
from contracts.catalog.api import (
    LISTED_MOST,
    REFERENCE_LENGTH,
    Product,
    ProductSearch,
    SearchState,
)
from contracts.text import SEARCH_SHORTEST, first_words
from web.clients import catalog
from web.clients.gateway import Problem
from web.counter.pieces import answer, piece
from web.shared import words
from web.shared.forms import Typed
from web.shared.sessions import Staff
from web.shared.text.language import _, ngettext
from web.shared.text.matches import marked

router = APIRouter()


@router.post("/comptoir/produits")
async def search_products(request: Request, person: Staff, form: Typed) -> Response:
    text = first_words(form["text"].strip(), longest=REFERENCE_LENGTH)
    try:
        found = await catalog.search_products(
            person.gateway, text=text, withdrawn=bool(form["withdrawn"])
        )
    except Problem as problem:
        why = form.refused(problem).errors.get("text") or form.problem
        return answer(html=piece(request, "products", rows=[], offer="", message=why), message=why)
    sentence = summary_of(found, text)
    html = piece(request, "products", rows=rows(found, text), offer=offer(found), message=sentence)
    return answer(html=html, message=sentence)


def rows(found: ProductSearch, text: str) -> list[dict[str, Any]]:
    """Each product once, an exact match of its reference first."""
    products: dict[Any, Product] = {}
    for product in found.exact + found.on_sale.products + found.withdrawn.products:
        products.setdefault(product.id, product)
    likely = the_one(found)
    return [
        {
            "product": product,
            "designation": marked(product.designation, text),
            "reference": marked(product.reference, text, is_code=True),
            "likely": product == likely,
        }
        for product in products.values()
    ]


def the_one(found: ProductSearch) -> Product | None:
    """The product that Enter may take before the list was seen: only if it is the only candidate."""
    if found.exact:
        return found.exact[0] if len(found.exact) == 1 else None
    single = found.on_sale.count + found.withdrawn.count == 1
    return next(iter(found.on_sale.products + found.withdrawn.products), None) if single else None


def summary_of(found: ProductSearch, text: str) -> str:
    """How many match, in one sentence for the list, for its live region and for whoever asks."""
    if found.state is SearchState.TOO_SHORT:
        return one_product() if found.exact else letters_missing(text)
    count, withdrawn = found.on_sale.count, found.withdrawn.count
    if not count + withdrawn:
        return _(
            "Aucun produit ne correspond à « %(text)s ». Vérifiez l’orthographe ou essayez la référence.",
            text=text,
        )
    if found.on_sale.products:
        match = ngettext(
            "%(num)s produit correspond à « %(text)s »",
            "%(num)s produits correspondent à « %(text)s »",
            count,
            num=counted(count),
            text=text,
        )
    elif count:
        match = ngettext(
            "%(num)s produit correspond",
            "%(num)s produits correspondent",
            count,
            num=words.capital(counted(count)),
        )
    else:
        match = _("Aucun produit en vente ne correspond à « %(text)s »", text=text)
    if withdrawn:
        match = ngettext(
            "%(match)s, et %(num)s retiré de la vente",
            "%(match)s, et %(num)s retirés de la vente",
            withdrawn,
            num=counted(withdrawn),
            match=match,
        )
    if found.on_sale.products:
        return match
    if not count and withdrawn <= LISTED_MOST:
        return _("%(match)s.", match=match)
    return _(
        "%(match)s. Continuez à taper : la liste s’affiche à moins de %(most)s.",
        match=match,
        most=LISTED_MOST + 1,
    )


def counted(count: int) -> str:
    """« plus de 1 000 » beyond what is counted."""
    if count > words.COUNTED_MOST:
        return _("plus de %(most)s", most=words.number(words.COUNTED_MOST))
    return words.number(count)


def one_product() -> str:
    return _("1 produit a cette référence")


def letters_missing(text: str) -> str:
    return words.refusal("search_too_short", {"missing": SEARCH_SHORTEST - count_letters(text)})


def offer(found: ProductSearch) -> str:
    """The row that lists withdrawn products, if they can be listed and are not yet."""
    count = found.withdrawn.count
    if found.withdrawn.products or not 1 <= count <= LISTED_MOST:
        return ""
    return ngettext(
        "Afficher le produit retiré de la vente",
        "Afficher les %(num)s produits retirés de la vente",
        count,
    )
