"""Operations of administrators on staff accounts."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import clock
from chassis.data.database import new_id
from chassis.errors import Refusal
from contracts.identity import api
from contracts.identity.roles import Role
from identity.models import Account, Link
from identity.operations import links, sessions
from identity.operations.accounts import announce, unique_address
from identity.queries import accounts


class LastAdministrator(Refusal):
    code = "last_administrator"


async def register_staff_member(
    session: AsyncSession, new: api.NewStaffMember, password_hash: str | None
) -> Account:
    """Without a password, the member gets an invitation by mail."""
    member = Account(
        id=new_id(),
        role=new.role,
        first_name=new.first_name,
        last_name=new.last_name,
        email=new.email,
        password_hash=password_hash,
        registered_at=clock.now(),
    )
    async with unique_address(session):
        session.add(member)
    announce(session, member)
    if not member.has_password:
        await links.invite(session, member)
    return member


async def invite_staff_member(session: AsyncSession, member_id: UUID, *, an_hour: int) -> Link:
    member = await accounts.staff_member(session, member_id, lock=True)
    return await links.invite_again(session, member, an_hour=an_hour)


async def change_staff_member(
    session: AsyncSession, member_id: UUID, change: api.StaffMemberChange
) -> Account:
    """Change the role, disable or enable; the member's sessions end.

    One administrator must remain: 409 `last_administrator`. All administrators are locked first, so
    that two of them cannot disable each other at the same time.
    """
    administrators = await accounts.lock_administrators(session)
    member = await accounts.staff_member(session, member_id, lock=True)
    is_new = member.change(**change.model_dump(exclude_none=True))
    stays = member.enabled and member.role == Role.ADMINISTRATOR
    if administrators == [member.id] and not stays:
        raise LastAdministrator("no other administrator could manage the staff")
    if is_new:
        announce(session, member)
        await sessions.close_sessions(session, member.id)
    if not member.enabled:
        await links.revoke_all(session, member.id)
    return member
