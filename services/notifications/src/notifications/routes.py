"""The notifications HTTP API."""

from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request

from chassis import clock
from chassis.data.database import Reading, Transaction
from chassis.http.auth import Caller, require_role
from chassis.http.routing import Routes
from chassis.http.session_check import require_session
from contracts.identity.roles import STAFF, Role
from contracts.notifications import api
from contracts.numbers import LONGEST_NUMBER
from contracts.paging import CURSOR_LENGTH, PAGE, PAGE_MOST
from notifications import models, queries
from notifications.operations import mails, preferences

router = Routes("notifications")

Person = Annotated[Caller, Depends(require_role(*Role))]
Staff = Annotated[Caller, Depends(require_role(*STAFF))]
VerifiedStaff = Annotated[Caller, Depends(require_session(*STAFF))]
Administrator = Annotated[Caller, Depends(require_session(Role.ADMINISTRATOR))]
Limit = Annotated[int, Query(ge=1, le=PAGE_MOST)]
After = Annotated[
    str | None, Query(max_length=CURSOR_LENGTH, description="`next` of the page before.")
]
TicketNumber = Annotated[int, Query(ge=0, lt=10**LONGEST_NUMBER)]


async def secret(request: Request) -> str:
    """The key that signs unsubscription links; empty where no mail is sent."""
    configured = request.app.state.settings.notifications_secret
    return configured.get_secret_value() if configured else ""


Secret = Annotated[str, Depends(secret)]


# --- Preferences ------------------------------------------------------------------------------


@router.get("/preferences")
async def read_preferences(request: Request, person: Person, reader: Reading) -> api.Preferences:
    """Which mails you get."""
    return described(request, await queries.preferences(reader, person.id))


@router.patch("/preferences")
async def change_preferences(
    request: Request, change: api.PreferencesChange, person: Person, session: Transaction
) -> api.Preferences:
    """Change which mails you get; fields that are not given stay as they are."""
    return described(request, await preferences.change(session, person.id, change))


def described(request: Request, stored: models.Preferences) -> api.Preferences:
    """`acknowledgements` is null where this installation sends none."""
    shown = api.Preferences.model_validate(stored)
    if not request.app.state.settings.mail_acknowledge:
        shown.acknowledgements = None
    return shown


@router.post("/unsubscriptions/read")
async def read_unsubscription(
    given: api.Unsubscription, reader: Reading, secret: Secret
) -> api.Unsubscribed:
    """The kind of mail that an unsubscription link stops. Needs no sign-in, changes nothing."""
    person_id, kind = preferences.read_token(secret, given.token)
    return unsubscribed(await queries.preferences(reader, person_id), kind)


@router.post("/unsubscriptions")
async def unsubscribe(
    given: api.UnsubscriptionChange, session: Transaction, secret: Secret
) -> api.Unsubscribed:
    """Stop mails of this kind to this person, or start them again. Needs no sign-in. Idempotent."""
    person_id, kind = preferences.read_token(secret, given.token)
    changed = await preferences.unsubscribe(session, person_id, kind, wanted=given.wanted)
    return unsubscribed(changed, kind)


def unsubscribed(stored: models.Preferences, kind: api.Kind) -> api.Unsubscribed:
    return api.Unsubscribed(kind=kind, wanted=stored.wants(kind))


# --- Sent and failed mails --------------------------------------------------------------------


@router.get("/deliveries")
async def list_deliveries(ticket_number: TicketNumber, _: Staff, reader: Reading) -> api.Deliveries:
    """The customer's mails about this request and their outcomes, newest first."""
    return await queries.deliveries(reader, ticket_number)


@router.get("/undelivered")
async def list_undelivered(
    _: VerifiedStaff, session: Transaction, limit: Limit = PAGE, after: After = None
) -> api.UndeliveredMails:
    """Failed mails, newest first."""
    return await queries.undelivered(session, at=clock.now(), limit=limit, after=after)


@router.post("/mails/{mail_id}/resend")
async def resend_mail(mail_id: UUID, _: VerifiedStaff, session: Transaction) -> api.Delivery:
    """Send a failed mail again, to the person's current address. Idempotent."""
    mail = await mails.resend(session, mail_id)
    return queries.delivery(await queries.due(session, mail))


@router.get("/queue")
async def read_queue(_: Administrator, reader: Reading) -> api.Queue:
    """The state of the mail queue."""
    return await queries.queue(reader, at=clock.now())
