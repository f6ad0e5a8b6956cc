"""Look up accounts, sessions and links."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import bindparam, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import clock
from chassis.data.reading import Reader
from chassis.errors import NotFound, Unauthenticated
from chassis.http.auth import Caller
from contracts.identity import api
from contracts.identity.emails import email_key
from contracts.identity.purposes import Purpose
from contracts.identity.roles import Role
from identity.models import CUSTOMERS, NOT_ENDED, STAFF_MEMBERS, Account, Link, Session


class CustomerUnknown(NotFound):
    code = "customer_unknown"


class StaffMemberUnknown(NotFound):
    code = "staff_member_unknown"


async def account_by_email(session: AsyncSession, email: str) -> Account | None:
    return await session.scalar(select(Account).where(Account.email_key == email_key(email)))


async def locked(session: AsyncSession, account_id: UUID) -> Account | None:
    """The account's current state, locked until the transaction ends."""
    return await session.get(
        Account, account_id, with_for_update={"key_share": True}, populate_existing=True
    )


async def customer(session: AsyncSession, customer_id: UUID, *, lock: bool = False) -> Account:
    found = await (locked if lock else find)(session, customer_id)
    if found is None or not found.is_customer:
        raise CustomerUnknown("there is no such customer")
    return found


async def find(session: AsyncSession, account_id: UUID) -> Account | None:
    return await session.get(Account, account_id)


PENDING_EMAIL = (
    select(Link.email)
    .where(
        Link.account_id == Account.id,
        Link.purpose == Purpose.EMAIL,
        NOT_ENDED,
        Link.expires_at > bindparam("now"),
    )
    .scalar_subquery()
)
OWN_ACCOUNT = select(
    *(getattr(Account, name) for name in api.Account.model_fields if name != "pending_email"),
    PENDING_EMAIL.label("pending_email"),
).where(Account.id == bindparam("account_id"), Account.enabled)


async def account(reader: Reader, account_id: UUID) -> api.Account:
    """The account as its owner sees it, including a new address that is not confirmed yet."""
    values = {"account_id": account_id, "now": clock.now()}
    found = (await reader.execute(OWN_ACCOUNT, values)).one_or_none()
    if found is None:
        raise Unauthenticated("this account can no longer be used")
    return api.Account.model_validate(found)


STILL_OPEN = (
    select(Session.id)
    .join(Account, Account.id == Session.account_id)
    .where(
        Session.id == bindparam("session_id"),
        Session.revoked_at.is_(None),
        Session.expires_at > bindparam("now"),
        Account.id == bindparam("account_id"),
        Account.enabled,
        Account.role == bindparam("role"),
    )
)


async def is_still_open(reader: Reader, caller: Caller) -> bool:
    """Whether the session, account and role in a token are still valid."""
    values = {
        "session_id": caller.session_id,
        "account_id": caller.id,
        "role": caller.role,
        "now": clock.now(),
    }
    return await reader.scalar(STILL_OPEN, values) is not None


BY_IDS = (
    select(Account.password_hash.is_not(None).label("has_password"))
    .add_columns(
        *(getattr(Account, name) for name in api.Customer.model_fields if name != "has_password")
    )
    .where(CUSTOMERS, Account.id.in_(bindparam("ids", expanding=True)))
    .order_by(Account.name_key, Account.id)
)


async def customers(reader: Reader, ids: Sequence[UUID]) -> list[api.Customer]:
    """The customers with these ids, sorted by name; unknown ids are left out."""
    return [api.Customer.model_validate(row) for row in await reader.execute(BY_IDS, {"ids": ids})]


OPEN_SESSIONS = (
    select(
        *(getattr(Session, name) for name in api.Session.model_fields if name != "current"),
        Session.id.is_not_distinct_from(bindparam("current")).label("current"),
    )
    .where(
        Session.account_id == bindparam("account_id"),
        Session.revoked_at.is_(None),
        Session.expires_at > bindparam("now"),
    )
    .order_by(Session.last_used_at.desc(), Session.id)
)


async def open_sessions(
    reader: Reader, account_id: UUID, *, current: UUID | None = None
) -> list[api.Session]:
    """The account's open sessions, the most recently used first."""
    values = {"account_id": account_id, "current": current, "now": clock.now()}
    return [api.Session.model_validate(row) for row in await reader.execute(OPEN_SESSIONS, values)]


async def customer_for_staff(reader: Reader, customer_id: UUID) -> api.Customer:
    """Raises CustomerUnknown."""
    for found in await customers(reader, [customer_id]):
        return found
    raise CustomerUnknown("there is no such customer")


async def staff_member(session: AsyncSession, member_id: UUID, *, lock: bool = False) -> Account:
    found = await (locked if lock else find)(session, member_id)
    if found is None or not found.is_staff:
        raise StaffMemberUnknown("there is no such staff member")
    return found


STAFF_BY_NAME = (
    select(
        *(
            getattr(Account, name)
            for name in api.StaffMember.model_fields
            if name not in {"has_password", "last_used_at"}
        ),
        Account.password_hash.is_not(None).label("has_password"),
        func.max(Session.last_used_at).label("last_used_at"),
    )
    .outerjoin(Session, Session.account_id == Account.id)
    .where(STAFF_MEMBERS)
    .group_by(Account.id)
    .order_by(Account.name_key, Account.id)
)


async def staff(reader: Reader) -> list[api.StaffMember]:
    """All staff by name, with the last use of any of their sessions."""
    return [api.StaffMember.model_validate(row) for row in await reader.execute(STAFF_BY_NAME)]


async def described_staff_member(session: AsyncSession, member_id: UUID) -> api.StaffMember:
    account = await staff_member(session, member_id)
    last_used_at = await session.scalar(
        select(func.max(Session.last_used_at)).where(Session.account_id == member_id)
    )
    return described(account, last_used_at)


def described(account: Account, last_used_at: datetime | None) -> api.StaffMember:
    member = api.StaffMember.model_validate(account)
    return member.model_copy(update={"last_used_at": last_used_at})


async def lock_administrators(session: AsyncSession) -> list[UUID]:
    """The administrators who can sign in, locked until the transaction ends."""
    return list(
        await session.scalars(
            select(Account.id)
            .where(
                STAFF_MEMBERS,
                Account.role == Role.ADMINISTRATOR,
                Account.enabled,
                Account.password_hash.is_not(None),
            )
            .order_by(Account.id)
            .with_for_update(key_share=True)
        )
    )
