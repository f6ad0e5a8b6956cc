"""What people have begun to write."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.auth import Caller
from contracts.tickets import api
from tickets.models import Draft, is_staff


async def draft(
    session: AsyncSession, caller: Caller, number: int | None
) -> api.Draft | api.StaffDraft | None:
    """One's own, about a request or, without a number, about one not opened yet."""
    kept = await session.execute(
        select(*Draft.__table__.columns).where(
            Draft.person_id == caller.id,
            Draft.number.is_(None) if number is None else Draft.number == number,
        )
    )
    row = kept.one_or_none()
    if row is None:
        return None
    return (api.StaffDraft if is_staff(caller) else api.Draft).model_validate(row)
