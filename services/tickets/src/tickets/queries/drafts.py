"""Reads drafts."""

from sqlalchemy import bindparam, select

from chassis.data.reading import AnyReader
from chassis.http.auth import Caller
from contracts.tickets import api
from tickets.models import Draft, is_staff

MINE = select(*Draft.__table__.columns).where(Draft.person_id == bindparam("person_id"))
OF_NEW = MINE.where(Draft.number.is_(None))
OF_ONE = MINE.where(Draft.number == bindparam("number"))


async def draft(
    reader: AnyReader, caller: Caller, number: int | None
) -> api.Draft | api.StaffDraft | None:
    """One's own, of a request or, without a number, of one not opened yet."""
    values = (
        {"person_id": caller.id} if number is None else {"person_id": caller.id, "number": number}
    )
    row = (await reader.execute(OF_NEW if number is None else OF_ONE, values)).one_or_none()
    if row is None:
        return None
    return (api.StaffDraft if is_staff(caller) else api.Draft).model_validate(row)
