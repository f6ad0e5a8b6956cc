"""One request: read it, write in it, close it."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from chassis.data.database import Reading, Transaction
from chassis.data.writing import ending, reader_of
from chassis.http.bodies import LONG_BODY
from chassis.http.idempotency import Once
from chassis.http.routing import Routes
from contracts.tickets import api
from tickets.models import Message
from tickets.operations import messages as operations
from tickets.operations.bounds import within
from tickets.operations.drafts import forget_draft
from tickets.operations.files import attach
from tickets.queries import tickets as queries
from tickets.queries.files import names
from tickets.routes.parameters import (
    LAST_MESSAGES,
    Anyone,
    Before,
    Limit,
    MostFiles,
    Service,
    Staff,
    TheBounds,
)
from tickets.routes.snapshots import TheSnapshots

router = Routes("tickets")

Since = Annotated[
    int | None,
    Query(
        ge=0,
        lt=2**63,
        description="Only messages after this position; `previous` is then of no use.",
    ),
]


@router.get("/{number:ticket}")
async def thread(
    number: int, caller: Anyone, snapshots: TheSnapshots, reader: Reading
) -> api.StaffThread | api.Thread:
    """A request with its last messages; for staff with notes, time spent and priority."""
    return snapshots.of(await reader.ask(queries.thread(caller, number, limit=LAST_MESSAGES)))


@router.get("/{number:ticket}/messages")
async def messages(
    *,
    number: int,
    caller: Anyone,
    snapshots: TheSnapshots,
    reader: Reading,
    before: Before = None,
    since: Since = None,
    limit: Limit = LAST_MESSAGES,
) -> api.StaffThread | api.Thread:
    """Earlier messages of a request, or those after a message."""
    thread = queries.thread(caller, number, limit=limit, before=before, since=since)
    return snapshots.of(await reader.ask(thread))


@router.post("/{number:ticket}/messages", status_code=201, max_body_size=LONG_BODY)
async def add_message(
    *,
    number: int,
    new: api.NewMessage,
    author: Anyone,
    session: Transaction,
    once: Once,
    bounds: TheBounds,
    most_files: MostFiles,
) -> api.StaffMessage | api.Message:
    """Reply as staff, or write in your own request; `resolve` closes it at once.

    409 `file_not_ready`, `file_not_of_draft` or `file_refused` for a file that cannot be sent.
    409 `answered_meanwhile` if somebody wrote after `seen_position`, unless `send_anyway`. 429
    `too_many_messages` for a customer who has written too much within an hour.
    """

    async def make(_: None, locked: operations.Locked) -> Message:
        message = operations.add_message(session, author, locked, new)
        await attach(session, author, number, message.id, file_ids=new.files, most=most_files)
        forget_draft(session, author, number, key=once.key)
        return message

    async def read(message_id: UUID) -> api.StaffMessage | api.Message:
        return await queries.created_message(await ending(session), author, message_id)

    ahead = [within(author, bounds), operations.locked(author, number, new)]
    return await once.create(new, make, read, ahead=ahead)


@router.post("/{number:ticket}/notes", status_code=201, max_body_size=LONG_BODY)
async def add_note(
    *,
    number: int,
    new: api.NewNote,
    author: Staff,
    session: Transaction,
    once: Once,
    most_files: MostFiles,
) -> api.StaffMessage:
    """A note among staff; customers never see it, and no queue changes."""

    async def make(locked: operations.Locked) -> Message:
        note = operations.add_note(session, author, locked, new)
        await attach(session, author, number, note.id, file_ids=new.files, most=most_files)
        forget_draft(session, author, number, key=once.key)
        return note

    async def read(note_id: UUID) -> api.StaffMessage:
        return await queries.created_note(await ending(session), note_id)

    return await once.create(new, make, read, ahead=[operations.locked(author, number, new)])


@router.post("/{number:ticket}/resolution", max_body_size=LONG_BODY)
async def resolve(
    number: int,
    caller: Anyone,
    session: Transaction,
    bounds: TheBounds,
    resolution: api.Resolution | None = None,
) -> api.StaffTicket | api.Ticket:
    """Close a request, finally, with or without a last message. Idempotent."""
    await operations.resolve(session, caller, number, resolution or api.Resolution(), bounds)
    return await queries.ticket(await reader_of(session), caller, number)


@router.get("/messages/{message_id}/text")
async def visible_text(message_id: UUID, _: Service, reader: Reading) -> api.VisibleText:
    """The text that a mail may quote: never a note. For our own services, on the internal entry
    point.
    """
    text = await queries.visible_text(reader, message_id)
    return api.VisibleText(text=text, files=await names(reader, message_id))


@router.get("/{number:ticket}/subject")
async def subject(number: int, _: Service, reader: Reading) -> api.TicketSubject:
    """The subject, for mails about the request. For our own services, on the internal entry point."""
    return api.TicketSubject(subject=await queries.subject(reader, number))


# --- Time spent -------------------------------------------------------------------------------


@router.get("/messages/{message_id}/minutes")
async def time_spent(message_id: UUID, _: Staff, reader: Reading) -> api.TimeSpent:
    """The time spent on a reply or a note, and who corrected it."""
    return await queries.time_spent(reader, message_id)


@router.put("/messages/{message_id}/minutes")
async def correct_minutes(
    message_id: UUID, new: api.NewMinutes, staff: Staff, session: Transaction
) -> api.TimeSpent:
    """Correct the time spent on a message, also on a colleague's. Idempotent."""
    await operations.correct_minutes(session, staff, message_id, new.minutes)
    return await queries.time_spent(await reader_of(session), message_id)
