"""Reads: a mail with everything about it, outcomes of mails, the state of the queue."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Select, bindparam, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data.reading import Part, Reader
from chassis.data.writing import reader_of
from chassis.errors import NotFound
from chassis.http import paging
from contracts.counts import COUNTED_MOST
from contracts.notifications import api
from contracts.notifications.api import Kind, State
from notifications.models import TOO_OLD, Base, Due, Mail, Person, Preferences, Reason, Ticket

T_ = TypeVar("T_")

MAX_DELIVERIES = 1_000


class MailUnknown(NotFound):
    code = "mail_unknown"


PREFERENCES = select(*Preferences.__table__.columns).where(
    Preferences.person_id == bindparam("person_id")
)


async def preferences(reader: Reader, person_id: UUID) -> Preferences:
    """This person's preferences, or the defaults."""
    row = (await reader.execute(PREFERENCES, {"person_id": person_id})).one_or_none()
    return Preferences(person_id=person_id) if row is None else Preferences(**row._asdict())


# --- One mail ---------------------------------------------------------------------------------


async def mail_to_change(session: AsyncSession, mail_id: UUID) -> Mail:
    """The mail, locked until the transaction ends."""
    found = await session.get(Mail, mail_id, with_for_update=True, populate_existing=True)
    if found is None:
        raise MailUnknown("no such mail")
    return found


async def due(session: AsyncSession, mail: Mail) -> Due:
    [found] = await dues(session, [mail])  # the caller has locked it: it exists
    return found


async def dues(session: AsyncSession, mails: list[Mail]) -> list[Due]:
    """Each mail with its person, their preferences, its request, its reasons and their authors.

    A mail that was deleted since it was read is left out.
    """
    values = {"ids": [mail.id for mail in mails]}
    reader = await reader_of(session)
    reasons, about = await reader.together(Part(REASONS, values), Part(ABOUT, values))
    written = [entities_of(row, Reason, Person) for row in reasons]
    known = {row[0]: entities_of(row[1:], Person, Preferences, Ticket) for row in about}
    return [
        Due(
            mail=mail,
            person=person,
            preferences=preferences or Preferences(person_id=mail.person_id),
            ticket=ticket,
            reasons=tuple(reason for reason, _ in written if reason.mail_id == mail.id),
            authors={author.id: author for _, author in written if author is not None},
        )
        for mail in mails
        if mail.id in known
        for person, preferences, ticket in [known[mail.id]]
    ]


def entities_of(values: Iterable[Any], *kinds: type[Base]) -> list[Any]:
    """One of each kind from its columns, one kind after the other; None for one that is not there.

    They are not the session's.
    """
    following = iter(values)
    states = [
        (kind, {column.name: next(following) for column in kind.__table__.columns})
        for kind in kinds
    ]
    return [
        None if all(value is None for value in state.values()) else kind(**state)
        for kind, state in states
    ]


IDS = bindparam("ids", expanding=True)
REASONS = (
    select(*Reason.__table__.columns, *Person.__table__.columns)
    .outerjoin(Person, Person.id == Reason.author_id)
    .where(Reason.mail_id.in_(IDS))
    .order_by(Reason.version, Reason.happened_at)
)
ABOUT = (
    select(
        Mail.id,
        *Person.__table__.columns,
        *Preferences.__table__.columns,
        *Ticket.__table__.columns,
    )
    .select_from(Mail)
    .outerjoin(Person, Person.id == Mail.person_id)
    .outerjoin(Preferences, Preferences.person_id == Mail.person_id)
    .outerjoin(Ticket, Ticket.id == Mail.ticket_id)
    .where(Mail.id.in_(IDS))
)


async def all_of(session: AsyncSession, statement: Select[T_]) -> list[T_]:
    fresh = statement.execution_options(populate_existing=True)
    return list((await session.scalars(fresh)).all())


# --- Outcomes ---------------------------------------------------------------------------------


# Read with every request that staff open: one statement, only the columns that are shown.
DELIVERIES = (
    select(
        Mail.id.label("mail_id"),
        Mail.kind,
        Mail.state,
        Mail.changed_at,
        func.array(
            select(Reason.message_id)
            .where(Reason.mail_id == Mail.id, Reason.message_id.is_not(None))
            .order_by(Reason.version, Reason.happened_at)
            .scalar_subquery()
        ).label("message_ids"),
    )
    .join(Ticket, Ticket.id == Mail.ticket_id)
    .where(
        Ticket.number == bindparam("ticket_number", type_=BigInteger),
        Mail.person_id == Ticket.customer_id,
        Mail.kind.in_([Kind.REPLY, Kind.RESOLVED]),
    )
    .order_by(Mail.id.desc())
    .limit(MAX_DELIVERIES)
)


async def deliveries(reader: Reader, ticket_number: int) -> api.Deliveries:
    """The customer's mails about this request, newest first."""
    found = await reader.execute(DELIVERIES, {"ticket_number": ticket_number})
    return api.Deliveries(deliveries=[api.Delivery.model_validate(row) for row in found])


def delivery(due: Due) -> api.Delivery:
    return api.Delivery(
        mail_id=due.mail.id,
        kind=due.kind,
        state=State(due.mail.state),
        message_ids=due.message_ids,
        changed_at=due.mail.changed_at,
    )


FAILED = Mail.state == State.FAILED


async def undelivered(
    session: AsyncSession, *, at: datetime, limit: int, after: str | None
) -> api.UndeliveredMails:
    """Failed mails, newest first; reads one more than shown to know of a next page."""
    statement = select(Mail).where(FAILED)
    if after is not None:
        last = paging.decode(after, datetime, UUID)
        statement = statement.where(tuple_(Mail.changed_at, Mail.id) < last)
    newest = statement.order_by(Mail.changed_at.desc(), Mail.id.desc()).limit(limit + 1)
    mails = await all_of(session, newest)
    shown = [undelivered_mail(due, at) for due in await dues(session, mails[:limit])]
    following = paging.encode(shown[-1].failed_at, shown[-1].id) if len(mails) > limit else None
    return api.UndeliveredMails(
        mails=shown, count=await failed(await reader_of(session)), next=following
    )


def undelivered_mail(due: Due, at: datetime) -> api.UndeliveredMail:
    mail, person = due.mail, due.person
    return api.UndeliveredMail(
        id=mail.id,
        kind=due.kind,
        person_id=mail.person_id,
        is_customer=person is not None and person.is_customer,
        first_name=person.first_name if person else "",
        last_name=person.last_name if person else "",
        email=mail.sent_to or due.email,
        email_now=due.email,
        ticket_number=due.ticket.number if due.ticket else None,
        attempts=mail.attempts,
        reason=mail.last_error or "",
        failed_at=mail.changed_at,
        can_be_resent=not due.is_obsolete(at),
        too_old=mail.last_error == TOO_OLD,
    )


async def failed(reader: Reader) -> int:
    """How many mails failed: exact up to 1,000, else 1,001."""
    some = select(Mail.id).where(FAILED).limit(COUNTED_MOST + 1).subquery()
    return await number(reader, select(func.count()).select_from(some))


async def too_old(reader: Reader) -> int:
    """Mails that were not sent because their event arrived too late."""
    statement = select(func.count()).select_from(Mail).where(FAILED, Mail.last_error == TOO_OLD)
    return await number(reader, statement)


async def number(reader: Reader, statement: Select[int]) -> int:
    return (await reader.execute(statement)).scalar_one()


# --- The queue --------------------------------------------------------------------------------


def overdue(at: datetime) -> ColumnElement[bool]:
    return (Mail.state == State.WAITING) & (Mail.wanted_at <= at)


async def queue(reader: Reader, *, at: datetime) -> api.Queue:
    waiting, oldest = await depth(reader, at=at)
    sent = select(func.count()).where(
        Mail.state == State.SENT, Mail.changed_at > at - timedelta(days=1)
    )
    trouble = await last_trouble(reader)
    return api.Queue(
        waiting=waiting,
        oldest_seconds=oldest,
        sent_last_day=await number(reader, sent),
        failed=await failed(reader),
        last_trouble=trouble.last_error if trouble else None,
        last_trouble_at=trouble.changed_at if trouble else None,
    )


async def depth(reader: Reader, *, at: datetime) -> tuple[int, float]:
    """How many mails are due, and for how many seconds the oldest of them has been."""
    statement = select(func.count(), func.min(Mail.wanted_at)).where(overdue(at))
    count, oldest = (await reader.execute(statement)).one()
    return count, max(0.0, (at - oldest).total_seconds()) if oldest else 0.0


async def unready(reader: Reader) -> int:
    """Mails that wait for an event they need."""
    return await number(
        reader, select(func.count()).where(Mail.state == State.WAITING, Mail.waits > 0)
    )


async def last_trouble(reader: Reader) -> Any:
    """The newest mail that was delayed, unless one was sent since."""
    newest = (
        select(Mail.state, Mail.last_error, Mail.changed_at)
        .where(Mail.tried_at.is_not(None), Mail.state.in_([State.WAITING, State.SENT]))
        .where((Mail.state == State.SENT) | Mail.last_error.is_not(None))
        .order_by(Mail.tried_at.desc())
        .limit(1)
    )
    found = (await reader.execute(newest)).one_or_none()
    return found if found is not None and found.state == State.WAITING else None
