"""What staff need to know beside a request."""

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.auth import Caller
from contracts.tickets import api
from contracts.tickets.api import COUNTED_MOST
from tickets.models import RESOLVED, OwnedProduct, Person, Ticket
from tickets.queries.lists import STAFF_SUMMARY, Statement, staff_summary
from tickets.queries.tickets import ticket_row

MOST_PRODUCTS = 20
MOST_TICKETS = 10


async def context(session: AsyncSession, caller: Caller, number: int) -> api.Context:
    """The customer, what else they own and asked for, and others' requests on this product."""
    asked = await ticket_row(session, caller, Ticket.number == number)
    customer = await session.get_one(Person, asked.customer_id)
    is_other = Ticket.number != number
    of_customer = (Ticket.customer_id == asked.customer_id, is_other)
    of_product = (Ticket.product_id == asked.product_id, is_other)
    owned = (
        OwnedProduct.customer_id == asked.customer_id,
        OwnedProduct.sale_id != asked.sale_id,
        ~OwnedProduct.cancelled,
    )
    return api.Context(
        customer=api.CustomerInContext.model_validate(customer),
        products=await products(session, *owned),
        product_count=await count(session, select(OwnedProduct.sale_id).where(*owned)),
        tickets=await tickets(session, *of_customer),
        ticket_count=await count(session, select(Ticket.number).where(*of_customer)),
        same_product=await tickets(session, *of_product),
        same_product_count=await count(session, select(Ticket.number).where(*of_product)),
        same_product_resolved_count=await count(
            session, select(Ticket.number).where(*of_product, RESOLVED)
        ),
    )


async def products(session: AsyncSession, *which: ColumnElement[bool]) -> list[api.OwnedProduct]:
    newest = (
        select(*OwnedProduct.__table__.columns)
        .where(*which)
        .order_by(OwnedProduct.sold_on.desc(), OwnedProduct.sale_id.desc())
        .limit(MOST_PRODUCTS)
    )
    return [api.OwnedProduct.model_validate(row) for row in await session.execute(newest)]


async def tickets(
    session: AsyncSession, *which: ColumnElement[bool]
) -> list[api.StaffTicketSummary]:
    return [staff_summary(row) for row in await session.execute(newest(*which))]


def newest(*which: ColumnElement[bool]) -> Statement:
    return (
        select(*STAFF_SUMMARY)
        .join(Person, Person.id == Ticket.customer_id)
        .where(*which)
        .order_by(Ticket.last_activity_at.desc(), Ticket.number.desc())
        .limit(MOST_TICKETS)
    )


async def count(session: AsyncSession, statement: Statement) -> int:
    """Exact to 1,000, never above 1,001."""
    some = statement.limit(COUNTED_MOST + 1).subquery()
    return (await session.execute(select(func.count()).select_from(some))).scalar_one()
