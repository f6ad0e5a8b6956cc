"""Events of identity and sales: who people are, and who owns what."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.messaging.bus import Subscriptions
from contracts.identity.events import CustomerChanged, StaffMemberChanged
from contracts.sales.events import SaleCancelled, SaleRecorded
from contracts.tickets.events import Side
from tickets.operations import copies

subscriptions = Subscriptions()


@subscriptions.on(CustomerChanged)
async def remember_customer(session: AsyncSession, event: CustomerChanged) -> None:
    await copies.remember_person(
        session,
        event,
        id=event.customer_id,
        kind=Side.CUSTOMER,
        registered_at=event.registered_at,
    )


@subscriptions.on(StaffMemberChanged)
async def remember_staff_member(session: AsyncSession, event: StaffMemberChanged) -> None:
    await copies.remember_person(
        session, event, id=event.staff_member_id, kind=Side.STAFF, registered_at=None
    )


@subscriptions.on(SaleRecorded)
async def remember_ownership(session: AsyncSession, event: SaleRecorded) -> None:
    await copies.add_ownership(session, event)


@subscriptions.on(SaleCancelled)
async def cancel_ownership(session: AsyncSession, event: SaleCancelled) -> None:
    await copies.cancel_ownership(session, event)
