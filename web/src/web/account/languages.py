"""The language of pages: of this browser before anybody signs in, then of the person."""

from fastapi import APIRouter, Request, Response

from web.account.sign_in import local
from web.clients import identity
from web.shared import sessions
from web.shared.browser import cookies
from web.shared.browser.cookies import Cookie
from web.shared.forms import Anonymous, Form, Typed
from web.shared.rendering import redirect
from web.shared.sessions import Person
from web.shared.text.language import translations

router = APIRouter()


@router.post("/langue")
async def switch(request: Request, form: Anonymous) -> Response:
    """Of this browser; back to the page that was shown."""
    return remember(request, redirect(request, local(form["next"]) or "/connexion"), form)


@router.post("/compte/langue")
async def choose(request: Request, person: Person, form: Typed) -> Response:
    """Of the person's pages and mails, and of this browser once they have signed out."""
    response = redirect(request, "/compte", done="language_changed")
    if form["language"] in translations.catalogues:
        await identity.choose_language(person.gateway, form["language"])
        sessions.forget_token(request)  # the next one knows
    return remember(request, response, form)


def remember(request: Request, response: Response, form: Form) -> Response:
    """Nothing, for a language that there is not."""
    if form["language"] in translations.catalogues:
        cookies.give(request, response, Cookie.LANGUAGE, form["language"])
    return response
