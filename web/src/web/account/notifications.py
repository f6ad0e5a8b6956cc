"""Mail preferences."""

from fastapi import APIRouter, Request, Response

from contracts.identity.roles import Role
from contracts.notifications.api import Preferences
from web.clients import notifications
from web.clients.gateway import Problem
from web.shared.forms import Form, Typed
from web.shared.rendering import page, redirect
from web.shared.sessions import Person, SignedIn
from web.shared.text.language import N_

router = APIRouter(prefix="/compte/notifications")

# The names in the API, and what stands beside the box that is ticked.
FOR_CUSTOMERS = {
    "replies": (N_("Quand un technicien me répond"), N_("Une réponse attend la vôtre.")),
    "acknowledgements": (
        N_("Quand ma demande est arrivée"),
        N_("Un accusé de réception, tout de suite."),
    ),
    "resolutions": (N_("Quand une demande est résolue"), N_("Par le magasin, pas par vous.")),
}
FOR_STAFF = {
    "new_requests": (N_("À chaque nouvelle demande"), N_("Dès qu’un client en ouvre une.")),
    "customer_answers": (
        N_("À chaque réponse d’un client"),
        N_("Plusieurs de suite font un seul e-mail."),
    ),
}


@router.get("")
async def my_notifications(request: Request, person: Person) -> Response:
    return await show(request, person, Form())


@router.post("")
async def change(request: Request, person: Person, form: Typed) -> Response:
    try:
        offered = choices_of(person, await notifications.preferences(person.gateway))
        wanted = {name: form[name] == "on" for name in offered}
        await notifications.change_preferences(person.gateway, **wanted)
    except Problem as problem:
        return await show(request, person, form.refused(problem))
    return redirect(request, "/compte/notifications", done="notifications_changed")


def choices_of(person: SignedIn, preferences: Preferences) -> dict[str, tuple[str, str]]:
    """Without the mails that this installation never sends."""
    all = FOR_CUSTOMERS if person.role == Role.CUSTOMER else FOR_STAFF
    return {name: all[name] for name in all if getattr(preferences, name) is not None}


async def show(request: Request, person: SignedIn, form: Form) -> Response:
    preferences = await notifications.preferences(person.gateway)
    return page(
        request,
        "account/notifications.html",
        person=person,
        tab="account",
        status=form.status,
        form=form,
        preferences=preferences,
        choices=choices_of(person, preferences),
    )
