"""Routes by which administrators manage staff accounts."""

from uuid import UUID

from chassis.data.database import Reading, Transaction
from chassis.http.idempotency import Once
from chassis.http.routing import Routes
from contracts.identity import api
from identity.operations import accounts, links, staff
from identity.queries import accounts as account_queries
from identity.queries import links as link_queries
from identity.routes.parameters import (
    NO_BODY,
    Administrator,
    ThePasswords,
    TheSettings,
)

router = Routes("identity")


@router.post("/staff", status_code=201)
async def register_staff_member(
    *,
    new: api.NewStaffMember,
    _: Administrator,
    passwords: ThePasswords,
    settings: TheSettings,
    session: Transaction,
    once: Once,
) -> api.StaffMember:
    """Without a password an invitation is mailed; 409 `mail_unavailable` if no mail can be sent."""
    password_hash = await accounts.first_password(passwords, new, mail=settings.mail)
    return await once.create(
        new,
        lambda: staff.register_staff_member(session, new, password_hash),
        lambda member_id: account_queries.described_staff_member(session, member_id),
    )


@router.get("/staff")
async def staff_members(_: Administrator, reader: Reading) -> api.StaffMembers:
    return api.StaffMembers(staff=await account_queries.staff(reader))


@router.patch("/staff/{member_id}")
async def change_staff_member(
    member_id: UUID, change: api.StaffMemberChange, _: Administrator, session: Transaction
) -> api.StaffMember:
    """Change the role, disable or enable; sessions end. 409 `last_administrator`."""
    await staff.change_staff_member(session, member_id, change)
    return await account_queries.described_staff_member(session, member_id)


@router.post("/staff/{member_id}/links", status_code=201)
async def invite_staff_member(
    member_id: UUID, _: Administrator, session: Transaction, settings: TheSettings, once: Once
) -> api.RequestedLink:
    """Send a link to choose a password, valid for a day; it replaces earlier ones.

    429 `too_many_links` once enough were sent to this person in an hour.
    """
    links.require_mail(settings.mail)
    an_hour = settings.links_an_hour
    return await once.create(
        NO_BODY,
        lambda: staff.invite_staff_member(session, member_id, an_hour=an_hour),
        lambda link_id: link_queries.requested_link(session, link_id),
        show=api.RequestedLink.model_validate,
    )
