"""Writes messages and changes along with a request."""

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data import writing
from chassis.data.writing import add_later
from chassis.pruning import Prunable
from contracts.tickets.api import What
from tickets.models import Change, Message, Ticket

# Those of yesterday, but for the last one: it marks how far back the others reach.
OLD_CHANGES = Prunable(
    "changes",
    "transaction < (SELECT max(transaction) FROM changes WHERE changed_at < now() - interval '1 day')",
    "transaction",
)


# All but what the database gives a message itself.
OF_MESSAGE = [
    column.name for column in Message.__table__.c if column.name not in {"position", "search"}
]


def add_message_later(session: AsyncSession, message: Message) -> None:
    add_later(session, Message, {name: getattr(message, name) for name in OF_MESSAGE})


# The columns in which a request changes: the methods of `Ticket` write no others.
CHANGEABLE = (
    "status",
    "version",
    "visible_version",
    "waiting_since",
    "last_visible_by",
    "last_activity_at",
    "last_author_name",
    "last_text",
    "unread",
    "priority",
    "answered_by",
    "resolved_at",
    "resolved_by",
    "resolved_by_name",
    "resolved_by_side",
)


def store_later(session: AsyncSession, ticket: Ticket) -> None:
    """Store the state of a request that `queries.locked_ticket` has locked."""
    writing.store_later(session, ticket, CHANGEABLE)


def notify(session: AsyncSession, ticket: Ticket, what: What, *, by_staff: bool) -> None:
    """Notify listeners, if and when this transaction commits."""
    change = {
        "number": ticket.number,
        "customer_id": ticket.customer_id,
        "what": what,
        "by_staff": by_staff,
        "version": ticket.version,
        "visible_version": ticket.visible_version,
    }
    add_later(session, Change, change)
