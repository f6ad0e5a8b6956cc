"""Links that came by mail: their secrets, what they are for, their single use."""

from uuid import UUID

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import clock
from chassis.data.database import Database
from chassis.errors import Malformed, Refusal
from contracts.identity import api
from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role
from identity import tokens
from identity.models import Account, Link
from identity.operations.accounts import give_address, names_of, replace_password
from identity.passwords import Passwords
from identity.queries import accounts, links


class LinkUsed(Refusal):
    code = "link_used"


class LinkExpired(Refusal):
    """The link has expired, a newer one has replaced it, or its account is disabled."""

    code = "link_expired"


class PasswordRequired(Malformed):
    code = "required"


async def make_secret(session: AsyncSession, link_id: UUID) -> api.LinkSecret:
    """Add another secret that opens this link; earlier ones stay valid."""
    link, account = await usable(session, links.with_id(link_id), lock=True)
    if holder := await other_holder(session, link):
        return api.LinkSecret(
            secret="",
            purpose=Purpose(link.purpose),
            email=holder.email,
            first_name=holder.first_name,
            last_name=holder.last_name,
            expires_at=link.expires_at,
            taken=True,
        )
    secret = tokens.new_secret()
    link.keep_secret(tokens.secret_hash(secret))
    return api.LinkSecret(
        secret=secret,
        purpose=Purpose(link.purpose),
        email=link.email,
        first_name=account.first_name,
        last_name=account.last_name,
        expires_at=link.expires_at,
    )


async def make_refusal(session: AsyncSession, link_id: UUID) -> api.LinkSecret:
    """A secret for the current address, by which its reader can refuse the change."""
    link, account = await usable(session, links.with_id(link_id), lock=True)
    if link.purpose != Purpose.EMAIL:
        raise links.LinkUnknown("this link requests no change of address")
    secret = tokens.new_refusal()
    link.keep_secret(tokens.secret_hash(secret))
    return api.LinkSecret(
        secret=secret,
        purpose=Purpose.EMAIL,
        email=account.email,
        first_name=account.first_name,
        last_name=account.last_name,
        expires_at=link.expires_at,
        new_email=link.email,
    )


async def other_holder(session: AsyncSession, link: Link) -> Account | None:
    """The account that already has the address another one asks for; only it is notified."""
    if link.purpose != Purpose.EMAIL:
        return None
    holder = await accounts.account_by_email(session, link.email)
    return holder if holder is not None and holder.id != link.account_id else None


async def read(session: AsyncSession, secret: str) -> api.Link:
    """Reading is no use: mail programs open links before people do."""
    link, account = await usable(session, links.with_secret(secret))
    return api.Link(
        purpose=Purpose(link.purpose),
        first_name=account.first_name,
        last_name=account.last_name,
        email=link.email,
        role=Role(account.role),
        expires_at=link.expires_at,
        refuses=tokens.is_refusal(secret),
    )


async def use(database: Database, passwords: Passwords, given: api.LinkUse) -> api.UsedLink:
    """Set the new password, or the new address; only the first of several uses counts.

    With a new password all sessions end, and slow-downs are reset.
    """
    which = links.with_secret(given.secret)
    if tokens.is_refusal(given.secret):
        return await refuse(database, which)
    async with database.transaction() as session:
        link, account = await usable(session, which)
    password_hash = None
    if link.purpose != Purpose.EMAIL:
        password_hash = await chosen(passwords, given.password, account)
    async with database.transaction() as session:
        link, account = await usable(session, which, lock=True)
        link.used_at = clock.now()
        await session.flush()
        if password_hash is None:
            await give_address(session, account, link.email)
        else:
            await replace_password(session, account, password_hash)
    return api.UsedLink(purpose=Purpose(link.purpose), email=account.email)


async def refuse(database: Database, which: ColumnElement[bool]) -> api.UsedLink:
    """The address stays as it is. Idempotent, also after the link has ended."""
    async with database.transaction() as session:
        link, account = await links.link(session, which, lock=True)
        if link.used_at is not None:
            raise LinkUsed("the new address counts already")
        link.revoked_at = link.revoked_at or clock.now()
    return api.UsedLink(purpose=Purpose.EMAIL, email=account.email, refused=True)


async def chosen(passwords: Passwords, password: str | None, account: Account) -> str:
    if password is None:
        raise PasswordRequired("this link is for choosing a password", field="password")
    return await passwords.choose(password, field="password", owner=names_of(account))


async def usable(
    session: AsyncSession, which: ColumnElement[bool], *, lock: bool = False
) -> tuple[Link, Account]:
    """404 `link_unknown`, 409 `link_used` or `link_expired` unless it can be used."""
    link, account = await links.link(session, which, lock=lock)
    if link.used_at is not None:
        raise LinkUsed("this link has been used")
    if link.is_over(clock.now()) or not account.enabled:
        raise LinkExpired("this link is over; ask for another")
    return link, account
