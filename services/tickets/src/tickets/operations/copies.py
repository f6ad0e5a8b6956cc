"""Local copies of what other services own: who people are, and who owns what."""

from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.identity.events import CustomerChanged, StaffMemberChanged
from contracts.sales.events import SaleCancelled, SaleRecorded
from tickets.models import OwnedProduct, Person

# --- People -----------------------------------------------------------------------------------


async def remember_person(
    session: AsyncSession, event: CustomerChanged | StaffMemberChanged, **who: Any
) -> None:
    """Store the newest state; an older one that comes late changes nothing."""
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

# The columns have the names of the event's fields, but for the product's three.
OF_PRODUCT = {"product_id": "id", "reference": "reference", "designation": "designation"}
SALE_COLUMNS = set(OwnedProduct.__table__.columns.keys()) & set(SaleRecorded.model_fields)


async def add_ownership(session: AsyncSession, event: SaleRecorded) -> None:
    """A cancellation that came before its sale stays: only what it could not tell is added."""
    row = owned(event, cancelled=False)
    fields = {name: row.excluded[name] for name in SALE_COLUMNS}
    await session.execute(
        row.on_conflict_do_update(
            index_elements=[OwnedProduct.sale_id], set_=fields | {"version": newest_version(row)}
        )
    )


async def cancel_ownership(session: AsyncSession, event: SaleCancelled) -> None:
    """No new request may be opened on it; those that exist go on."""
    row = owned(event, cancelled=True)
    await session.execute(
        row.on_conflict_do_update(
            index_elements=[OwnedProduct.sale_id],
            set_={"cancelled": True, "version": newest_version(row)},
        )
    )


def owned(event: SaleRecorded | SaleCancelled, *, cancelled: bool) -> postgresql.Insert:
    product = {name: getattr(event.product, field) for name, field in OF_PRODUCT.items()}
    sale = event.model_dump(include=SALE_COLUMNS)
    return postgresql.insert(OwnedProduct).values(**sale, **product, cancelled=cancelled)


def newest_version(row: postgresql.Insert) -> Any:
    return func.greatest(OwnedProduct.version, row.excluded.version)
