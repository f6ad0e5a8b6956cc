"""Look up links, by their id or by one of their secrets."""

from uuid import UUID

from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.errors import NotFound
from contracts.identity import api
from identity import tokens
from identity.models import Account, Link
from identity.queries import accounts


class LinkUnknown(NotFound):
    code = "link_unknown"


def with_id(link_id: UUID) -> ColumnElement[bool]:
    return Link.id == link_id


def with_secret(secret: str) -> ColumnElement[bool]:
    return Link.secret_hashes.contains([tokens.secret_hash(secret)])


async def requested_link(session: AsyncSession, link_id: UUID) -> api.RequestedLink:
    """The link that an earlier request with the same Idempotency-Key created."""
    return api.RequestedLink.model_validate(await session.get(Link, link_id))


async def link(
    session: AsyncSession, which: ColumnElement[bool], *, lock: bool = False
) -> tuple[Link, Account]:
    """The link and its account; locked, the account first, until the transaction ends."""
    find = accounts.locked if lock else accounts.find
    account_id = await session.scalar(select(Link.account_id).where(which))
    account = await find(session, account_id) if account_id else None
    # Read it again now that it is locked: its secrets may have been deleted meanwhile.
    found = await session.scalar(
        select(Link).where(which).execution_options(populate_existing=True)
    )
    if found is None or account is None:
        raise LinkUnknown("no link is opened by this")
    return found, account
