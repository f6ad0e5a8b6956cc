"""Makes events of requests again from the tables, for a stream that was lost."""

from collections.abc import AsyncGenerator
from typing import Any

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.messaging.outbox import Again
from contracts.tickets.api import MessageKind, Status
from contracts.tickets.events import (
    Side,
    SoldProduct,
    TicketMessageAdded,
    TicketOpened,
    TicketResolved,
)

# A request is opened with its first message, and resolved after its last.
HAPPENED = text("""
    WITH announced AS MATERIALIZED (
        SELECT body::jsonb->'data'->>'message_id' AS id FROM messaging.outbox WHERE type = :added
    )
    SELECT tickets.id AS ticket_id, tickets.number, tickets.customer_id, tickets.sale_id,
        tickets.product_id, tickets.reference, tickets.designation, tickets.serial_number,
        tickets.opened_at, followed.id AS follows_ticket_id, tickets.version,
        tickets.resolved_at, tickets.resolved_by, tickets.resolved_by_side,
        messages.id AS message_id, messages.author_id, messages.kind, messages.sent_at,
        messages.status_after, row_number() OVER of_ticket AS rank,
        tickets.resolved_at IS NOT NULL AND lead(messages.id) OVER of_ticket IS NULL AS is_last,
        (SELECT count(*) FROM files WHERE files.message_id = messages.id) AS files,
        announced.id IS NOT NULL AS has_message, opened.subject IS NOT NULL AS has_opening,
        resolved.subject IS NOT NULL AS has_resolution
    FROM messages
    JOIN tickets ON tickets.id = messages.ticket_id
    LEFT JOIN tickets followed ON followed.number = tickets.follows
    LEFT JOIN announced ON announced.id = messages.id::text
    LEFT JOIN messaging.outbox opened ON opened.subject = :opened || '.' || tickets.id
    LEFT JOIN messaging.outbox resolved ON resolved.subject = :resolved || '.' || tickets.id
    WHERE messages.kind <> 'note'
    WINDOW of_ticket AS (PARTITION BY messages.ticket_id ORDER BY messages.position)
    ORDER BY messages.position
""")


async def from_tables(session: AsyncSession) -> AsyncGenerator[Again]:
    """Openings, messages and resolutions that the outbox no longer holds.

    Priorities are left out: who set which, and when, is not stored. So a message's version is the
    lowest that it can have had.
    """
    kinds = {"opened": TicketOpened, "added": TicketMessageAdded, "resolved": TicketResolved}
    found = await session.stream(HAPPENED, {name: kind.type for name, kind in kinds.items()})
    async for row in found:
        if row.rank == 1 and not row.has_opening:
            yield Again(opening(row), 1, row.opened_at)
        if row.rank > 1 and not row.has_message:
            yield Again(message(row), row.rank, row.sent_at)
        if row.is_last and not row.has_resolution:
            yield Again(resolution(row), row.version, row.resolved_at)


def opening(row: Row[Any]) -> TicketOpened:
    return TicketOpened(
        ticket_id=row.ticket_id,
        version=1,
        number=row.number,
        customer_id=row.customer_id,
        sale_id=row.sale_id,
        product=SoldProduct(
            id=row.product_id, reference=row.reference, designation=row.designation
        ),
        serial_number=row.serial_number,
        opened_at=row.opened_at,
        follows_ticket_id=row.follows_ticket_id,
    )


def message(row: Row[Any]) -> TicketMessageAdded:
    return TicketMessageAdded(
        ticket_id=row.ticket_id,
        version=row.rank,
        number=row.number,
        customer_id=row.customer_id,
        message_id=row.message_id,
        author_id=row.author_id,
        author_side=Side.CUSTOMER if row.kind == MessageKind.CUSTOMER else Side.STAFF,
        status=Status(row.status_after),
        sent_at=row.sent_at,
        files=row.files,
    )


def resolution(row: Row[Any]) -> TicketResolved:
    return TicketResolved(
        ticket_id=row.ticket_id,
        version=row.version,
        number=row.number,
        customer_id=row.customer_id,
        resolved_by=row.resolved_by,
        resolved_by_side=Side(row.resolved_by_side),
        resolved_at=row.resolved_at,
    )
