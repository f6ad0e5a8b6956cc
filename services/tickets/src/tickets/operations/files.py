"""Files as people handle them: begun in a draft, removed, sent with a message."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.clock import now
from chassis.data.database import new_id
from chassis.data.writing import flush_pending, reader_of
from chassis.errors import TooMany
from chassis.files import kinds
from chassis.http import uploads
from chassis.http.auth import Caller
from tickets.models import (
    Draft,
    File,
    FileEmpty,
    FileNameless,
    FileNotOfDraft,
    FileNotReady,
    FileTooLarge,
    FileUnknown,
    FileWasRefused,
    TooManyFiles,
    is_staff,
)
from tickets.queries import tickets as queries
from tickets.queries.files import of_draft

KIND = "file"  # of upload
MAX_UNFINISHED = MAX_WAITING = 30  # uploads of one person
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class FileBounds:
    files: int  # of one message
    bytes: int  # of one file
    an_hour: int  # of one customer


class NewFile(NamedTuple):
    name: str
    length: int  # in bytes


class TooManyFilesAnHour(TooMany):
    code = "too_many_files_an_hour"


async def begin(
    session: AsyncSession,
    writer: Caller,
    number: int | None,
    new: NewFile,
    bounds: FileBounds,
) -> uploads.Upload:
    """Begin a file of the writer's draft in this request or, without a number, of a new one."""
    name, length = new
    if not name.strip():
        raise FileNameless("a file needs a name", field="filename")
    if length == 0:
        raise FileEmpty("the file is empty")
    if length > bounds.bytes:
        raise FileTooLarge(f"{bounds.bytes} bytes at most", context={"longest": bounds.bytes})
    if number is not None:
        await queries.ticket(await reader_of(session), writer, number)  # one's own, or staff
    draft_id = await own_draft(session, writer, number)
    if (await session.scalar(of_draft(draft_id)) or 0) >= bounds.files:
        raise TooManyFiles(f"{bounds.files} files at most", context={"most": bounds.files})
    if not is_staff(writer):
        await refuse_floods(session, writer, bounds.an_hour)
    upload = await uploads.begin(
        session,
        writer.id,
        KIND,
        length,
        longest=bounds.bytes,
        unfinished_most=MAX_UNFINISHED,
        waiting_most=MAX_WAITING,
    )
    session.add(
        File(
            id=upload.id,
            person_id=writer.id,
            draft_id=draft_id,
            name=kinds.plain_name(name),
            size=length,
            made_at=now(),
        )
    )
    return upload


async def refuse_floods(session: AsyncSession, writer: Caller, most: int) -> None:
    lately = select(func.count()).where(File.person_id == writer.id, File.made_at > now() - HOUR)
    if (await session.scalar(lately) or 0) >= most:
        raise TooManyFilesAnHour(
            f"at most {most} in an hour", context={"most": most}, retry_after=600
        )


async def own_draft(session: AsyncSession, writer: Caller, number: int | None) -> UUID:
    """The writer's draft, begun if there is none, and locked: its files are counted in turn."""
    begun = postgresql.insert(Draft).values(
        id=new_id(),
        person_id=writer.id,
        number=number,
        saved_at=now(),
        text="",
        kind="reply",
        subject="",
    )
    await session.execute(begun.on_conflict_do_nothing(constraint="uq_drafts_person_id"))
    its_id = select(Draft.id).where(
        Draft.person_id == writer.id, Draft.number.is_not_distinct_from(number)
    )
    return (await session.scalars(its_id.with_for_update())).one()


async def remove(session: AsyncSession, writer: Caller, file_id: UUID) -> None:
    """Take a file out of one's own draft; what has been sent stays. Idempotent.

    The daily job deletes what the store has of it.
    """
    await session.execute(
        delete(File).where(
            File.id == file_id, File.person_id == writer.id, File.message_id.is_(None)
        )
    )
    mine = select(uploads.Upload.id).where(
        uploads.Upload.id == file_id, uploads.Upload.owner_id == writer.id
    )
    free = mine.with_for_update(skip_locked=True)  # one that is being checked goes in a day
    await session.execute(delete(uploads.Upload).where(uploads.Upload.id.in_(free)))


async def attach(
    session: AsyncSession,
    author: Caller,
    number: int | None,
    message_id: UUID,
    *,
    file_ids: Sequence[UUID],
    most: int,
) -> None:
    """Send these files of the author's draft with a message, in this order: all of them, or none.

    409 `file_not_of_draft`, `file_not_ready`, `file_refused`, `too_many_files`.
    """
    if not file_ids:
        return
    if len(set(file_ids)) > most:
        raise TooManyFiles(f"{most} files at most", context={"most": most})
    await flush_pending(session)  # the message
    draft = select(Draft.id).where(
        Draft.person_id == author.id, Draft.number.is_not_distinct_from(number)
    )
    found = await session.execute(
        select(File.id, File.state)
        .where(
            File.id.in_(file_ids),
            File.person_id == author.id,
            File.draft_id == draft.scalar_subquery(),
        )
        .with_for_update()
    )
    states = {row.id: row.state for row in found}
    for file_id in file_ids:
        refuse_unfit(states.get(file_id), file_id)
    for place, file_id in enumerate(dict.fromkeys(file_ids)):
        await session.execute(
            update(File)
            .where(File.id == file_id)
            .values(message_id=message_id, draft_id=None, place=place)
        )


def refuse_unfit(state: str | None, file_id: UUID) -> None:
    about = {"file_id": str(file_id)}
    if state is None:
        raise FileNotOfDraft("no file of this draft has this id", context=about)
    if state == "refused":
        raise FileWasRefused("this file was refused; remove it", context=about)
    if state != "ready":
        raise FileNotReady("this file is still coming, or being checked", context=about)


async def own_upload(
    session: AsyncSession, writer: Caller, file_id: UUID, *, changing: bool = False
) -> uploads.Upload:
    """Remove one's own file that is not sent yet; 404 `file_unknown`."""
    is_there = select(File.id).where(
        File.id == file_id, File.person_id == writer.id, File.message_id.is_(None)
    )
    if await session.scalar(is_there) is None:
        raise FileUnknown("no file of yours that is not sent has this id")
    return await uploads.find(session, file_id, writer.id, KIND, changing=changing)
