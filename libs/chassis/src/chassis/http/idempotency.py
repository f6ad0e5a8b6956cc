"""Idempotency-Key: a request that is repeated or retried creates nothing a second time."""

import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Protocol, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Request
from sqlalchemy import BigInteger, Uuid, and_, bindparam, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data.database import Transaction
from chassis.data.reading import Part, Question, answers_of
from chassis.data.writing import reader_of, run_later
from chassis.errors import Malformed
from chassis.http.auth import Caller, CurrentCaller
from chassis.messaging.outbox import SCHEMA, IdempotencyKey
from contracts.text import Body


class IdempotencyKeyReused(Malformed):
    code = "idempotency_key_reused"


KEYS = IdempotencyKey.__table__.c
SAME_KEY = and_(
    KEYS.caller_id == bindparam("caller_id"),
    KEYS.route == bindparam("route"),
    KEYS.key_hash == bindparam("key_hash"),
)
LOCK = select(func.pg_advisory_xact_lock(bindparam("lock", type_=BigInteger)))
# The lock comes first: rows that its previous holder committed are seen by what follows it.
INSERT_KEY = text(f"""
    WITH locked AS MATERIALIZED (SELECT pg_advisory_xact_lock(CAST(:lock AS bigint)))
    INSERT INTO {SCHEMA}.idempotency_keys (caller_id, route, key_hash, fingerprint)
    SELECT :caller_id, :route, :key_hash, :digest FROM locked
    ON CONFLICT DO NOTHING RETURNING route
""")  # noqa: S608 - a constant
SELECT_KEY = select(KEYS.fingerprint, KEYS.made_id).where(SAME_KEY)
SET_MADE_ID = (
    update(IdempotencyKey.__table__)  # ty: ignore[invalid-argument-type]
    .where(SAME_KEY)
    .values(made_id=bindparam("made", type_=Uuid))
)
SELECT_MADE_ID = (
    select(KEYS.made_id)
    .where(
        KEYS.caller_id == bindparam("caller_id"),
        KEYS.key_hash == bindparam("key_hash"),
        KEYS.made_id.is_not(None),
    )
    .limit(1)
)


class HasId(Protocol):
    @property
    def id(self) -> UUID: ...


AnswerT = TypeVar("AnswerT")
MadeT = TypeVar("MadeT", bound=HasId)


class Idempotency:
    """Used by every route that creates something: `return await once.create(…)`.

    The key is unique by caller and route. Its row is inserted first, so a concurrent request with
    the same key waits for this transaction and then finds what it made; if this one fails, nothing
    is remembered. Only a hash of the key is stored, and the key itself keys the HMAC of the body:
    the row reveals nothing of what was sent.
    """

    def __init__(
        self, session: Transaction, caller: CurrentCaller, route: str, key: str | None
    ) -> None:
        self.session, self.caller, self.route, self.key = session, caller, route, key

    async def create(
        self,
        body: Body,
        make: Callable[..., Awaitable[MadeT]],
        read: Callable[[UUID], Awaitable[AnswerT]],
        *,
        show: Callable[[MadeT], AnswerT] | None = None,
        ahead: Sequence[Question[Any]] = (),
    ) -> AnswerT:
        """The answer for what `make` makes, which a repeated request does not make again.

        `make` is called with the answers to `ahead`, which are asked in one round trip with the
        key, after it. `read` reads the answer by id; `show`, where given, spares that for what was
        just made. Raises 422 `idempotency_key_reused` if the key came with another body before.
        """
        made_id, answers = await self.made(body, ahead)
        if made_id is None:
            made = await make(*answers)
            self.remember(made.id)
            if show is not None:
                return show(made)
            made_id = made.id
        return await read(made_id)

    async def made(
        self, body: Body, ahead: Sequence[Question[Any]] = ()
    ) -> tuple[UUID | None, Sequence[Any]]:
        """The id of what the same request has made before, or None with the answers to `ahead`."""
        if self.key is None:
            return None, await (await reader_of(self.session)).ask_all(*ahead) if ahead else ()
        reader = await reader_of(self.session)
        digest = fingerprint(self.key, body)
        identity = self.identity(self.key)
        lock = lock_of(self.caller, self.key)
        claim = Part(INSERT_KEY, {**identity, "digest": digest, "lock": lock})
        first, *rows = await reader.together(
            claim, *(part for each in ahead for part in each.parts)
        )
        if first:
            return None, answers_of(ahead, rows)
        stored = (await reader.execute(SELECT_KEY, identity)).one_or_none()
        if stored is None or not hmac.compare_digest(stored.fingerprint, digest):
            raise IdempotencyKeyReused("this Idempotency-Key came with another request before")
        return stored.made_id, ()

    def remember(self, made_id: UUID) -> None:
        if self.key is not None:
            identity = self.identity(self.key)
            run_later(self.session, SET_MADE_ID, {**identity, "made": made_id})

    def identity(self, key: str) -> dict[str, object]:
        return {
            "caller_id": self.caller.id,
            "route": self.route,
            "key_hash": hashed(key),
        }


def hashed(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


async def made_under(session: AsyncSession, caller: Caller, key: str) -> UUID | None:
    """The id of what this caller has created under this key, on whatever route; None if nothing.

    A draft carries the key under which it will be sent, so a draft that arrives after that is
    ignored. Waits for a request that is just creating it, and makes such a one wait until this
    transaction ends.
    """
    reader = await reader_of(session)
    await reader.execute(LOCK, {"lock": lock_of(caller, key)})
    return await reader.scalar(SELECT_MADE_ID, {"caller_id": caller.id, "key_hash": hashed(key)})


def lock_of(caller: Caller, key: str) -> int:
    """The advisory lock of this caller's key: one transaction at a time works under it."""
    return int.from_bytes(hashed(f"{caller.id}/{key}")[:8], signed=True)


def fingerprint(key: str, body: Body) -> bytes:
    """An HMAC of the body, to recognise another request under the same key.

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
