"""Adds, changes and removes quick replies."""

from uuid import UUID

from sqlalchemy import delete, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.clock import now
from chassis.data.database import new_id, refusing
from chassis.http.auth import Caller
from contracts.tickets.api import MAX_QUICK_REPLIES, NewQuickReply, QuickReplyChange
from tickets.models import (
    QuickReply,
    QuickReplyTitleTaken,
    QuickReplyUnknown,
    TooManyQuickReplies,
    check_variables,
)
from tickets.queries.desk.quick_replies import quick_reply


def title_taken() -> QuickReplyTitleTaken:
    return QuickReplyTitleTaken("another quick reply has this title", field="title")


async def add_quick_reply(session: AsyncSession, staff: Caller, new: NewQuickReply) -> QuickReply:
    check_variables(new.text)
    # So that two people at the same time cannot exceed the limit together.
    await session.execute(text("LOCK TABLE quick_replies IN SHARE ROW EXCLUSIVE MODE"))
    if await session.scalar(select(func.count()).select_from(QuickReply)) == MAX_QUICK_REPLIES:
        raise TooManyQuickReplies("remove one first", context={"most": MAX_QUICK_REPLIES})
    added = QuickReply(
        id=new_id(),
        title=new.title,
        text=new.text,
        changed_by=staff.id,
        changed_by_name=staff.name,
        changed_at=now(),
    )
    session.add(added)
    with refusing("uq_quick_replies_title", title_taken()):
        await session.flush()
    return added


async def change_quick_reply(
    session: AsyncSession, staff: Caller, quick_reply_id: UUID, change: QuickReplyChange
) -> QuickReply:
    """Fields that are not given stay."""
    changed = await quick_reply(session, quick_reply_id, lock=True)
    if change.text is not None:
        check_variables(change.text)
        changed.text = change.text
    changed.title = change.title or changed.title
    changed.changed_by, changed.changed_by_name, changed.changed_at = staff.id, staff.name, now()
    with refusing("uq_quick_replies_title", title_taken()):
        await session.flush()
    return changed


async def remove_quick_reply(session: AsyncSession, quick_reply_id: UUID) -> None:
    removed = await session.scalar(
        delete(QuickReply).where(QuickReply.id == quick_reply_id).returning(QuickReply.id)
    )
    if removed is None:
        raise QuickReplyUnknown("no quick reply has this id")
