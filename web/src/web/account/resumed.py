"""Gives back what was typed in a form that was not accepted, whatever went wrong."""

import hmac
from dataclasses import dataclass
from uuid import UUID

from fastapi import HTTPException, Request, Response
from starlette.requests import ClientDisconnect

from web.shared import sealing, words
from web.shared.browser import cookies
from web.shared.browser.cookies import Cookie
from web.shared.forms import KEY, SECRETS, TOKEN, form_token, owner_of, typed_values
from web.shared.rendering import page
from web.shared.sealing import SealedForm
from web.shared.sessions import SignedIn
from web.shared.text.language import N_

# What the form that comes back shows; its other fields go along unseen.
SHOWN = {
    "subject": N_("Le problème en une phrase"),
    "description": N_("Que se passe-t-il ?"),
    "title": N_("Titre"),
    "text": N_("Votre texte"),
    "last_word": N_("Votre texte"),
    "reason": N_("Motif"),
    "first_name": N_("Prénom"),
    "last_name": N_("Nom"),
    "email": N_("Adresse e-mail"),
}
LONG = {"description", "text", "last_word"}


@dataclass(frozen=True)
class Sent:
    """A form as it was sent, without passwords.

    `owner` is whose form it claims to be; `is_of_session`: it belongs to this browser's session, so
    nobody has to confirm it.
    """

    action: str
    token: str
    owner: UUID | None
    values: dict[str, str]
    is_of_session: bool

    def sealed(self, request: Request) -> str:
        """For the owner alone, once they have signed in; nothing, if there is nothing to keep."""
        if self.owner is None or not self.values:
            return ""
        return sealing.seal(secret(request), SealedForm(self.owner, self.action, self.values))


async def sent(request: Request) -> Sent | None:
    """The form of this request; None if it cannot be read."""
    if request.method != "POST":
        return None
    try:
        typed = dict(await typed_values(request))
    except (HTTPException, ClientDisconnect):
        return None
    token = typed.pop(TOKEN, "")
    owner = owner_of(token)
    values = {name: text for name, text in typed.items() if name not in SECRETS}
    if not values.keys() - {KEY} and SECRETS & typed.keys():
        values = {}
    session = cookies.read(request, Cookie.SESSION)
    own_token = form_token(secret(request), owner, session) if owner and session else ""
    return Sent(
        action=address_of(request),
        token=token,
        owner=owner,
        values=values,
        is_of_session=bool(own_token) and hmac.compare_digest(token.encode(), own_token.encode()),
    )


async def give_back(
    request: Request, *, status: int, why: str, retry_after: int | None = None
) -> Response | None:
    """The form again, with the reason; None if it is not of this browser's session."""
    form = await sent(request)
    if form is None or not form.is_of_session or not form.values:
        return None
    person: SignedIn | None = getattr(request.state, "person", None)
    return show(
        request,
        form.action,
        form.values,
        token=form.token,
        person=person,
        status=status,
        why=why,
        retry_after=retry_after,
    )


def show(
    request: Request,
    action: str,
    values: dict[str, str],
    *,
    token: str,
    person: SignedIn | None,
    status: int = 200,
    why: str = "",
    retry_after: int | None = None,
) -> Response:
    """Without a reason: the form of a session that had ended and goes on now."""
    return page(
        request,
        "account/resume.html",
        person=person,
        status=status,
        retry_after=retry_after,
        why=why,
        action=action,
        token=token,
        shown=[(name, label, values[name]) for name, label in SHOWN.items() if name in values],
        long=LONG,
        hidden={name: value for name, value in values.items() if name not in SHOWN},
    )


def closed() -> str:
    return words.refusal("unavailable")


def address_of(request: Request) -> str:
    path, query = request.url.path, request.url.query
    return f"{path}?{query}" if query else path


def secret(request: Request) -> str:
    return request.app.state.settings.web_secret.get_secret_value()
