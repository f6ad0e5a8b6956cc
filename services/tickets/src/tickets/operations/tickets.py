"""Opens, prioritises, marks as seen and closes requests."""

from sqlalchemy import Uuid, bindparam, exists, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.clock import now
from chassis.data.writing import inserting, reader_of
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
    OwnedProduct,
    Person,
    ProductNotOwned,
    Ticket,
    TicketUnknown,
    is_staff,
    side_of,
)
from tickets.operations.changes import add_message_later, notify
from tickets.queries import tickets as queries

PRODUCT_AND_WHETHER_MET = (
    select(
        *OwnedProduct.__table__.columns,
        exists().where(Person.id == bindparam("person_id", type_=Uuid)).label("is_met"),
    )
    .where(OwnedProduct.sale_id == bindparam("sale_id", type_=Uuid))
    .with_for_update(read=True, of=OwnedProduct)
)


OF_TICKET = [column.name for column in Ticket.__table__.c if column.name != "number"]
ADD_TICKET = inserting(Ticket, *OF_TICKET).returning(Ticket.__table__.c.number)


async def open_ticket(session: AsyncSession, customer: Caller, new: NewTicket) -> Ticket:
    """Open a request about a product that the customer owns."""
    followed = await followed_by(session, customer, new)
    # Held until the end: a cancellation comes either before this request or after it.
    sale_id = new.sale_id or (followed and followed.sale_id)
    values = {"sale_id": sale_id, "person_id": customer.id}
    reader = await reader_of(session)
    product = (await reader.execute(PRODUCT_AND_WHETHER_MET, values)).one_or_none()
    if product is None:
        raise ProductNotOwned("not a product of this customer", field="sale_id")
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
    row = {name: getattr(ticket, name) for name in OF_TICKET}
    ticket.number = await reader.scalar(ADD_TICKET, row)
    add_message_later(session, message)
    announce_opened(session, ticket, followed)
    notify(session, ticket, What.OPENED, by_staff=False)
    return ticket


async def followed_by(session: AsyncSession, customer: Caller, new: NewTicket) -> Ticket | None:
    if new.follows is None:
        return None
    try:
        return await queries.ticket_to_change(session, customer, new.follows)
    except TicketUnknown as unknown:
        raise FollowedUnknown("no request of this customer", field="follows") from unknown


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
    ticket = await queries.ticket_to_change(session, staff, number)
    if not ticket.prioritise(priority, by=staff):
        return
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

    Usually somebody has done so before: then nothing is locked.
    """
    reader = await reader_of(session)
    if not await queries.is_unread(reader, number):
        return
    ticket = await queries.ticket_to_change(session, staff, number)
    if position < await queries.newest_of_customer(reader, ticket.id):
        return  # the customer wrote again meanwhile
    if ticket.open_by_staff():
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
