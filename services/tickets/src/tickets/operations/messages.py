"""Messages, notes, last words, and the time spent on them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from chassis.clock import now
from chassis.data.reading import Question
from chassis.data.writing import reader_of
from chassis.errors import Refusal
from chassis.http.auth import Caller
from chassis.messaging.outbox import publish
from contracts.tickets.api import Composed, NewMessage, NewNote, Resolution, Status, What
from contracts.tickets.events import TicketMessageAdded
from tickets.models import Message, Ticket, TicketAlreadyResolved, is_staff, side_of
from tickets.operations.bounds import Bounds, within
from tickets.operations.changes import add_message_later, notify, store_later
from tickets.operations.drafts import forget_draft
from tickets.operations.tickets import close
from tickets.queries import tickets as queries


class AnsweredMeanwhile(Refusal):
    """Somebody wrote after what the writer had seen; `send_anyway` overrides it."""

    code = "answered_meanwhile"


@dataclass(frozen=True)
class Locked:
    """A request to be changed, and what its writer has missed since they read it; None: nothing."""

    ticket: Ticket
    missed: Any


def locked(writer: Caller, number: int, composed: Composed) -> Question[Locked]:
    """Locks the request and then reads what writing in it requires, such as missed messages."""
    ticket = queries.ticket_for_update(writer, number)
    if composed.seen_position is None or composed.send_anyway:
        return Question(ticket.parts, lambda rows: Locked(ticket.answer(rows), None))
    missed = queries.written_since(writer, number, composed.seen_position)
    return Question(
        [*ticket.parts, *missed.parts],
        lambda rows, later: Locked(ticket.answer(rows), missed.answer(later)),
    )


def add_message(session: AsyncSession, author: Caller, locked: Locked, new: NewMessage) -> Message:
    """Reply as staff, or write as the customer; with `resolve`, close the request at once."""
    ticket = locked.ticket
    refuse_what_crossed(locked)
    message = ticket.take_message(author=author, text=new.text, at=now(), minutes=new.minutes)
    send(session, author, ticket, message, files=len(new.files))
    if new.resolve:
        close(session, author, ticket)
    store_later(session, ticket)
    return message


async def resolve(
    session: AsyncSession, caller: Caller, number: int, resolution: Resolution, bounds: Bounds
) -> None:
    """Close the request, with a last message if there is one. Idempotent.

    Another last message, when the request is closed already, is refused as any message is.
    """
    reader = await reader_of(session)
    found = await reader.ask(locked(caller, number, resolution))
    ticket, version = found.ticket, found.ticket.version
    if resolution.text is not None and not await is_repeated(session, caller, ticket, resolution):
        await reader.ask(within(caller, bounds))
        refuse_what_crossed(found)
        message = ticket.take_message(
            author=caller, text=resolution.text, at=now(), minutes=resolution.minutes
        )
        send(session, caller, ticket, message)
        forget_draft(session, caller, number)
    close(session, caller, ticket)
    if ticket.version > version:
        store_later(session, ticket)


async def is_repeated(
    session: AsyncSession, caller: Caller, ticket: Ticket, resolution: Resolution
) -> bool:
    """Whether this person resolved the request with this message."""
    if ticket.status != Status.RESOLVED:
        return False
    last = await queries.last_visible(session, ticket.id)
    return last.author_id == caller.id and last.text == resolution.text


def add_note(session: AsyncSession, author: Caller, locked: Locked, new: NewNote) -> Message:
    """A note to other staff: publishes nothing and changes nothing that a customer may see."""
    ticket = locked.ticket
    refuse_what_crossed(locked)
    note = ticket.take_note(author=author, text=new.text, at=now(), minutes=new.minutes)
    add_message_later(session, note)
    notify(session, ticket, What.NOTE, by_staff=True)
    return note


def refuse_what_crossed(locked: Locked) -> None:
    """Refuse a message whose writer has not seen the last ones, unless they insist.

    A resolved request accepts nothing in any case; that refusal also says what was missed.
    """
    missed = locked.missed
    if missed is None:
        return
    context = {
        "count": missed.count,
        "last_author_name": missed.author_name,
        "last_position": missed.position,
    }
    if locked.ticket.status == Status.RESOLVED:
        raise TicketAlreadyResolved("a resolved request takes no more messages", context=context)
    raise AnsweredMeanwhile("somebody wrote meanwhile", context=context)


def send(
    session: AsyncSession, author: Caller, ticket: Ticket, message: Message, *, files: int = 0
) -> None:
    add_message_later(session, message)
    publish(
        session,
        TicketMessageAdded(
            ticket_id=ticket.id,
            version=ticket.version,
            number=ticket.number,
            customer_id=ticket.customer_id,
            message_id=message.id,
            author_id=author.id,
            author_side=side_of(author),
            status=Status(ticket.status),
            sent_at=message.sent_at,
            files=files,
        ),
    )
    notify(session, ticket, What.MESSAGE, by_staff=is_staff(author))


async def correct_minutes(
    session: AsyncSession, staff: Caller, message_id: UUID, minutes: int | None
) -> Message:
    """Change the time spent on anybody's reply or note; who changed it is recorded."""
    message, ticket = await queries.locked_message(session, message_id)
    correction = message.correct_minutes(minutes, by=staff, at=now())
    if correction is not None:
        session.add(correction)
        notify(session, ticket, What.MINUTES, by_staff=True)
        await session.flush()
    return message
