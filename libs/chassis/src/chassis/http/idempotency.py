"""One submission is recorded once, whatever is clicked, repeated or retried."""

import hashlib
import hmac
import json
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Request
from sqlalchemy import BigInteger, Uuid, and_, bindparam, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data.database import Transaction
from chassis.data.writing import run_later, straight
from chassis.errors import Malformed
from chassis.http.auth import Caller, CurrentCaller
from chassis.messaging.outbox import SCHEMA, IdempotencyKey
from contracts.text import Body


class IdempotencyKeyReused(Malformed):
    code = "idempotency_key_reused"


KEYS = IdempotencyKey.__table__.c
NAMED = and_(
    KEYS.caller_id == bindparam("caller_id"),
    KEYS.route == bindparam("route"),
    KEYS.key_hash == bindparam("key_hash"),
)
TURN = select(func.pg_advisory_xact_lock(bindparam("turn", type_=BigInteger)))
# Waited for first: what the one before has written is met whenever this statement has begun.
FIRST = text(f"""
    WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(CAST(:turn AS bigint)))
    INSERT INTO {SCHEMA}.idempotency_keys (caller_id, route, key_hash, fingerprint)
    SELECT :caller_id, :route, :key_hash, :found FROM turn
    ON CONFLICT DO NOTHING RETURNING route
""")  # noqa: S608 - a constant
KEPT = select(KEYS.fingerprint, KEYS.made_id).where(NAMED)
MADE = update(IdempotencyKey.__table__).where(NAMED).values(made_id=bindparam("made", type_=Uuid))  # ty: ignore[invalid-argument-type]
MADE_UNDER = (
    select(KEYS.made_id)
    .where(
        KEYS.caller_id == bindparam("caller_id"),
        KEYS.key_hash == bindparam("key_hash"),
        KEYS.made_id.is_not(None),
    )
    .limit(1)
)


class Idempotency:
    """What a creating route asks before it makes something, and tells afterwards.

    The key is unique by caller and route. Its row is inserted first, so a concurrent twin waits
    for this transaction and then finds what it made; if this one fails, nothing is remembered.
    Only a hash of the key is stored, and the key itself keys the HMAC of the body: the row tells
    nothing about what was sent.
    """

    def __init__(
        self, session: Transaction, caller: CurrentCaller, route: str, key: str | None
    ) -> None:
        self.session, self.caller, self.route, self.key = session, caller, route, key

    async def made(self, body: Body) -> UUID | None:
        """The id of what the same request has made before, or None if this is the first.

        Raises 422 `idempotency_key_reused` if the key came with another body before.
        """
        if self.key is None:
            return None
        found = fingerprint(self.key, body)
        reader = await straight(self.session)
        identity = self.identity(self.key)
        turn = turn_of(self.caller, self.key)
        first = await reader.execute(FIRST, {**identity, "found": found, "turn": turn})
        if first:
            return None
        kept = (await reader.execute(KEPT, identity)).one_or_none()
        if kept is None or not hmac.compare_digest(kept.fingerprint, found):
            raise IdempotencyKeyReused("this Idempotency-Key came with another request before")
        return kept.made_id

    def remember(self, made_id: UUID) -> None:
        if self.key is not None:
            identity = self.identity(self.key)
            run_later(self.session, MADE, {**identity, "made": made_id})

    def identity(self, key: str) -> dict[str, object]:
        return {
            "caller_id": self.caller.id,
            "route": self.route,
            "key_hash": hashed(key),
        }


def hashed(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


async def made_under(session: AsyncSession, caller: Caller, key: str) -> UUID | None:
    """What this caller has made under this key; one who is making it is waited for.

    A draft has the key under which it will be sent: what comes later than that is no draft any
    more. The caller's transaction then holds up a sending until it ends.
    """
    reader = await straight(session)
    await reader.execute(TURN, {"turn": turn_of(caller, key)})
    return await reader.scalar(MADE_UNDER, {"caller_id": caller.id, "key_hash": hashed(key)})


def turn_of(caller: Caller, key: str) -> int:
    """The lock of one composition: one transaction at a time works on it."""
    return int.from_bytes(hashed(f"{caller.id}/{key}")[:8], signed=True)


def fingerprint(key: str, body: Body) -> bytes:
    """By what two requests under one key are told apart.

    It leaves out secrets (fields declared with repr=False), circumstances (see
    `contracts.text.Body`) and whatever has its default: a retry across an update that brings
    another optional field, or another order of fields, is the same request.
    """
    kind = type(body)
    secrets = {name for name, field in kind.model_fields.items() if not field.repr}
    given = body.model_dump(
        mode="json", exclude=secrets | kind.circumstances, exclude_defaults=True
    )
    canonical = json.dumps(given, sort_keys=True, separators=(",", ":"))
    return hmac.digest(key.encode(), canonical.encode(), "sha256")


async def idempotency(
    request: Request,
    session: Transaction,
    caller: CurrentCaller,
    idempotency_key: Annotated[str | None, Header(min_length=8, max_length=200)] = None,
) -> Idempotency:
    return Idempotency(session, caller, request.scope["path"], idempotency_key)


Once = Annotated[Idempotency, Depends(idempotency, scope="function")]
