"""Files: of a draft, of a message, of a request; and who may read them."""

from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Select,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    literal_column,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by

from chassis.data.reading import Reader
from chassis.http.auth import Caller
from chassis.http.uploads import Upload
from contracts.tickets import api
from tickets.models import VISIBLE, Draft, File, FileUnknown, Message, Ticket, is_staff

MAX_LISTED = 500


def as_list(columns: dict[str, Any], order: Any) -> ColumnElement[Any]:
    """A JSON array of the files found; empty where there are none."""
    pairs = [
        part for name, column in columns.items() for part in (literal_column(f"'{name}'"), column)
    ]
    one = func.jsonb_build_object(*pairs)
    array = func.jsonb_agg(aggregate_order_by(one, order), type_=JSONB)
    return func.coalesce(array, literal_column("'[]'::jsonb"), type_=JSONB)


SENT = {name: getattr(File, name) for name in api.File.model_fields}
OF_MESSAGE = (
    select(as_list(SENT, File.place))
    .where(File.message_id == Message.id)
    .correlate(Message)
    .scalar_subquery()
    .label("files")
)

RECEIVING = File.state == "receiving"
HAS_FAILED = and_(RECEIVING, Upload.settled_at.is_not(None))
# An upload that was given up, or has become too old, takes its file with it.
IS_THERE = or_(~RECEIVING, Upload.id.is_not(None))
DRAFTED = {
    "id": File.id,
    "name": File.name,
    "size": File.size,
    "received": case((RECEIVING, Upload.received), else_=File.size),
    "state": case(
        (HAS_FAILED, "refused"),
        (and_(RECEIVING, Upload.received == Upload.length), "checking"),
        else_=File.state,
    ),
    "refusal": case((HAS_FAILED, "file_failed"), else_=File.refusal),
    "kind": File.kind,
    "width": File.width,
    "height": File.height,
}
OF_DRAFT = (
    select(as_list(DRAFTED, File.id))
    .select_from(File)
    .outerjoin(Upload, Upload.id == File.id)
    .where(File.draft_id == Draft.id, IS_THERE)
    .correlate(Draft)
    .scalar_subquery()
    .label("files")
)


def of_draft(draft_id: UUID) -> Select[Any]:
    """How many files a draft has."""
    joined = select(func.count()).select_from(File).outerjoin(Upload, Upload.id == File.id)
    return joined.where(File.draft_id == draft_id, IS_THERE)


ONE_DRAFTED = (
    select(*(column.label(name) for name, column in DRAFTED.items()))
    .select_from(File)
    .outerjoin(Upload, Upload.id == File.id)
    .where(
        File.id == bindparam("file_id", type_=Uuid),
        File.person_id == bindparam("person_id", type_=Uuid),
        File.message_id.is_(null()),
        IS_THERE,
    )
)


async def drafted(reader: Reader, writer: Caller, file_id: UUID) -> api.DraftFile:
    """One's own file that is not sent yet."""
    values = {"file_id": file_id, "person_id": writer.id}
    row = (await reader.execute(ONE_DRAFTED, values)).one_or_none()
    if row is None:
        raise FileUnknown("no file of yours that is not sent has this id")
    return api.DraftFile.model_validate(row)


# --- Sent ---------------------------------------------------------------------------------------

READABLE = (
    select(*File.__table__.columns)
    .outerjoin(Message, Message.id == File.message_id)
    .outerjoin(Ticket, Ticket.id == Message.ticket_id)
    .where(File.id == bindparam("file_id", type_=Uuid), File.state == "ready")
)
OWN = and_(
    File.message_id.is_(null()),
    File.draft_id.is_not(null()),
    File.person_id == bindparam("person_id", type_=Uuid),
)
BY_STAFF = READABLE.where(or_(OWN, File.message_id.is_not(null())))
BY_CUSTOMER = READABLE.where(
    or_(
        OWN,
        and_(
            Message.id.is_not(null()),
            VISIBLE,
            Ticket.customer_id == bindparam("person_id", type_=Uuid),
        ),
    )
)


async def readable(reader: Reader, caller: Caller, file_id: UUID) -> Any:
    """The row of a file that this caller may read: of a request, or of their own draft."""
    statement = BY_STAFF if is_staff(caller) else BY_CUSTOMER
    values = {"file_id": file_id, "person_id": caller.id}
    row = (await reader.execute(statement, values)).one_or_none()
    if row is None:
        raise FileUnknown("no file has this id")
    return row


async def of_ticket(reader: Reader, caller: Caller, number: int) -> api.FilesOfTicket:
    """The files of a request that the caller may see."""
    shown = true() if is_staff(caller) else VISIBLE
    rows = await reader.execute(
        select(
            *SENT.values(),
            Message.id.label("message_id"),
            Message.kind.label("message_kind"),
            Message.author_name,
            Message.sent_at,
        )
        .join(Message, Message.id == File.message_id)
        .join(Ticket, Ticket.id == Message.ticket_id)
        .where(Ticket.number == number, shown)
        .order_by(Message.position.desc(), File.place)
        .limit(MAX_LISTED)
    )
    return api.FilesOfTicket(files=[api.FileOfTicket.model_validate(row) for row in rows])


async def names(reader: Reader, message_id: UUID) -> list[str]:
    """The names of a message's files, for the mail about it."""
    found = select(File.name).where(File.message_id == message_id).order_by(File.place)
    return list(await reader.scalars(found))


async def of_person(reader: Reader, person_id: UUID) -> list[UUID]:
    """All files that a person has sent or begun: for what exports or erases their data."""
    found = select(File.id).where(File.person_id == person_id).order_by(File.id)
    return list(await reader.scalars(found))
