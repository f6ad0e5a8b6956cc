"""Updates local copies of other services' data: people, and which customer owns what."""

import functools
from typing import Any

from sqlalchemy import bindparam, func
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data.writing import run_later
from contracts.identity.events import CustomerChanged, StaffMemberChanged
from contracts.sales.events import SaleCancelled, SaleRecorded
from tickets.models import OwnedProduct, Person

# --- People -----------------------------------------------------------------------------------


async def remember_person(
    session: AsyncSession, event: CustomerChanged | StaffMemberChanged, **who: Any
) -> None:
    """Store the newest state; a late, older one changes nothing."""
    row = postgresql.insert(Person).values(
        **who,
        first_name=event.first_name,
        last_name=event.last_name,
        email=event.email,
        version=event.version,
    )
    await session.execute(
        row.on_conflict_do_update(
            index_elements=[Person.id],
            set_={
                name: row.excluded[name]
                for name in ("kind", "first_name", "last_name", "email", "registered_at", "version")
            },
            where=Person.version < row.excluded.version,
        )
    )


# --- Who owns what ----------------------------------------------------------------------------


async def add_ownership(session: AsyncSession, event: SaleRecorded) -> None:
    """Store a sale. If its cancellation arrived first, only the missing columns are filled in."""
    await remember_sale(session, event, "customer_id", "serial_number", "sold_on")


async def cancel_ownership(session: AsyncSession, event: SaleCancelled) -> None:
    """No new request may be opened on it; existing ones stay open."""
    await remember_sale(session, event, "cancelled")


async def remember_sale(
    session: AsyncSession, event: SaleRecorded | SaleCancelled, *changed: str
) -> None:
    """Insert a sale; for a known one update only `changed` columns and raise the version."""
    values = {
        "sale_id": event.sale_id,
        "customer_id": event.customer_id,
        "product_id": event.product.id,
        "reference": event.product.reference,
        "designation": event.product.designation,
        "serial_number": event.serial_number,
        "sold_on": event.sold_on if isinstance(event, SaleRecorded) else None,
        "cancelled": isinstance(event, SaleCancelled),
        "version": event.version,
    }
    run_later(session, remembering_sale(*changed), values)


@functools.cache
def remembering_sale(*changed: str) -> postgresql.Insert:
    columns = OwnedProduct.__table__.c
    row = postgresql.insert(OwnedProduct.__table__).values(  # ty: ignore[invalid-argument-type]
        {column.name: bindparam(column.name) for column in columns}
    )
    newest = func.greatest(columns.version, row.excluded.version)
    known = {name: row.excluded[name] for name in changed} | {"version": newest}
    return row.on_conflict_do_update(index_elements=["sale_id"], set_=known).inline()
