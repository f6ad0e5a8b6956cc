"""The staff, sorted by name."""

from sqlalchemy import func, select

from chassis.data.reading import Reader
from contracts.tickets import api
from tickets.models import Person

MAX_STAFF = 500


async def staff_names(reader: Reader) -> api.StaffNames:
    """Including those who have left: what they answered can still be filtered by."""
    by_name = (
        select(Person.id, Person.name)
        .where(Person.kind == "staff")
        .order_by(func.lower(func.public.unaccent(Person.name)), Person.id)
        .limit(MAX_STAFF)
    )
    rows = await reader.execute(by_name)
    return api.StaffNames(staff=[api.StaffMemberName.model_validate(row) for row in rows])
