"""Telling live pages that something happened, and forgetting it after a day."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.forgetting import Past
from contracts.tickets.api import What
from tickets.models import Change, Ticket

# Those of yesterday, but for the last one: it marks how far back the others reach.
OLD_CHANGES = Past(
    "changes",
    "transaction < (SELECT max(transaction) FROM changes WHERE changed_at < now() - interval '1 day')",
    "transaction",
)


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
