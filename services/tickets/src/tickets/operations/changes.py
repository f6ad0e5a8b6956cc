"""Telling live pages that something happened, and forgetting it after a day."""

from datetime import timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.tickets.api import What
from tickets.models import Change, Ticket
from tickets.operations.clock import now

KEPT = timedelta(days=1)


def tell(session: AsyncSession, ticket: Ticket, what: What, *, by_staff: bool) -> None:
    """Wakes those who listen, if and when this transaction commits."""
    session.add(
        Change(
            number=ticket.number,
            customer_id=ticket.customer_id,
            what=what,
            by_staff=by_staff,
            version=ticket.version,
            visible_version=ticket.visible_version,
        )
    )


async def forget_changes(session: AsyncSession) -> None:
    """Those of yesterday, but for the last one: it marks how far back the others reach."""
    last = select(func.max(Change.transaction)).where(Change.changed_at < now() - KEPT)
    await session.execute(delete(Change).where(Change.transaction < last.scalar_subquery()))
