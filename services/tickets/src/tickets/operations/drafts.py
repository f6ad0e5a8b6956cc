"""Stores drafts until they are sent or deleted."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import BigInteger, bindparam, delete, exists, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.clock import now
from chassis.data.database import new_id
from chassis.data.writing import reader_of, run_later
from chassis.errors import Refusal
from chassis.http.auth import Caller
from chassis.http.idempotency import made_under
from chassis.pruning import Prunable
from contracts.tickets.api import DraftKind, DraftToKeep
from tickets.models import Draft, File, StaffOnly, is_staff
from tickets.queries import tickets as queries

# Forgotten drafts are deleted after that.
OLD_DRAFTS = Prunable("drafts", "saved_at < now() - interval '90 days'", "saved_at")


class AlreadySent(Refusal):
    """The draft arrived after its message was sent."""

    code = "already_sent"


async def keep_draft(
    session: AsyncSession, writer: Caller, number: int | None, draft: DraftToKeep
) -> None:
    """Store the draft; the last version replaces earlier ones, also from another device."""
    if not is_staff(writer) and (draft.kind != DraftKind.REPLY or draft.minutes is not None):
        raise StaffOnly("notes and time spent are reserved to staff")
    if number is not None:
        await queries.ticket(await reader_of(session), writer, number)  # 404 for another customer's
    if draft.key is not None and await made_under(session, writer, draft.key):
        raise AlreadySent("this draft was already sent")
    columns = draft.model_dump(exclude={"files"})
    upsert = postgresql.insert(Draft).values(
        id=new_id(), person_id=writer.id, number=number, saved_at=now(), **columns
    )
    draft_id = await session.scalar(
        upsert.on_conflict_do_update(
            constraint="uq_drafts_person_id",
            set_={name: upsert.excluded[name] for name in ("saved_at", *columns)},
        ).returning(Draft.id)
    )
    if draft.files:
        await take_along(session, writer, draft_id, draft.files)


async def take_along(
    session: AsyncSession, writer: Caller, draft_id: UUID | None, file_ids: Sequence[UUID]
) -> None:
    """Files of the writer that are not sent yet become those of this draft; others stay."""
    await session.execute(
        update(File)
        .where(File.id.in_(file_ids), File.person_id == writer.id, File.draft_id.is_not(None))
        .values(draft_id=draft_id)
    )


DRAFTS = Draft.__table__.c
MINE = delete(Draft.__table__).where(  # ty: ignore[invalid-argument-type]
    DRAFTS.person_id == bindparam("person_id"),
    DRAFTS.number.is_not_distinct_from(bindparam("number", type_=BigInteger)),
)
SENT = MINE.where((DRAFTS.key == bindparam("key")) | DRAFTS.key.is_(None))


HAS_FILES = exists().where(File.draft_id == DRAFTS.id)
WITHOUT_FILES = MINE.where(~HAS_FILES)
EMPTIED = (
    update(Draft.__table__)  # ty: ignore[invalid-argument-type]
    .where(
        DRAFTS.person_id == bindparam("person_id"),
        DRAFTS.number.is_not_distinct_from(bindparam("number", type_=BigInteger)),
    )
    .values(text="", subject="")
)


def forget_draft(
    session: AsyncSession,
    writer: Caller,
    number: int | None,
    *,
    key: str | None = None,
    keep_files: bool = False,
) -> None:
    """Delete one's own draft, or only the one with this key; of one with files, with `keep_files`,
    its text alone. Idempotent.
    """
    values = {"person_id": writer.id, "number": number}
    if keep_files:
        run_later(session, WITHOUT_FILES, values)
        run_later(session, EMPTIED, values)
        return
    if key is None:
        run_later(session, MINE, values)
    else:
        run_later(session, SENT, values | {"key": key})
