"""The requests of customers that are open or in progress."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Integer, bindparam, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by
from sqlalchemy.dialects.postgresql import UUID as ID

from chassis.data.reading import Reader
from contracts.counts import COUNTED_MOST
from contracts.tickets import api
from tickets.models import UNRESOLVED, Ticket

MAX_LISTED = 3

CUSTOMERS = (
    func.unnest(bindparam("customers", type_=ARRAY(ID())))
    .table_valued("id")
    .render_derived(name="customers")
)
SOME = (
    select(Ticket.number)
    .where(Ticket.customer_id == CUSTOMERS.c.id, UNRESOLVED)
    .order_by(Ticket.number.desc())
    .limit(literal_column(str(COUNTED_MOST + 1)))
    .lateral()
)
NUMBERS = func.array_agg(aggregate_order_by(SOME.c.number, SOME.c.number.desc()))
STATEMENT = (
    select(
        CUSTOMERS.c.id.label("customer_id"),
        func.count().label("count"),
        func.trim_array(NUMBERS, cast(func.greatest(0, func.count() - MAX_LISTED), Integer)).label(
            "numbers"
        ),
    )
    .select_from(CUSTOMERS, SOME)
    .group_by(CUSTOMERS.c.id)
)


async def of_customers(reader: Reader, customers: Sequence[UUID]) -> api.UnresolvedOfCustomers:
    rows = await reader.execute(STATEMENT, {"customers": list(customers)})
    return api.UnresolvedOfCustomers(
        customers=[api.UnresolvedOfCustomer.model_validate(row) for row in rows]
    )
