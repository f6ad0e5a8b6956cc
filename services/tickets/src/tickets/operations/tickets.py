"""Opens, prioritises, marks as seen and closes requests."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Uuid, bindparam, case, exists, func, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.clock import now
from chassis.data.reading import Part, Question, Rows
from chassis.data.writing import add_later, reader_of
from chassis.http.auth import Caller
from chassis.messaging.outbox import publish
from contracts.tickets.api import NewTicket, Priority, What
from contracts.tickets.events import (
    Side,
    SoldProduct,
    TicketOpened,
    TicketPrioritised,
    TicketResolved,
)
from tickets.models import (
    FollowedUnknown,
    Message,
    OwnedProduct,
    Person,
    ProductNotOwned,
    Ticket,
    TicketUnknown,
    is_staff,
    side_of,
)
from tickets.operations.changes import add_message_later, notify, store_later
from tickets.queries import tickets as queries

PERSON = bindparam("person_id", type_=Uuid)
ITS_OWNER = exists().where(Person.id == PERSON)
# None is taken from the sequence if the product belongs to another customer.
NUMBER = case((OwnedProduct.customer_id == PERSON, func.nextval("tickets_number_seq")))
# Held until the end: a cancellation comes either before this request or after it.
PRODUCT = select(
    *OwnedProduct.__table__.columns, ITS_OWNER.label("is_met"), NUMBER.label("number")
).with_for_update(read=True, of=OwnedProduct)
SOLD = PRODUCT.where(OwnedProduct.sale_id == bindparam("sale_id", type_=Uuid))
AS_FOLLOWED = PRODUCT.where(
    OwnedProduct.sale_id
    == func.coalesce(
        bindparam("sale_id", type_=Uuid),
        select(Ticket.sale_id)
        .where(Ticket.number == bindparam("follows", type_=BigInteger))
        .scalar_subquery(),
    )
)
OF_TICKET = [column.name for column in Ticket.__table__.c]


@dataclass(frozen=True)
class Opening:
    """What a request will be about, with the number that it will have, and the one it follows."""

    product: Any
    followed: Ticket | None


def opening(customer: Caller, new: NewTicket) -> Question[Opening]:
    values = {"person_id": customer.id, "sale_id": new.sale_id}
    if new.follows is None:
        return Question([Part(SOLD, values)], lambda rows: Opening(sold(rows), None))
    followed = queries.ticket_for_update(customer, new.follows)

    def answer(tickets: Rows, products: Rows) -> Opening:
        try:
            ticket = followed.answer(tickets)
        except TicketUnknown as unknown:
            raise FollowedUnknown("no request of this customer", field="follows") from unknown
        return Opening(sold(products), ticket)

    return Question([*followed.parts, Part(AS_FOLLOWED, values | {"follows": new.follows})], answer)


def sold(rows: Rows) -> Any:
    product = rows.one_or_none()
    if product is None:
        raise ProductNotOwned("not a product of this customer", field="sale_id")
    return product


async def open_ticket(
    session: AsyncSession, customer: Caller, opening: Opening, new: NewTicket
) -> tuple[Ticket, Message]:
    """Open a request, with its first message, about a product that the customer owns."""
    product, followed = opening.product, opening.followed
    ticket, message = Ticket.opened(
        customer=customer,
        product=product,
        subject=new.subject,
        text=new.description,
        at=now(),
        follows=followed,
    )
    if not product.is_met:
        await meet(session, customer)
    ticket.number = product.number
    add_later(session, Ticket, {name: getattr(ticket, name) for name in OF_TICKET})
    add_message_later(session, message)
    announce_opened(session, ticket, followed)
    notify(session, ticket, What.OPENED, by_staff=False)
    return ticket, message


def announce_opened(session: AsyncSession, ticket: Ticket, followed: Ticket | None) -> None:
    publish(
        session,
        TicketOpened(
            ticket_id=ticket.id,
            version=ticket.version,
            number=ticket.number,
            customer_id=ticket.customer_id,
            sale_id=ticket.sale_id,
            product=SoldProduct(
                id=ticket.product_id, reference=ticket.reference, designation=ticket.designation
            ),
            serial_number=ticket.serial_number,
            opened_at=ticket.opened_at,
            follows_ticket_id=None if followed is None else followed.id,
        ),
    )


async def meet(session: AsyncSession, customer: Caller) -> None:
    """Use the name in the token until identity's own event arrives."""
    await session.execute(
        postgresql.insert(Person)
        .values(
            id=customer.id, kind=Side.CUSTOMER, first_name="", last_name=customer.name, version=0
        )
        .on_conflict_do_nothing()
    )


async def prioritise(session: AsyncSession, staff: Caller, number: int, priority: Priority) -> None:
    """Set the priority. Idempotent."""
    ticket = await queries.locked_ticket(session, staff, number)
    if not ticket.prioritise(priority, by=staff):
        return
    store_later(session, ticket)
    publish(
        session,
        TicketPrioritised(
            ticket_id=ticket.id,
            version=ticket.version,
            number=ticket.number,
            customer_id=ticket.customer_id,
            priority=priority,
            prioritised_by=staff.id,
            prioritised_at=now(),
        ),
    )
    notify(session, ticket, What.PRIORITY, by_staff=True)


async def mark_seen(session: AsyncSession, staff: Caller, number: int, position: int) -> None:
    """A staff member has opened the request and was shown its messages up to this position.

    Usually it was opened before: then nothing is locked.
    """
    reader = await reader_of(session)
    if not await queries.is_unread(reader, number):
        return
    ticket = await queries.locked_ticket(session, staff, number)
    if position < await queries.newest_of_customer(reader, ticket.id):
        return  # the customer wrote again meanwhile
    if ticket.open_by_staff():
        store_later(session, ticket)
        notify(session, ticket, What.SEEN, by_staff=True)


def close(session: AsyncSession, caller: Caller, ticket: Ticket) -> None:
    """Close the request; repeated by the same person, nothing more is published."""
    if not ticket.resolve(by=caller, at=now()):
        return
    publish(
        session,
        TicketResolved(
            ticket_id=ticket.id,
            version=ticket.version,
            number=ticket.number,
            customer_id=ticket.customer_id,
            resolved_by=caller.id,
            resolved_by_side=side_of(caller),
            resolved_at=ticket.last_activity_at,
        ),
    )
    notify(session, ticket, What.RESOLVED, by_staff=is_staff(caller))
