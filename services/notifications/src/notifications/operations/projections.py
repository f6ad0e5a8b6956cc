"""Copies of people, requests and purchases, built from events that arrive in any order."""

import functools
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, func
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data.writing import reader_of, run_later
from notifications.models import Buyer, Person, Ticket


async def remember_person(session: AsyncSession, incoming: Person) -> Person | None:
    """Store the newest state; returns the state before it, or None for the first.

    A late, older state changes nothing. It is returned if its version is the one just before the
    stored one: the caller can then compare the two.
    """
    fields = {column.key: getattr(incoming, column.key) for column in Person.__table__.columns}
    new = await session.scalar(
        postgresql.insert(Person).values(fields).on_conflict_do_nothing().returning(Person.id)
    )
    if new is not None:
        return None
    stored = await session.get_one(
        Person, incoming.id, with_for_update=True, populate_existing=True
    )
    before = Person(**{name: getattr(stored, name) for name in fields})
    if incoming.version <= stored.version:
        return incoming if incoming.version + 1 == stored.version else None
    for name, value in fields.items():
        setattr(stored, name, value)
    await session.flush()
    return before


async def newest_person(session: AsyncSession, person_id: UUID) -> Person:
    return await session.get_one(Person, person_id)


async def remember_ticket(
    session: AsyncSession, *, id: UUID, number: int, customer_id: UUID, **more: Any
) -> None:
    """Merge one event into the copy of a request: versions only grow, no column becomes empty.

    The row stays locked, so that mails about one request are queued one at a time.
    """
    values = dict.fromkeys(VERSIONS, 0) | more
    values |= {"id": id, "number": number, "customer_id": customer_id}
    run_later(session, upsert_ticket(*more), values)


VERSIONS = ("customer_version", "staff_version")


@functools.cache
def upsert_ticket(*more: str) -> postgresql.Insert:
    columns = Ticket.__table__.c
    names = dict.fromkeys(("id", "number", "customer_id", *VERSIONS, *more))
    incoming = postgresql.insert(Ticket.__table__).values({name: bindparam(name) for name in names})  # ty: ignore[invalid-argument-type]
    stored: dict[str, Any] = {
        name: func.greatest(columns[name], incoming.excluded[name]) for name in VERSIONS
    }
    filled = {name: func.coalesce(incoming.excluded[name], columns[name]) for name in more}
    return incoming.on_conflict_do_update(index_elements=["id"], set_=filled | stored).inline()


async def remember_purchase(
    session: AsyncSession, *, customer_id: UUID, sale_id: UUID, at: datetime
) -> bool:
    """Returns whether it is the first purchase of this customer that arrives."""
    values = {"customer_id": customer_id, "first_sale_id": sale_id, "first_bought_at": at}
    return bool(await (await reader_of(session)).execute(FIRST_PURCHASE, values))


FIRST_PURCHASE = (
    postgresql.insert(Buyer.__table__)  # ty: ignore[invalid-argument-type]
    .values({column.name: bindparam(column.name) for column in Buyer.__table__.c})
    .on_conflict_do_nothing()
    .returning(Buyer.__table__.c.customer_id)
)
