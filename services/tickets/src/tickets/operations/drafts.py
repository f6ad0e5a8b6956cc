"""Stores drafts until they are sent or deleted."""

from sqlalchemy import BigInteger, bindparam, delete
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
from tickets.models import Draft, StaffOnly, is_staff
from tickets.queries import tickets as queries

# Forgotten drafts are deleted after that.
OLD_DRAFTS = Prunable("drafts", "saved_at < now() - interval '90 days'", "saved_at")


class AlreadySent(Refusal):
    """The draft arrived after its message was sent."""

    code = "already_sent"


async def keep_draft(
    session: AsyncSession, writer: Caller, number: int | None, draft: DraftToKeep
) -> None:
    """The last version counts, from whatever device."""
    if not is_staff(writer) and (draft.kind != DraftKind.REPLY or draft.minutes is not None):
        raise StaffOnly("notes and time spent are reserved to staff")
    if number is not None:
        await queries.ticket(await reader_of(session), writer, number)  # one's own, or staff
    if draft.key is not None and await made_under(session, writer, draft.key):
        raise AlreadySent("this was sent")
    upsert = postgresql.insert(Draft).values(
        id=new_id(), person_id=writer.id, number=number, saved_at=now(), **draft.model_dump()
    )
    await session.execute(
        upsert.on_conflict_do_update(
            constraint="uq_drafts_person_id",
            set_={name: upsert.excluded[name] for name in ("saved_at", *DraftToKeep.model_fields)},
        )
    )


DRAFTS = Draft.__table__.c
MINE = delete(Draft.__table__).where(  # ty: ignore[invalid-argument-type]
    DRAFTS.person_id == bindparam("person_id"),
    DRAFTS.number.is_not_distinct_from(bindparam("number", type_=BigInteger)),
)
SENT = MINE.where((DRAFTS.key == bindparam("key")) | DRAFTS.key.is_(None))


def forget_draft(
    session: AsyncSession, writer: Caller, number: int | None, *, key: str | None = None
) -> None:
    """Delete one's own draft, or only the one with this key. Idempotent."""
    values = {"person_id": writer.id, "number": number}
    if key is None:
        run_later(session, MINE, values)
    else:
        run_later(session, SENT, values | {"key": key})
