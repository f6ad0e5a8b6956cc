"""One request and its messages."""

import functools
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Subquery,
    Uuid,
    bindparam,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from chassis.data.reading import Part, Question, Reader, Rows
from chassis.data.writing import reader_of
from chassis.http import paging
from chassis.http.auth import Caller
from contracts.tickets import api
from contracts.tickets.api import MessageKind
from contracts.tickets.events import Side
from tickets.models import (
    PRIORITY,
    VISIBLE,
    WAITING_FOR_CUSTOMER,
    Message,
    MessageUnknown,
    MinutesCorrection,
    OwnedProduct,
    Person,
    Ticket,
    TicketUnknown,
    is_staff,
)
from tickets.queries import drafts, files
from tickets.queries.changes import AS_OF

MAX_FOLLOWERS = 20
MAX_CORRECTIONS = 50

Following = aliased(Ticket)
FOLLOWED_BY = func.array(
    select(Following.number)
    .where(Following.follows == Ticket.number)
    .order_by(Following.number)
    .limit(MAX_FOLLOWERS)
    .scalar_subquery()
).label("followed_by")

# All columns of the contract's unit sold; a recorded sale does not change any more.
PRODUCT = [getattr(OwnedProduct, name) for name in api.OwnedProduct.model_fields]

TICKET = (
    Ticket.id,
    Ticket.number,
    Ticket.status,
    WAITING_FOR_CUSTOMER.label("waiting_for_customer"),
    Ticket.subject,
    Ticket.customer_id,
    Person.name.label("customer_name"),
    *PRODUCT,
    Ticket.opened_at,
    Ticket.waiting_since,
    Ticket.last_activity_at,
    Ticket.resolved_at,
    Ticket.resolved_by_name,
    (Ticket.resolved_by_side == Side.CUSTOMER).label("resolved_by_customer"),
    Ticket.follows,
    FOLLOWED_BY,
    AS_OF,
)
TICKET_WITH_NAMES = (
    select(*TICKET)
    .join(Person, Person.id == Ticket.customer_id)
    .join(OwnedProduct, OwnedProduct.sale_id == Ticket.sale_id)
)
CUSTOMERS_TICKET = TICKET_WITH_NAMES.add_columns(Ticket.visible_version.label("version"))
STAFFS_TICKET = TICKET_WITH_NAMES.add_columns(Ticket.version, PRIORITY, Ticket.unread)

# Positions in the table come from one sequence for all requests, and would count what everybody
# writes: readers get the position among the messages of this request that they may read.
POSITION = func.row_number().over(order_by=Message.position).label("position")

MESSAGE = (
    Message.id,
    POSITION,
    Message.kind,
    Message.author_id,
    Message.author_name,
    Message.author_role,
    Message.text,
    Message.sent_at,
    Message.status_after,
    files.OF_MESSAGE,
)
MESSAGE_FOR_STAFF = (*MESSAGE, Message.minutes, Message.minutes_corrected)

Row = Any  # a named tuple with the columns

IS_OF_STAFF = Message.kind != MessageKind.CUSTOMER


def visible_to(caller: Caller) -> ColumnElement[bool]:
    """Staff see every request, customers their own."""
    return true() if is_staff(caller) else Ticket.customer_id == caller.id


def readable_by(caller: Caller) -> ColumnElement[bool]:
    """Staff read everything, customers everything but notes."""
    return true() if is_staff(caller) else VISIBLE


# --- For update -------------------------------------------------------------------------------


FOR_UPDATE = (
    select(*Ticket.__table__.columns).where(Ticket.number == bindparam("number")).with_for_update()
)
OWN_FOR_UPDATE = FOR_UPDATE.where(Ticket.customer_id == bindparam("customer_id"))


def ticket_for_update(caller: Caller, number: int) -> Question[Ticket]:
    """The request, locked until the transaction ends: changes of it happen one after the other.

    It is not part of the session: `operations.changes.store_later` stores its changes.
    """
    statement = FOR_UPDATE if is_staff(caller) else OWN_FOR_UPDATE

    def answer(rows: Rows) -> Ticket:
        state = require(rows)._asdict()
        number = state.pop("number")
        ticket = Ticket(**state)
        ticket.number = number
        return ticket

    return Question([Part(statement, {"number": number, **own_only(caller)})], answer)


async def locked_ticket(session: AsyncSession, caller: Caller, number: int) -> Ticket:
    return await (await reader_of(session)).ask(ticket_for_update(caller, number))


async def locked_message(session: AsyncSession, message_id: UUID) -> tuple[Message, Ticket]:
    """A message and its request; the request is locked first, as everywhere."""
    ticket = await session.scalar(
        select(Ticket)
        .where(Ticket.id == select(Message.ticket_id).filter_by(id=message_id).scalar_subquery())
        .with_for_update()
    )
    message = await session.get(Message, message_id)
    if message is None or ticket is None:
        raise MessageUnknown("no message has this id")
    return message, ticket


# --- For reading ------------------------------------------------------------------------------


async def ticket(reader: Reader, caller: Caller, number: int) -> api.Ticket | api.StaffTicket:
    return ticket_of(await ticket_row(reader, caller, number=number), caller)


async def created_ticket(reader: Reader, caller: Caller, ticket_id: UUID) -> api.Ticket:
    """The request with this id, just opened or by an earlier request with the same Idempotency-Key."""
    return ticket_of(await ticket_row(reader, caller, id=ticket_id), caller)


@functools.cache
def ticket_statement(which: str, *, for_staff: bool) -> Select[*tuple[Any, ...]]:
    """One request by its number or id; for a customer one of their own."""
    statement = STAFFS_TICKET if for_staff else CUSTOMERS_TICKET
    if not for_staff:
        statement = statement.where(Ticket.customer_id == bindparam("customer_id"))
    return statement.where(getattr(Ticket, which) == bindparam(which))


def ticket_part(caller: Caller, **which: int | UUID) -> Part:
    [name] = which
    return Part(ticket_statement(name, for_staff=is_staff(caller)), {**which, **own_only(caller)})


def own_only(caller: Caller) -> dict[str, UUID]:
    return {} if is_staff(caller) else {"customer_id": caller.id}


async def ticket_row(reader: Reader, caller: Caller, **which: int | UUID) -> Row:
    [rows] = await reader.together(ticket_part(caller, **which))
    return require(rows)


def require(rows: Rows) -> Row:
    row = rows.one_or_none()
    if row is None:
        raise TicketUnknown("no request has this number")
    return row


def staff_ticket(staff: Caller, number: int) -> Question[api.StaffTicket]:
    part = ticket_part(staff, number=number)
    return Question([part], lambda rows: staff_ticket_of(require(rows)))


def ticket_of(row: Row, caller: Caller) -> api.Ticket | api.StaffTicket:
    if is_staff(caller):
        return staff_ticket_of(row)
    product = api.OwnedProduct.model_validate(row)
    return api.Ticket.model_validate(row._asdict() | {"product": product})


def staff_ticket_of(row: Row) -> api.StaffTicket:
    product = api.OwnedProduct.model_validate(row)
    return api.StaffTicket.model_validate(row._asdict() | {"product": product})


def messages_of(ticket_id: ColumnElement[UUID], *, for_staff: bool) -> Subquery:
    """The messages of a request; for a customer those that they may see."""
    statement = select(*(MESSAGE_FOR_STAFF if for_staff else MESSAGE))
    statement = statement.where(Message.ticket_id == ticket_id)
    return (statement if for_staff else statement.where(VISIBLE)).subquery()


@functools.cache
def messages_statement(*edges: str, for_staff: bool) -> Select[*tuple[Any, ...]]:
    """The newest messages of a request, `before` one position or `since` another."""
    its_id = select(Ticket.id).where(Ticket.number == bindparam("number"))
    if not for_staff:
        its_id = its_id.where(Ticket.customer_id == bindparam("customer_id"))
    messages = messages_of(its_id.scalar_subquery(), for_staff=for_staff)
    statement = (
        select(messages)
        .order_by(messages.c.position.desc())
        .limit(bindparam("limit", type_=Integer))
    )
    if "before" in edges:
        statement = statement.where(messages.c.position < bindparam("before"))
    if "since" in edges:
        statement = statement.where(messages.c.position > bindparam("since"))
    return statement


def thread(
    caller: Caller,
    number: int,
    *,
    limit: int,
    before: str | None = None,
    since: int | None = None,
) -> Question[Any]:
    """The request with its last messages, those before a cursor, or those after a position.

    The request is read first, so that its version never covers a message that is not in the answer.
    """
    edges = {"before": None if before is None else paging.decode(before, int)[0], "since": since}
    given = {name: position for name, position in edges.items() if position is not None}
    statement = messages_statement(*given, for_staff=is_staff(caller))
    values = {"number": number, "limit": limit + 1, **given, **own_only(caller)}

    def answer(tickets: Rows, newest_first: Rows, stored: Rows) -> api.Thread | api.StaffThread:
        row = require(tickets)
        shown = newest_first[:limit]
        return thread_of(
            caller,
            ticket=ticket_of(row, caller),
            messages=[message_of(message, caller) for message in reversed(shown)],
            previous=paging.encode(shown[-1].position) if len(newest_first) > limit else None,
            draft=drafts.draft_of(caller, stored),
            as_of=row.as_of,
        )

    parts = [
        ticket_part(caller, number=number),
        Part(statement, values),
        drafts.draft_part(caller, number),
    ]
    return Question(parts, answer)


def thread_of(caller: Caller, **parts: Any) -> api.Thread | api.StaffThread:
    return api.StaffThread(**parts) if is_staff(caller) else api.Thread(**parts)


def message_of(row: Any, caller: Caller) -> api.Message | api.StaffMessage:
    if is_staff(caller):
        return api.StaffMessage.model_validate(row)
    return api.Message.model_validate(row)


async def created_message(
    reader: Reader, caller: Caller, message_id: UUID
) -> api.Message | api.StaffMessage:
    """A message that the caller wrote, just now or earlier under the same Idempotency-Key."""
    answer = await reader.execute(
        message_statement(for_staff=is_staff(caller)), {"message_id": message_id}
    )
    return message_of(answer.one(), caller)


async def created_note(reader: Reader, note_id: UUID) -> api.StaffMessage:
    answer = await reader.execute(message_statement(for_staff=True), {"message_id": note_id})
    return api.StaffMessage.model_validate(answer.one())


@functools.cache
def message_statement(*, for_staff: bool) -> Select[*tuple[Any, ...]]:
    which = bindparam("message_id", type_=Uuid)
    its_ticket = select(Message.ticket_id).where(Message.id == which).scalar_subquery()
    messages = messages_of(its_ticket, for_staff=for_staff)
    return select(messages).where(messages.c.id == which)


async def visible_text(reader: Reader, message_id: UUID) -> str:
    """The text of a message that its customer may read; a note counts as unknown."""
    answer = await reader.execute(select(Message.text).where(Message.id == message_id, VISIBLE))
    text = answer.scalar_one_or_none()
    if text is None:
        raise MessageUnknown("no message has this id")
    return text


async def subject(reader: Reader, number: int) -> str:
    found = await reader.scalar(select(Ticket.subject).where(Ticket.number == number))
    if found is None:
        raise TicketUnknown("no request has this number")
    return found


async def time_spent(reader: Reader, message_id: UUID) -> api.TimeSpent:
    """The time spent on a reply or a note, and who corrected it."""
    answer = await reader.execute(
        select(Message.minutes).where(Message.id == message_id, IS_OF_STAFF)
    )
    row = answer.one_or_none()
    if row is None:
        raise MessageUnknown("no message of staff has this id")
    corrections = await reader.execute(
        select(*MinutesCorrection.__table__.columns)
        .where(MinutesCorrection.message_id == message_id)
        .order_by(MinutesCorrection.id.desc())
        .limit(MAX_CORRECTIONS)
    )
    return api.TimeSpent(
        minutes=row.minutes,
        corrections=[api.MinutesCorrection.model_validate(each) for each in corrections],
    )


ITS_ID = select(Ticket.id).where(Ticket.number == bindparam("number")).scalar_subquery()


@functools.cache
def missed_statement(*, for_staff: bool) -> Select[*tuple[Any, ...]]:
    messages = messages_of(ITS_ID, for_staff=for_staff)
    return (
        select(messages.c.position, messages.c.author_name, func.count().over().label("count"))
        .where(messages.c.position > bindparam("position"))
        .order_by(messages.c.position.desc())
        .limit(literal_column("1"))
    )


def written_since(caller: Caller, number: int, position: int) -> Question[Row | None]:
    """How many messages this person has missed, who wrote the last one, and its position."""
    statement = missed_statement(for_staff=is_staff(caller))
    part = Part(statement, {"number": number, "position": position})
    return Question([part], Rows.one_or_none)


async def last_visible(session: AsyncSession, ticket_id: UUID) -> Message:
    """The last message that the customer may read; there is always one."""
    visible = select(Message).where(Message.ticket_id == ticket_id, VISIBLE)
    return (await session.scalars(visible.order_by(Message.position.desc()).limit(1))).one()


TICKET_ID: ColumnElement[UUID] = bindparam("ticket_id", type_=Uuid)
ALL_MESSAGES = messages_of(TICKET_ID, for_staff=True)
NEWEST_OF_CUSTOMER = select(func.max(ALL_MESSAGES.c.position)).where(
    ALL_MESSAGES.c.kind == MessageKind.CUSTOMER
)


async def newest_of_customer(reader: Reader, ticket_id: UUID) -> int:
    """The position, as staff know it, of the customer's last message."""
    return await reader.scalar(NEWEST_OF_CUSTOMER, {"ticket_id": ticket_id})


IS_UNREAD = select(Ticket.unread).where(Ticket.number == bindparam("number"))


async def is_unread(reader: Reader, number: int) -> bool:
    """Whether the customer wrote something that no staff member has opened yet."""
    if (unread := await reader.scalar(IS_UNREAD, {"number": number})) is None:
        raise TicketUnknown("no request has this number")
    return unread
