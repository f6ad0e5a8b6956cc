"""The search box: over any page while typing, or as a page of its own."""

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from contracts.text import first_words
from web.clients.gateway import Problem
from web.search import found
from web.search.found import Found
from web.shared.browser.request_headers import Header, has
from web.shared.forms import Form, Typed
from web.shared.rendering import page
from web.shared.searches import SearchPage, new_name
from web.shared.sessions import Person, SignedIn, is_over_the_page
from web.shared.text.language import N_, _, ngettext

router = APIRouter(prefix="/recherche")

LISTED_OVER_THE_PAGE = 8
PAGE = 20

SEARCHES = SearchPage("/recherche", ("text", "after"))


@router.post("")
async def search(request: Request, person: Person, form: Typed) -> Response:
    """By POST: no address contains what was searched for.

    With script the answer is the page itself, which says at which address Back finds it again.
    """
    if has(request, Header.HTMX):
        return await searched_at_once(request, person, Form(values=SEARCHES.typed(form)))
    if is_over_the_page(request):
        return await suggest(request, person, first_words(form["text"].strip()))
    return SEARCHES.searched(request, person, form)


@router.get("")
async def search_page(request: Request, person: Person, r: str = "") -> Response:
    return await results_page(request, person, SEARCHES.recalled(request, person, r))


async def searched_at_once(request: Request, person: SignedIn, form: Form) -> Response:
    values = dict(form.values)
    response = await results_page(request, person, form)
    if form.is_refused:
        return response  # nothing to come back to: the address stays
    address = SEARCHES.path
    if any(values.values()):
        name = new_name()
        SEARCHES.remember(request, response, person, name, values)
        address = SEARCHES.address(name)
    response.headers["HX-Push-Url"] = address
    return response


async def results_page(request: Request, person: SignedIn, form: Form) -> Response:
    if not form["text"]:
        return show(request, person, form, None)
    try:
        results = await found.search(person, form["text"], limit=PAGE, after=form["after"] or None)
    except Problem as problem:
        return show(request, person, form.refused(problem), None)
    return show(request, person, form, results)


async def suggest(request: Request, person: SignedIn, text: str) -> Response:
    """The answer while typing: rows for the box, and a summary."""
    try:
        results = await found.search(person, text, limit=LISTED_OVER_THE_PAGE)
    except Problem as problem:
        refused = Form(values={"text": text}).refused(problem)
        return JSONResponse({"html": "", "message": refused.errors.get("text") or refused.problem})
    summary = summary_of(results, text)
    template = request.app.state.templates.get_template("search/suggestions.html")
    html = template.render(
        person=person, results=results, text=text, summary=summary, silence=silence_of(results)
    )
    return JSONResponse({"html": html, "message": summary})


PARTS = {
    "sales": N_("les ventes"),
    "customers": N_("les clients"),
    "products": N_("les produits"),
    "owned": N_("vos appareils"),
}


def summary_of(results: Found, text: str) -> str:
    if results.count == 0:
        return _("Rien ne correspond à « %(text)s ».", text=text)
    if results.next:
        return ngettext("%(num)s résultat ou plus.", "%(num)s résultats ou plus.", results.count)
    return ngettext("%(num)s résultat.", "%(num)s résultats.", results.count)


def silence_of(results: Found) -> str:
    """Which parts are missing because their service did not answer; empty if none."""
    if not results.silent:
        return ""
    parts = ", ".join(_(PARTS[name]) for name in results.silent)
    return _("Sans réponse pour l’instant : %(parts)s.", parts=parts)


def show(request: Request, person: SignedIn, form: Form, results: Found | None) -> Response:
    return page(
        request,
        "search/page.html",
        person=person,
        tab="search",
        status=form.status,
        form=form,
        text=form["text"],
        results=results,
        summary=summary_of(results, form["text"]) if results else "",
        silence=silence_of(results) if results else "",
        is_first_page=not form["after"],
    )
