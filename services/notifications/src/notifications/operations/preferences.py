"""What people wish to be told, and the tokens by which a mail lets them end it."""

import base64
import hashlib
import hmac
from uuid import UUID

from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import clock
from chassis.errors import NotFound
from contracts.notifications.api import Kind, PreferencesChange
from notifications.models import WISHES, Wishes

LABEL = b"guichet unsubscription 1\0"  # the secret has other uses: none can stand for this one


class UnsubscriptionUnknown(NotFound):
    code = "unsubscription_unknown"


async def change_wishes(
    session: AsyncSession, person_id: UUID, change: PreferencesChange
) -> Wishes:
    """What is not given stays."""
    wishes = await wishes_to_change(session, person_id)
    at = clock.now()
    for name, wanted in change.model_dump(exclude_none=True, exclude={"language"}).items():
        wishes.change(name, wanted, at=at)
    wishes.language = change.language or wishes.language
    await session.flush()
    return wishes


async def unsubscribe(
    session: AsyncSession, person_id: UUID, kind: Kind, *, wanted: bool
) -> Wishes:
    """No more mails of this kind, or (`wanted`) again; said again, it changes nothing."""
    wishes = await wishes_to_change(session, person_id)
    wishes.change(WISHES[kind], wanted, at=clock.now())
    await session.flush()
    return wishes


async def wishes_to_change(session: AsyncSession, person_id: UUID) -> Wishes:
    """This person's row, locked; made if there is none yet."""
    silent = Wishes(person_id=person_id)
    values = {column.key: getattr(silent, column.key) for column in Wishes.__table__.columns}
    await session.execute(postgresql.insert(Wishes).values(values).on_conflict_do_nothing())
    return await session.get_one(Wishes, person_id, with_for_update=True, populate_existing=True)


# --- Tokens -----------------------------------------------------------------------------------


def token_for(secret: str, person_id: UUID, kind: Kind) -> str:
    """Whoever shows it may end such mails to this person and take that back, and nothing else."""
    named = f"{person_id.hex}.{kind}"
    return f"{named}.{signature(secret, named)}"


def read_token(secret: str, token: str) -> tuple[UUID, Kind]:
    """Whose mails of which kind; 404 `unsubscription_unknown` for what we have not signed."""
    named, _, signed = token.rpartition(".")
    if not secret or not hmac.compare_digest(signature(secret, named).encode(), signed.encode()):
        raise UnsubscriptionUnknown("no such subscription")
    person, _, kind = named.partition(".")
    return UUID(hex=person), Kind(kind)


def signature(secret: str, named: str) -> str:
    made = hmac.digest(secret.encode(), LABEL + named.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(made).decode().rstrip("=")
