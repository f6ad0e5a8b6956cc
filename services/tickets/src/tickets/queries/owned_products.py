"""What a customer bought."""

from datetime import date
from uuid import UUID

from sqlalchemy import Integer, bindparam, func, select, tuple_

from chassis.data.reading import Part, Question, Rows
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


def owned_products(
    customer_id: UUID, *, limit: int, after: str | None
) -> Question[api.OwnedProducts]:
    """What the customer bought, newest purchase first, without what was cancelled."""
    statement = NEWEST_FIRST
    if after is not None:
        key = tuple_(OwnedProduct.sold_on, OwnedProduct.sale_id)
        statement = statement.where(key < paging.decode(after, date, UUID))

    def answer(rows: Rows) -> api.OwnedProducts:
        return api.OwnedProducts(
            owned_products=[api.OwnedProductOfMine.model_validate(row) for row in rows[:limit]],
            next=next_page(rows, limit, "sold_on", "sale_id"),
        )

    return Question([Part(statement, {"customer_id": customer_id, "limit": limit + 1})], answer)


NEWEST_FIRST = (
    select(*OwnedProduct.__table__.columns, OPEN_TICKET)
    .where(OwnedProduct.customer_id == bindparam("customer_id"), ~OwnedProduct.cancelled)
    .order_by(OwnedProduct.sold_on.desc(), OwnedProduct.sale_id.desc())
    .limit(bindparam("limit", type_=Integer))
)
