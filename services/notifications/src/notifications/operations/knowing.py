"""What is kept of people, requests and purchases, in whatever order it is told."""

import functools
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data.writing import straight
from notifications.models import Buyer, Person, Ticket


async def remember_person(session: AsyncSession, told: Person) -> Person | None:
    """Keep the newest state; returns the one before it, if this one was not the first.

    An older one that comes late changes nothing, and is returned as the one before only if it is
    just that: then what changed between the two is known at last.
    """
    fields = {column.key: getattr(told, column.key) for column in Person.__table__.columns}
    new = await session.scalar(
        postgresql.insert(Person).values(fields).on_conflict_do_nothing().returning(Person.id)
    )
    if new is not None:
        return None
    kept = await session.get_one(Person, told.id, with_for_update=True, populate_existing=True)
    before = Person(**{name: getattr(kept, name) for name in fields})
    if told.version <= kept.version:
        return told if told.version + 1 == kept.version else None
    for name, value in fields.items():
        setattr(kept, name, value)
    await session.flush()
    return before


async def newest_state(session: AsyncSession, person_id: UUID) -> Person:
    return await session.get_one(Person, person_id)


async def remember_ticket(
    session: AsyncSession, *, id: UUID, number: int, customer_id: UUID, **more: Any
) -> None:
    """What one event tells of a request; versions only grow, and nothing known is forgotten.

    The row stays locked, so that what is queued about one request is queued by one at a time.
    """
    values = dict.fromkeys(VERSIONS, 0) | more
    values |= {"id": id, "number": number, "customer_id": customer_id}
    await (await straight(session)).execute(remembering_ticket(*more), values)


VERSIONS = ("customer_version", "staff_version")


@functools.cache
def remembering_ticket(*more: str) -> postgresql.Insert:
    columns = Ticket.__table__.c
    names = dict.fromkeys(("id", "number", "customer_id", *VERSIONS, *more))
    told = postgresql.insert(Ticket.__table__).values({name: bindparam(name) for name in names})  # ty: ignore[invalid-argument-type]
    kept: dict[str, Any] = {
        name: func.greatest(columns[name], told.excluded[name]) for name in VERSIONS
    }
    known = {name: func.coalesce(told.excluded[name], columns[name]) for name in more}
    return told.on_conflict_do_update(index_elements=["id"], set_=known | kept).inline()


async def remember_purchase(
    session: AsyncSession, *, customer_id: UUID, sale_id: UUID, at: datetime
) -> bool:
    """Whether it is the first of this customer that is heard of."""
    values = {"customer_id": customer_id, "first_sale_id": sale_id, "first_bought_at": at}
    return bool(await (await straight(session)).execute(FIRST_PURCHASE, values))


FIRST_PURCHASE = (
    postgresql.insert(Buyer.__table__)  # ty: ignore[invalid-argument-type]
    .values({column.name: bindparam(column.name) for column in Buyer.__table__.c})
    .on_conflict_do_nothing()
    .returning(Buyer.__table__.c.customer_id)
)
