"""Checks what has come, stores it, and once a day compares the store with the table."""

import asyncio
import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.clock import now
from chassis.data.database import Database
from chassis.errors import Refusal
from chassis.files import kinds, pictures, scanning
from chassis.files.store import TROUBLE, Objects
from chassis.http import uploads
from contracts.tickets.api import FileForm
from tickets.models import File

SETTLES_WITHIN = timedelta(days=1)  # nobody writes an object for longer than that
PIECE = 1024 * 1024


class CheckLater(Refusal):
    """The scanner or the store does not answer; the file waits."""

    code = "check_later"


class Unfit(Exception):
    """`code` says why a file is refused."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Checks:
    """How files are checked: `scanner` is the `host:port` of clamd, or empty."""

    objects: Objects
    limits: pictures.Limits
    kinds: frozenset[str]
    scanner: str
    keep_originals: bool

    async def check(
        self, session: AsyncSession, file_id: UUID, content: IO[bytes]
    ) -> Mapping[str, Any]:
        """Check a file that has come whole, store it, and set its state. Raises `CheckLater`.

        The objects are written before the row is committed; what a check that is cut off has
        written is written again, or deleted by the daily job.
        """
        await session.execute(text("SET LOCAL idle_in_transaction_session_timeout = '5min'"))
        file = await session.scalar(select(File).where(File.id == file_id))
        if file is None or file.draft_id is None:
            return {}  # it was removed meanwhile
        try:
            found = await self.examined(file_id, content)
        except Unfit as unfit:
            found = {"state": "refused", "refusal": unfit.code}
        except (scanning.ScannerFailed, *TROUBLE) as trouble:
            raise CheckLater(f"files wait to be checked: {trouble}") from trouble
        if "kind" in found:
            found["name"] = kinds.with_ending(file.name, found["kind"])
        await session.execute(update(File).where(File.id == file_id).values(found))
        return {}

    async def examined(self, file_id: UUID, content: IO[bytes]) -> dict[str, Any]:
        """What is stored of a file that is fit. Raises `Unfit`."""
        kind = kinds.kind_of(content.read(kinds.HEAD))
        if kind not in self.kinds:
            raise Unfit("file_kind_refused")
        if self.scanner and await scanning.virus_in(content, self.scanner):
            raise Unfit("file_virus")
        found = {"state": "ready", "kind": kind, "digest": await asyncio.to_thread(digest, content)}
        if kind in kinds.PICTURES:
            found |= await self.drawn(file_id, content)
        if kind not in kinds.PICTURES or self.keep_originals:
            await self.objects.put(key_of(file_id, FileForm.ORIGINAL), content)
        return found

    async def drawn(self, file_id: UUID, content: IO[bytes]) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            paths = {form: Path(folder) / form for form in (FileForm.SHOWN, FileForm.THUMBNAIL)}
            try:
                picture = await pictures.draw(content, *paths.values(), self.limits)
            except pictures.PictureRefused as refused:
                raise Unfit(refused.code) from None
            for form, path in paths.items():
                with path.open("rb") as written:
                    await self.objects.put(key_of(file_id, form), written)
        return {"shown_kind": picture.kind, "width": picture.width, "height": picture.height}


def key_of(file_id: UUID, form: FileForm) -> str:
    return f"{file_id}/{form}"


def main_form(file: Any) -> FileForm:
    """In what form everybody reads it."""
    return FileForm.ORIGINAL if file.shown_kind is None else FileForm.SHOWN


def digest(content: IO[bytes]) -> str:
    content.seek(0)
    found = hashlib.sha256()
    while piece := content.read(PIECE):
        found.update(piece)
    return found.hexdigest()


# --- Once a day ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class CleanedUp:
    """How many rows and objects were deleted, and how many files the store has lost."""

    rows: int
    objects: int
    missing: int


async def clean_up(database: Database, objects: Objects) -> CleanedUp:
    """Delete files of no draft and no message, and objects of no file; note what is missing.

    Can be repeated, ended at any moment, and done by several replicas at once.
    """
    rows = await delete_forgotten(database)
    deleted, stored = 0, set[str]()
    async for batch in objects.listed():
        of_files = {each.key: id_of(each.key) for each in batch}
        known = await known_files(database, {each for each in of_files.values() if each})
        stored |= {key for key, file_id in of_files.items() if file_id in known}
        orphans = [
            each.key
            for each in batch
            if of_files[each.key] not in known and is_settled(each.stored_at)
        ]
        await objects.delete(orphans)
        deleted += len(orphans)
    return CleanedUp(rows, deleted, await note_missing(database, stored))


def id_of(key: str) -> UUID | None:
    try:
        return UUID(key.split("/", maxsplit=1)[0])
    except ValueError:
        return None


def is_settled(moment: datetime) -> bool:
    return moment < now() - SETTLES_WITHIN


async def delete_forgotten(database: Database) -> int:
    """Rows of no draft and no message, and of uploads that were given up."""
    nowhere = File.draft_id.is_(None) & File.message_id.is_(None)
    upload = select(uploads.Upload.id).where(uploads.Upload.id == File.id).exists()
    given_up = (File.state == "receiving") & ~upload
    async with database.transaction() as session:
        gone = await session.execute(delete(File).where(nowhere | given_up).returning(File.id))
        return len(gone.all())


async def known_files(database: Database, ids: set[UUID]) -> set[UUID]:
    return set(await database.reader.scalars(select(File.id).where(File.id.in_(ids))))


async def note_missing(database: Database, stored: set[str]) -> int:
    """Files that were ready before the store was listed and are not in it."""
    ready = (File.state == "ready") & (File.made_at < now() - SETTLES_WITHIN)
    async with database.transaction() as session:
        found = await session.execute(select(File.id, File.shown_kind).where(ready))
        lost = [row.id for row in found if key_of(row.id, main_form(row)) not in stored]
        await session.execute(update(File).where(ready, File.missing).values(missing=False))
        if lost:
            await session.execute(update(File).where(File.id.in_(lost)).values(missing=True))
    return len(lost)


async def mark_missing(database: Database, file_id: UUID) -> None:
    async with database.transaction() as session:
        await session.execute(update(File).where(File.id == file_id).values(missing=True))
