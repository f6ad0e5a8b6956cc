"""Reads drafts."""

from sqlalchemy import bindparam, select

from chassis.data.reading import Part, Reader, Rows
from chassis.http.auth import Caller
from contracts.tickets import api
from tickets.models import Draft, is_staff
from tickets.queries.files import OF_DRAFT

MINE = select(*Draft.__table__.columns, OF_DRAFT).where(Draft.person_id == bindparam("person_id"))
OF_NEW = MINE.where(Draft.number.is_(None))
OF_ONE = MINE.where(Draft.number == bindparam("number"))


def draft_part(caller: Caller, number: int | None) -> Part:
    """One's own, of a request or, without a number, of one not opened yet."""
    if number is None:
        return Part(OF_NEW, {"person_id": caller.id})
    return Part(OF_ONE, {"person_id": caller.id, "number": number})


def draft_of(caller: Caller, rows: Rows) -> api.Draft | api.StaffDraft | None:
    row = rows.one_or_none()
    if row is None:
        return None
    return (api.StaffDraft if is_staff(caller) else api.Draft).model_validate(row)


async def draft(
    reader: Reader, caller: Caller, number: int | None
) -> api.Draft | api.StaffDraft | None:
    [rows] = await reader.together(draft_part(caller, number))
    return draft_of(caller, rows)
