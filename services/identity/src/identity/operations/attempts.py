"""Slow down whoever keeps failing, or asking for links: all is counted, whatever is answered."""

import hashlib
import math
from datetime import UTC, datetime, timedelta

from sqlalchemy import update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.database import Database
from chassis.errors import TooMany
from contracts.identity.emails import email_key
from identity.models import Account, Slowdown
from identity.passwords import Passwords
from identity.queries import accounts


class TooManyAttempts(TooMany):
    code = "too_many_attempts"


async def prove(
    database: Database, passwords: Passwords, *, email: str, password: str, address: str
) -> Account | None:
    """The account whose password this is, if there is one that may sign in.

    The count is kept in transactions of its own, and none is open while the password is
    checked. An unknown account is counted, slowed down and checked like the others.
    """
    with passwords.place():
        async with database.transaction() as session:
            await begin(session, email=email, address=address)
            account = await accounts.account_by_email(session, email)
        right = await passwords.verify(account.password_hash if account else None, password)
    proven = account if account is not None and right and account.enabled else None
    async with database.transaction() as session:
        if proven is None:
            await count_failure(session, address=address)
        else:
            await forget_failures(session, email=email)
    return proven


async def begin(session: AsyncSession, *, email: str, address: str) -> None:
    """Count the attempt against the account, or refuse to look at it: 429 `too_many_attempts`.

    It is counted before its outcome is known, so that many attempts at once gain nothing.
    """
    now = datetime.now(UTC)
    from_there = await session.get(Slowdown, ("address", subject_of(address)))
    account = await locked(session, "account", email_key(email), now)
    refuse_before(max(known.wait(now) for known in (from_there, account) if known))
    account.count(now)


async def ask_for_link(session: AsyncSession, *, address: str) -> None:
    """Count an asking against this address, whichever account it is for, or refuse it."""
    now = datetime.now(UTC)
    asked = await locked(session, "link", address, now)
    refuse_before(asked.wait(now))
    asked.count(now)


def refuse_before(wait: timedelta) -> None:
    seconds = math.ceil(wait.total_seconds())
    if seconds > 0:
        raise TooManyAttempts(
            f"too many attempts; wait {seconds} s",
            context={"seconds": seconds},
            retry_after=seconds,
        )


async def count_failure(session: AsyncSession, *, address: str) -> None:
    now = datetime.now(UTC)
    (await locked(session, "address", address, now)).count(now)


async def forget_failures(session: AsyncSession, *, email: str) -> None:
    """The account has shown its password. Its address may still be trying others."""
    await session.execute(
        update(Slowdown)
        .filter_by(kind="account", subject=subject_of(email_key(email)))
        .values(failures=0)
    )


async def locked(session: AsyncSession, kind: str, name: str, now: datetime) -> Slowdown:
    """The count of this account or address, which nobody else changes until the end."""
    new = postgresql.insert(Slowdown).values(
        kind=kind, subject=subject_of(name), failures=0, last_failed_at=now
    )
    kept = new.on_conflict_do_update(
        index_elements=["kind", "subject"], set_={"failures": Slowdown.failures}
    )
    return (await session.scalars(kept.returning(Slowdown))).one()


def subject_of(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
