"""How much one customer may write in an hour: nobody buries the staff, or their mailboxes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from chassis import clock
from chassis.auth import Caller
from chassis.errors import TooMany
from tickets.models import is_staff
from tickets.queries import lately

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Bounds:
    """The most requests and the most messages of one customer in an hour."""

    tickets: int
    messages: int


class TooManyTickets(TooMany):
    code = "too_many_tickets"


class TooManyMessages(TooMany):
    code = "too_many_messages"


async def refuse_many_tickets(session: AsyncSession, customer: Caller, bounds: Bounds) -> None:
    """Counted before it is opened; two at the same instant may both be the last one."""
    opened = await lately.opened_since(session, customer.id, clock.now() - HOUR)
    if len(opened) >= bounds.tickets:
        raise too_many(TooManyTickets, opened, bounds.tickets)


async def refuse_many_messages(session: AsyncSession, author: Caller, bounds: Bounds) -> None:
    """The first message of a request counts as well. Staff write as much as they have to."""
    if is_staff(author):
        return
    said = await lately.said_since(session, author.id, clock.now() - HOUR, bounds.messages)
    if len(said) >= bounds.messages:
        raise too_many(TooManyMessages, said, bounds.messages)


def too_many(kind: type[TooMany], at: Sequence[datetime], most: int) -> TooMany:
    """It goes on once the first of the last `most` is an hour old."""
    wait = at[-most] + HOUR - clock.now()
    return kind(
        f"at most {most} in an hour",
        context={"most": most},
        retry_after=max(1, wait.total_seconds()),
    )
