"""What staff need to know about a request's customer and product."""

from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    bindparam,
    func,
    literal_column,
    select,
    union_all,
)
from sqlalchemy.orm import InstrumentedAttribute, aliased

from chassis.data.reading import Part, Question, Rows
from contracts.counts import COUNTED_MOST
from contracts.tickets import api
from tickets.models import RESOLVED, OwnedProduct, Person, Ticket
from tickets.queries.lists import STAFF_SUMMARY, Statement, staff_summary

MAX_PRODUCTS = 20
MAX_TICKETS = 10


def context(number: int) -> Question[api.Context]:
    """The customer, what else they own and asked for, and others' requests on this product.

    The request must exist: ask for it first, which raises TicketUnknown.
    """
    here = {"number": number}
    parts = [Part(CUSTOMER, here), Part(PRODUCTS, here), Part(TICKETS, here)]
    return Question(parts, context_of)


def context_of(customers: Rows, products: Rows, newest: Rows) -> api.Context:
    customer = customers.one()
    return api.Context(
        customer=api.CustomerInContext.model_validate(customer),
        products=[api.OwnedProduct.model_validate(row) for row in products],
        tickets=[staff_summary(row) for row in newest if row.list == "customer"],
        same_product=[staff_summary(row) for row in newest if row.list == "product"],
        product_count=customer.product_count,
        ticket_count=customer.ticket_count,
        same_product_count=customer.same_product_count,
        same_product_resolved_count=customer.same_product_resolved_count,
    )


# --- The statements, built once ---------------------------------------------------------------


def count(statement: Statement) -> ScalarSelect[int]:
    """A count that is exact up to 1,000, else 1,001."""
    some = statement.limit(COUNTED_MOST + 1).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def newest(name: str, *which: ColumnElement[bool]) -> Statement:
    return (
        select(*STAFF_SUMMARY, literal_column(f"'{name}'").label("list"))
        .join(Person, Person.id == Ticket.customer_id)
        .where(*which)
        .order_by(Ticket.last_activity_at.desc(), Ticket.number.desc())
        .limit(literal_column(str(MAX_TICKETS)))
    )


Here = aliased(Ticket)


def here(column: InstrumentedAttribute[UUID]) -> ScalarSelect[UUID]:
    """This column of the request that is looked at."""
    return select(column).where(Here.number == bindparam("number")).scalar_subquery()


IS_OTHER = Ticket.number != bindparam("number")
OF_CUSTOMER = (Ticket.customer_id == here(Here.customer_id), IS_OTHER)
OF_PRODUCT = (Ticket.product_id == here(Here.product_id), IS_OTHER)
OWNED = (
    OwnedProduct.customer_id == here(Here.customer_id),
    OwnedProduct.sale_id != here(Here.sale_id),
    ~OwnedProduct.cancelled,
)

CUSTOMER = select(
    Person.id,
    Person.name,
    Person.email,
    Person.registered_at,
    count(select(OwnedProduct.sale_id).where(*OWNED)).label("product_count"),
    count(select(Ticket.number).where(*OF_CUSTOMER)).label("ticket_count"),
    count(select(Ticket.number).where(*OF_PRODUCT)).label("same_product_count"),
    count(select(Ticket.number).where(*OF_PRODUCT, RESOLVED)).label("same_product_resolved_count"),
).where(Person.id == here(Here.customer_id))

PRODUCTS = (
    select(*OwnedProduct.__table__.columns)
    .where(*OWNED)
    .order_by(OwnedProduct.sold_on.desc(), OwnedProduct.sale_id.desc())
    .limit(literal_column(str(MAX_PRODUCTS)))
)

TICKETS = union_all(newest("customer", *OF_CUSTOMER), newest("product", *OF_PRODUCT)).order_by(
    literal_column("list"),
    literal_column("last_activity_at").desc(),
    literal_column("number").desc(),
)
