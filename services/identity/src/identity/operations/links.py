"""Ask for links that are sent by mail, and end them."""

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
    """A link for the account that has this address, if there is one and it may sign in.

    Whoever asks learns nothing: it takes `seconds`, whatever is found and done, and after so many
    links `an_hour` none is sent: the last one still opens. Too many askings from one network
    address are refused: 429 `too_many_attempts`.
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
    """The first moment after `now` that is a whole number of `seconds` after the start.

    So even on a bad day, when the work takes longer, its end does not show.
    """
    return started + seconds * math.ceil((now - started) / seconds) if seconds else now


async def reach(moment: float) -> None:
    """Wait for a moment of the monotonic clock."""
    await asyncio.sleep(moment - time.monotonic())


# --- Of any purpose -----------------------------------------------------------------------------


async def invite(session: AsyncSession, account: Account) -> Link:
    """To choose a password, the first or a new one; the account is new, or locked.

    Both last as long: staff has sent it, and whoever it is for may not be waiting for it.
    """
    if not account.enabled:
        raise AccountDisabled("this account is disabled")
    purpose = Purpose.PASSWORD if account.has_password else Purpose.INVITATION
    lasting = LINKS_LAST[Purpose.INVITATION]
    return await request(session, account, purpose, account.email, lasting=lasting)


async def invite_again(session: AsyncSession, account: Account, *, an_hour: int) -> Link:
    """Whoever has an account already; 429 `too_many_links`, whichever of the staff sent them."""
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
    """To show that a new address is theirs; 429 `too_many_links`, for nobody's mailbox is flooded."""
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
    """The only link of this purpose from now on, announced for whoever sends the mail.

    The account is new, or locked: links of one account are changed one after the other.
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
    """When links of this purpose were asked for in the last hour, oldest first.

    Those that staff sent last as long as an invitation: they are not held against whoever asks
    for one, nor the other way round.
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
    """Whatever waits for this account: links to choose a password, and a new address with them."""
    await session.execute(
        update(Link)
        .where(Link.account_id == account_id, Link.purpose.not_in(but), NOT_ENDED)
        .values(revoked_at=clock.now())
    )


async def follow_address(session: AsyncSession, account: Account) -> None:
    """What was sent to the address before opens nothing; what is still to be sent goes to this.

    No other address is waiting any more.
    """
    await session.execute(
        update(Link)
        .where(Link.account_id == account.id, NOT_ENDED)
        .values(email=account.email, secret_hashes=[])
    )
