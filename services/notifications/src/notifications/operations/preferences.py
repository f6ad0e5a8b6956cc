"""People's mail preferences, and the signed tokens of unsubscription links."""

import base64
import hashlib
import hmac
from uuid import UUID

from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import clock
from chassis.errors import NotFound
from contracts.notifications.api import Kind, PreferencesChange
from notifications.models import PREFERENCE_NAMES, Preferences

LABEL = b"guichet unsubscription 1\0"  # the secret signs other things, too: keeps them apart


class UnsubscriptionUnknown(NotFound):
    code = "unsubscription_unknown"


async def change(session: AsyncSession, person_id: UUID, change: PreferencesChange) -> Preferences:
    """Fields that are not given stay as they are."""
    preferences = await for_update(session, person_id)
    at = clock.now()
    for name, wanted in change.model_dump(exclude_none=True).items():
        preferences.change(name, wanted, at=at)
    await session.flush()
    return preferences


async def unsubscribe(
    session: AsyncSession, person_id: UUID, kind: Kind, *, wanted: bool
) -> Preferences:
    """No more mails of this kind, or (`wanted`) again. Idempotent."""
    preferences = await for_update(session, person_id)
    preferences.change(PREFERENCE_NAMES[kind], wanted, at=clock.now())
    await session.flush()
    return preferences


async def for_update(session: AsyncSession, person_id: UUID) -> Preferences:
    """This person's row, locked; inserted with the defaults if there is none yet."""
    defaults = Preferences(person_id=person_id)
    values = {column.key: getattr(defaults, column.key) for column in Preferences.__table__.columns}
    await session.execute(postgresql.insert(Preferences).values(values).on_conflict_do_nothing())
    return await session.get_one(
        Preferences, person_id, with_for_update=True, populate_existing=True
    )


# --- Tokens -----------------------------------------------------------------------------------


def token_for(secret: str, person_id: UUID, kind: Kind) -> str:
    """Its bearer may stop mails of this kind to this person, and start them again."""
    payload = f"{person_id.hex}.{kind}"
    return f"{payload}.{signature(secret, payload)}"


def read_token(secret: str, token: str) -> tuple[UUID, Kind]:
    """The person and the kind of mail; raises UnsubscriptionUnknown for a token we did not sign."""
    payload, _, signed = token.rpartition(".")
    if not secret or not hmac.compare_digest(signature(secret, payload).encode(), signed.encode()):
        raise UnsubscriptionUnknown("no such subscription")
    person, _, kind = payload.partition(".")
    return UUID(hex=person), Kind(kind)


def signature(secret: str, payload: str) -> str:
    digest = hmac.digest(secret.encode(), LABEL + payload.encode(), hashlib.sha256)
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
