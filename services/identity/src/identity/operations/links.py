"""Creates links that are sent by mail, and revokes them."""

import asyncio
import math
import time
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import clock
from chassis.data.database import Database, new_id
from chassis.errors import Refusal, TooMany
from chassis.messaging.outbox import publish
from contracts.identity.events import LinkRequested
from contracts.identity.purposes import Purpose
from identity.models import LINKS_LAST, NOT_ENDED, Account, Link
from identity.operations import attempts
from identity.queries import accounts

COUNTED_OVER = timedelta(hours=1)


class MailUnavailable(Refusal):
    code = "mail_unavailable"


class AccountDisabled(Refusal):
    code = "account_disabled"


class TooManyLinks(TooMany):
    code = "too_many_links"


def require_mail(mail: bool, *, field: str | None = None) -> None:
    if not mail:
        raise MailUnavailable("no mail can be sent here, so no link either", field=field)


# --- A forgotten password -----------------------------------------------------------------------


async def request_password_link(
    database: Database, email: str, *, address: str, seconds: float, an_hour: int
) -> None:
    """Send a link to the account with this address, if there is one that may sign in.

    The answer reveals nothing: it always takes `seconds`. After `an_hour` links none is sent, and
    the last one stays valid. Too many requests from one network address: 429 `too_many_attempts`.
    """
    started = time.monotonic()
    async with database.transaction() as session:
        await attempts.ask_for_link(session, address=address)
    async with database.transaction() as session:
        known = await accounts.account_by_email(session, email)
        account = await accounts.locked(session, known.id) if known else None
        if account is not None and account.enabled:
            recent = await requested_lately(session, account, Purpose.PASSWORD)
            if len(recent) < an_hour:
                await request(session, account, Purpose.PASSWORD, account.email)
    await reach(next_deadline(started, time.monotonic(), seconds))


def next_deadline(started: float, now: float, seconds: float) -> float:
    """The first time after `now` that is a multiple of `seconds` after the start.

    So the duration reveals nothing even when the work takes longer.
    """
    return started + seconds * math.ceil((now - started) / seconds) if seconds else now


async def reach(moment: float) -> None:
    """Sleep until this time of the monotonic clock."""
    await asyncio.sleep(moment - time.monotonic())


# --- Of any purpose -----------------------------------------------------------------------------


async def invite(session: AsyncSession, account: Account) -> Link:
    """A link to choose a password, the first or a new one; the account is new, or locked.

    It is valid for long in both cases: staff sent it, and its receiver may not be waiting for it.
    """
    if not account.enabled:
        raise AccountDisabled("this account is disabled")
    purpose = Purpose.PASSWORD if account.has_password else Purpose.INVITATION
    lasting = LINKS_LAST[Purpose.INVITATION]
    return await request(session, account, purpose, account.email, lasting=lasting)


async def invite_again(session: AsyncSession, account: Account, *, an_hour: int) -> Link:
    """Invite an existing account again; 429 `too_many_links` counts links by all staff together."""
    sent = [
        moment
        for purpose in (Purpose.PASSWORD, Purpose.INVITATION)
        for moment in await requested_lately(session, account, purpose, by_staff=True)
    ]
    refuse_many(sorted(sent), an_hour)
    return await invite(session, account)


async def request_for_address(
    session: AsyncSession, account: Account, email: str, *, an_hour: int
) -> Link:
    """A link to confirm a new address; 429 `too_many_links`, so that nobody's mailbox is flooded."""
    refuse_many(await requested_lately(session, account, Purpose.EMAIL), an_hour)
    return await request(session, account, Purpose.EMAIL, email)


def refuse_many(recent: Sequence[datetime], most: int) -> None:
    if len(recent) >= most:
        wait = recent[-most] + COUNTED_OVER - clock.now()
        raise TooManyLinks(
            f"at most {most} links in an hour",
            context={"most": most},
            retry_after=max(1, wait.total_seconds()),
        )


async def request(
    session: AsyncSession,
    account: Account,
    purpose: Purpose,
    email: str,
    *,
    lasting: timedelta | None = None,
) -> Link:
    """Replaces earlier links of this purpose, and publishes the request for the mail.

    The account is new, or locked: links of one account change one after the other.
    """
    now = clock.now()
    await revoke(session, account.id, purpose)
    link = Link(
        id=new_id(),
        account_id=account.id,
        purpose=purpose,
        email=email,
        requested_at=now,
        expires_at=now + (lasting or LINKS_LAST[purpose]),
    )
    session.add(link)
    publish(
        session,
        LinkRequested(
            account_id=account.id,
            link_id=link.id,
            purpose=purpose,
            requested_at=link.requested_at,
            expires_at=link.expires_at,
        ),
    )
    await session.flush()
    return link


async def requested_lately(
    session: AsyncSession, account: Account, purpose: Purpose, *, by_staff: bool = False
) -> list[datetime]:
    """When links of this purpose were requested in the last hour, oldest first.

    Links sent by staff are counted apart from those that people request themselves.
    """
    lasting = LINKS_LAST[Purpose.INVITATION if by_staff else purpose]
    recent = await session.scalars(
        select(Link.requested_at)
        .where(
            Link.account_id == account.id,
            Link.purpose == purpose,
            Link.expires_at - Link.requested_at == lasting,
            Link.requested_at > clock.now() - COUNTED_OVER,
        )
        .order_by(Link.requested_at)
    )
    return list(recent)


async def revoke(session: AsyncSession, account_id: UUID, purpose: Purpose) -> None:
    await revoke_all(session, account_id, but=set(Purpose) - {purpose})


async def revoke_all(
    session: AsyncSession, account_id: UUID, *, but: Collection[Purpose] = ()
) -> None:
    """Revoke all links of this account, including one for a new address."""
    await session.execute(
        update(Link)
        .where(Link.account_id == account_id, Link.purpose.not_in(but), NOT_ENDED)
        .values(revoked_at=clock.now())
    )


async def follow_address(session: AsyncSession, account: Account) -> None:
    """Revoke links sent to the previous address; links still to be sent go to the new one.

    A pending address is dropped.
    """
    await session.execute(
        update(Link)
        .where(Link.account_id == account.id, NOT_ENDED)
        .values(email=account.email, secret_hashes=[])
    )
