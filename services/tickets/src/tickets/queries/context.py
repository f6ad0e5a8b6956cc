"""What staff need to know beside a request."""

from sqlalchemy import ColumnElement, ScalarSelect, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from contracts.tickets import api
from contracts.tickets.api import COUNTED_MOST
from tickets.models import RESOLVED, OwnedProduct, Person, Ticket
from tickets.queries.lists import STAFF_SUMMARY, Statement, staff_summary

MOST_PRODUCTS = 20
MOST_TICKETS = 10


async def context(session: AsyncSession, ticket: api.StaffTicket) -> api.Context:
    """The customer, what else they own and asked for, and others' requests on this product."""
    customer = await session.get_one(Person, ticket.customer_id)
    is_other = Ticket.number != ticket.number
    of_customer = (Ticket.customer_id == ticket.customer_id, is_other)
    of_product = (Ticket.product_id == ticket.product.product_id, is_other)
    owned = (
        OwnedProduct.customer_id == ticket.customer_id,
        OwnedProduct.sale_id != ticket.product.sale_id,
        ~OwnedProduct.cancelled,
    )
    counts = select(
        count(select(OwnedProduct.sale_id).where(*owned)).label("product_count"),
        count(select(Ticket.number).where(*of_customer)).label("ticket_count"),
        count(select(Ticket.number).where(*of_product)).label("same_product_count"),
        count(select(Ticket.number).where(*of_product, RESOLVED)).label(
            "same_product_resolved_count"
        ),
    )
    return api.Context(
        customer=api.CustomerInContext.model_validate(customer),
        products=await products(session, *owned),
        tickets=await tickets(session, *of_customer),
        same_product=await tickets(session, *of_product),
        **(await session.execute(counts)).one()._asdict(),
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


def count(statement: Statement) -> ScalarSelect[int]:
    """Exact to 1,000, never above 1,001."""
    some = statement.limit(COUNTED_MOST + 1).subquery()
    return select(func.count()).select_from(some).scalar_subquery()
