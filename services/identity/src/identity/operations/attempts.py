"""Slows down repeated failures and requests for links; everything counts, whatever the answer."""

import hashlib
import math
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import clock
from chassis.data.database import Database
from chassis.errors import TooMany
from contracts.identity.emails import email_key
from identity.models import Account, Slowdown
from identity.passwords import Passwords
from identity.queries import accounts
from identity.tokens import Browser

UNKNOWN_COUNTED_ONCE_IN = 5


class TooManyAttempts(TooMany):
    code = "too_many_attempts"


async def authenticate(
    database: Database,
    passwords: Passwords,
    *,
    email: str,
    password: str,
    address: str,
    browser: Browser,
) -> Account | None:
    """The account with this address and password, if it may sign in.

    Counters use transactions of their own, and none is open while the password is checked. An
    unknown account is counted, slowed down and checked like the others. A browser that has signed
    in to the account before has its own counter: others cannot lock its user out.
    """
    async with database.transaction() as session:
        account = await accounts.account_by_email(session, email)
        is_known = account is not None and browser.knows(account)
        own = ("browser", at_browser(browser, email)) if is_known else ("account", email_key(email))
        shared = () if is_known else (("address", address),)
        await refuse_who_waits(session, own, *shared)  # without queueing for a password check
    async with passwords.turn(email_key(email), address):
        # Counted before the outcome is known, so that parallel attempts gain nothing.
        async with database.transaction() as session:
            await refuse_who_waits(session, *shared)
            await begin(session, *own)
        right = await passwords.verify(account.password_hash if account else None, password)
    authenticated = account if account is not None and right and account.enabled else None
    async with database.transaction() as session:
        if authenticated is not None:
            await forget(session, *own)
        elif not is_known:
            await count_failure(session, address=address, unknown=account is None)
    return authenticated


async def refuse_who_waits(session: AsyncSession, *names: tuple[str, str]) -> None:
    """429 `too_many_attempts` while one of these, by kind and name, has to wait."""
    now = clock.now()
    counts = [await session.get(Slowdown, (kind, subject_of(name))) for kind, name in names]
    refuse_before(max((count.wait(now) for count in counts if count), default=timedelta(0)))


async def ask_for_link(session: AsyncSession, *, address: str) -> None:
    """Count a request for a link against this address, or refuse it."""
    await begin(session, "link", address)


async def try_address(session: AsyncSession, *, account_id: UUID) -> None:
    """Count a change to an address that another account may have, or refuse it."""
    await begin(session, "new_address", str(account_id))


async def begin(session: AsyncSession, kind: str, name: str) -> None:
    """Count one more of this kind, or refuse it."""
    now = clock.now()
    known = await locked(session, kind, name, now)
    refuse_before(known.wait(now))
    known.count(now)


def at_browser(browser: Browser, email: str) -> str:
    return f"{browser.id} {email_key(email)}"


def refuse_before(wait: timedelta) -> None:
    seconds = math.ceil(wait.total_seconds())
    if seconds > 0:
        raise TooManyAttempts(
            f"too many attempts; wait {seconds} s",
            context={"seconds": seconds},
            retry_after=seconds,
        )


async def count_failure(session: AsyncSession, *, address: str, unknown: bool) -> None:
    """Count against the address. For an unknown account only every fifth on average, until the
    address is slowed down: typing errors should not lock a shop out. At random, since a fixed rate
    would reveal which accounts exist.
    """
    now = clock.now()
    known = await locked(session, "address", address, now)
    if known.slows_down or not unknown or secrets.randbelow(UNKNOWN_COUNTED_ONCE_IN) == 0:
        known.count(now)


async def forget_failures(session: AsyncSession, *, email: str) -> None:
    """The account has a new password; failures of addresses still count."""
    await forget(session, "account", email_key(email))


async def forget(session: AsyncSession, kind: str, name: str) -> None:
    await session.execute(
        update(Slowdown).filter_by(kind=kind, subject=subject_of(name)).values(failures=0)
    )


async def locked(session: AsyncSession, kind: str, name: str, now: datetime) -> Slowdown:
    """The counter of this account or address, locked."""
    new = postgresql.insert(Slowdown).values(
        kind=kind, subject=subject_of(name), failures=0, last_failed_at=now
    )
    upsert = new.on_conflict_do_update(
        index_elements=["kind", "subject"], set_={"failures": Slowdown.failures}
    )
    fresh = {"populate_existing": True}
    return (await session.scalars(upsert.returning(Slowdown), execution_options=fresh)).one()


def subject_of(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()
