"""How much a customer has written in the last hour, each by an index that is there anyway."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.tickets.api import MessageKind
from tickets.models import VISIBLE, Message, Ticket


async def opened_since(
    session: AsyncSession, customer_id: UUID, moment: datetime
) -> Sequence[datetime]:
    """When this customer opened requests after this moment, the first one first."""
    opened = await session.scalars(
        select(Ticket.opened_at)
        .where(
            Ticket.customer_id == customer_id,
            Ticket.last_activity_at > moment,  # sorted by it in the index, and never before
            Ticket.opened_at > moment,
        )
        .order_by(Ticket.opened_at)
    )
    return opened.all()


async def said_since(
    session: AsyncSession, customer_id: UUID, moment: datetime, most: int
) -> Sequence[datetime]:
    """When this customer wrote after this moment, the first one first; the last `most` alone."""
    newest = (
        select(Message.sent_at)
        .where(
            Message.customer_id == customer_id, VISIBLE, Message.kind == MessageKind.CUSTOMER.value
        )
        .order_by(Message.position.desc())
        .limit(most)
    )
    said = (await session.scalars(newest)).all()
    return sorted(at for at in said if at > moment)
