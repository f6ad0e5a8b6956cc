"""One submission is recorded once, whatever is clicked, repeated or retried."""

import hashlib
import hmac
import json
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Header, Request
from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.auth import Caller, CurrentCaller
from chassis.database import Transaction
from chassis.errors import Malformed
from chassis.messaging import IdempotencyKey
from contracts.text import Body


class IdempotencyKeyReused(Malformed):
    code = "idempotency_key_reused"


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
        await take_turn(self.session, self.caller, self.key)
        first = await self.session.scalar(
            postgresql.insert(IdempotencyKey)
            .values(**self.identity(self.key), fingerprint=found)
            .on_conflict_do_nothing()
            .returning(IdempotencyKey.route)
        )
        if first is not None:
            return None
        kept = await self.session.scalar(
            select(IdempotencyKey).filter_by(**self.identity(self.key))
        )
        if kept is None or not hmac.compare_digest(kept.fingerprint, found):
            raise IdempotencyKeyReused("this Idempotency-Key came with another request before")
        return kept.made_id

    async def remember(self, made_id: UUID) -> None:
        if self.key is not None:
            await self.session.execute(
                update(IdempotencyKey).filter_by(**self.identity(self.key)).values(made_id=made_id)
            )

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
    await take_turn(session, caller, key)
    return await session.scalar(
        select(IdempotencyKey.made_id)
        .where(
            IdempotencyKey.caller_id == caller.id,
            IdempotencyKey.key_hash == hashed(key),
            IdempotencyKey.made_id.is_not(None),
        )
        .limit(1)
    )


async def take_turn(session: AsyncSession, caller: Caller, key: str) -> None:
    """One transaction at a time for each composition."""
    turn = int.from_bytes(hashed(f"{caller.id}/{key}")[:8], signed=True)
    await session.execute(select(func.pg_advisory_xact_lock(turn)))


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
