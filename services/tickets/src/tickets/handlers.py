"""What tickets learns from others: who people are, and who owns what."""

from typing import Any

from sqlalchemy import func
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.bus import Subscriptions
from contracts.identity.events import CustomerChanged, StaffMemberChanged
from contracts.sales.events import SaleCancelled, SaleRecorded
from contracts.tickets.events import Side
from tickets.models import OwnedProduct, Person

subscriptions = Subscriptions()


@subscriptions.on(CustomerChanged)
async def remember_customer(session: AsyncSession, event: CustomerChanged) -> None:
    await remember_person(
        session,
        event,
        id=event.customer_id,
        kind=Side.CUSTOMER,
        registered_at=event.registered_at,
    )


@subscriptions.on(StaffMemberChanged)
async def remember_staff_member(session: AsyncSession, event: StaffMemberChanged) -> None:
    await remember_person(
        session, event, id=event.staff_member_id, kind=Side.STAFF, registered_at=None
    )


async def remember_person(
    session: AsyncSession, event: CustomerChanged | StaffMemberChanged, **who: Any
) -> None:
    """Keep the newest state; an older one that comes late changes nothing."""
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


@subscriptions.on(SaleRecorded)
async def remember_ownership(session: AsyncSession, event: SaleRecorded) -> None:
    """A cancellation that came before its sale stays: only what it could not tell is added."""
    row = owned(event, cancelled=False)
    fields = {name: row.excluded[name] for name in SALE_COLUMNS}
    await session.execute(
        row.on_conflict_do_update(
            index_elements=[OwnedProduct.sale_id], set_=fields | {"version": newest_version(row)}
        )
    )


@subscriptions.on(SaleCancelled)
async def cancel_ownership(session: AsyncSession, event: SaleCancelled) -> None:
    """No new request may be opened on it; those that exist go on."""
    row = owned(event, cancelled=True)
    await session.execute(
        row.on_conflict_do_update(
            index_elements=[OwnedProduct.sale_id],
            set_={"cancelled": True, "version": newest_version(row)},
        )
    )


# What a sale's event tells is kept under the same names, its product's three apart.
OF_PRODUCT = {"product_id": "id", "reference": "reference", "designation": "designation"}
SALE_COLUMNS = set(OwnedProduct.__table__.columns.keys()) & set(SaleRecorded.model_fields)


def owned(event: SaleRecorded | SaleCancelled, *, cancelled: bool) -> postgresql.Insert:
    product = {name: getattr(event.product, field) for name, field in OF_PRODUCT.items()}
    sale = event.model_dump(include=SALE_COLUMNS)
    return postgresql.insert(OwnedProduct).values(**sale, **product, cancelled=cancelled)


def newest_version(row: postgresql.Insert) -> Any:
    return func.greatest(OwnedProduct.version, row.excluded.version)
