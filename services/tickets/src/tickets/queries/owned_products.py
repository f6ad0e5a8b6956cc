"""What a customer bought."""

from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, tuple_

from chassis.data.reading import AnyReader
from chassis.http import paging
from contracts.tickets import api
from tickets.models import UNRESOLVED, OwnedProduct, Ticket
from tickets.queries.pages import next_page

# The newest request on it that can still be completed; its owner's, since a sale has one.
OPEN_TICKET = (
    select(func.max(Ticket.number))
    .where(Ticket.sale_id == OwnedProduct.sale_id, UNRESOLVED)
    .scalar_subquery()
    .label("open_ticket")
)


async def owned_products(
    reader: AnyReader, customer_id: UUID, *, limit: int, after: str | None
) -> api.OwnedProducts:
    """What the customer bought, newest purchase first, without what was cancelled."""
    statement = newest_first(customer_id)
    key = tuple_(OwnedProduct.sold_on, OwnedProduct.sale_id)
    if after is not None:
        statement = statement.where(key < paging.decode(after, date, UUID))
    rows = (await reader.execute(statement.limit(limit + 1))).all()
    return api.OwnedProducts(
        owned_products=[api.OwnedProductOfMine.model_validate(row) for row in rows[:limit]],
        next=next_page(rows, limit, "sold_on", "sale_id"),
    )


def newest_first(customer_id: UUID) -> Select[*tuple[Any, ...]]:
    return (
        select(*OwnedProduct.__table__.columns, OPEN_TICKET)
        .where(OwnedProduct.customer_id == customer_id, ~OwnedProduct.cancelled)
        .order_by(OwnedProduct.sold_on.desc(), OwnedProduct.sale_id.desc())
    )
