"""Resumable uploads in parts (tus 1.0), stored in the database.

Each part is a request of its own and may reach any replica. When all have arrived, the upload is
processed in the background (`settle_next`), and its outcome is stored with it.
"""

import asyncio
import base64
import contextlib
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import IO, Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, HTTPException, Request
from sqlalchemy import BigInteger, ForeignKey, Index, MetaData, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from starlette.requests import ClientDisconnect

from chassis.data.database import NAMES, TYPES, Database, new_id
from chassis.errors import NotFound, Refusal, TooMany
from chassis.outages import is_transient
from chassis.pruning import Prunable

SCHEMA = "uploads"
VERSION = "1.0.0"
KEPT = timedelta(days=1)  # from its start, whether finished or not
MAX_UNFINISHED = 5  # of a person: a further one replaces the oldest
BEGIN_LOCK = 0x746F73  # with the owner's id
MAX_WAITING = 5  # of a person: complete ones that are not processed yet
TRIES = 3  # of a work that fails, before that is its outcome
OLD = Prunable("uploads.uploads", "begun_at < now() - :kept", "begun_at", {"kept": KEPT})
KEPT_IN_MEMORY = 1_000_000  # bytes; more goes to a file that has no name


class Uploads(DeclarativeBase):
    metadata = MetaData(schema=SCHEMA, naming_convention=NAMES)
    type_annotation_map = TYPES | {dict[str, Any]: JSONB}


class Upload(Uploads):
    """`kind` is what it is for; `outcome` is set once it has been processed."""

    __tablename__ = "uploads"
    __table_args__ = (
        Index("ix_uploads_whole", "begun_at", postgresql_where=text("settled_at IS NULL")),
        Index("ix_uploads_owner", "owner_id"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    owner_id: Mapped[UUID]
    kind: Mapped[str]
    length: Mapped[int] = mapped_column(BigInteger)
    received: Mapped[int] = mapped_column(BigInteger)
    begun_at: Mapped[datetime] = mapped_column(server_default=func.now())
    failures: Mapped[int]
    settled_at: Mapped[datetime | None]
    outcome: Mapped[dict[str, Any] | None]


class Part(Uploads):
    __tablename__ = "parts"

    upload_id: Mapped[UUID] = mapped_column(
        ForeignKey(Upload.id, ondelete="CASCADE"), primary_key=True
    )
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    content: Mapped[bytes]


class UploadTooLarge(Refusal):
    status, code = 413, "body_too_large"


class OffsetWrong(Refusal):
    """`context.offset` is where to go on."""

    code = "upload_offset_wrong"


# --- What a route reads and answers --------------------------------------------------------------


async def speaks_tus(tus_resumable: Annotated[str | None, Header()] = None) -> None:
    """412 unless the client uses this version of the protocol."""
    if tus_resumable != VERSION:
        raise HTTPException(412, f"Tus-Resumable: {VERSION} is needed", {"Tus-Version": VERSION})


async def sends_a_part(content_type: Annotated[str | None, Header()] = None) -> None:
    if content_type != "application/offset+octet-stream":
        raise HTTPException(415, "a part is application/offset+octet-stream")


def metadata_of(given: str) -> dict[str, str]:
    """The pairs of `Upload-Metadata`: names, and values in base64; what is none is left out."""
    found = {}
    for pair in given.split(","):
        name, _, value = pair.strip().partition(" ")
        with contextlib.suppress(ValueError):
            found[name] = base64.b64decode(value, validate=True).decode()
    return found


Resumable, PartOnly = Depends(speaks_tus), Depends(sends_a_part)  # after the check of rights
Metadata = Annotated[str, Header(alias="Upload-Metadata", max_length=4096)]
Length = Annotated[int, Header(alias="Upload-Length", ge=0, lt=2**63)]
Offset = Annotated[int, Header(alias="Upload-Offset", ge=0, lt=2**63)]


def headers_of(upload: Upload) -> dict[str, str]:
    return {
        "Tus-Resumable": VERSION,
        "Upload-Offset": str(upload.received),
        "Upload-Length": str(upload.length),
        "Upload-Expires": format_datetime((upload.begun_at + KEPT).astimezone(UTC), usegmt=True),
    }


async def part_of(request: Request) -> bytes:
    """Store what arrived before a connection broke, so that it need not be sent again."""
    content = bytearray()
    with contextlib.suppress(ClientDisconnect):
        async for chunk in request.stream():
            content += chunk
    return bytes(content)


# --- Operations ----------------------------------------------------------------------------------


async def begin(
    session: AsyncSession,
    owner_id: UUID,
    kind: str,
    length: int,
    *,
    longest: int,
    unfinished_most: int = MAX_UNFINISHED,
    waiting_most: int = MAX_WAITING,
) -> Upload:
    """`length` and `longest` are bytes; 413 `body_too_large`, 429 `too_many`."""
    if length > longest:
        raise UploadTooLarge(f"{longest} bytes at most", context={"longest": longest})
    turn = func.pg_advisory_xact_lock(BEGIN_LOCK, func.hashtext(str(owner_id)))
    await session.execute(select(turn))  # those that one person begins at once are counted in turn
    waiting = await session.scalar(
        select(func.count()).where(
            Upload.owner_id == owner_id,
            Upload.received == Upload.length,
            Upload.settled_at.is_(None),
        )
    )
    if waiting is not None and waiting >= waiting_most:
        raise TooMany(f"{waiting} of your uploads wait to be worked on", retry_after=10)
    unfinished = (
        select(Upload.id)
        .where(Upload.owner_id == owner_id, Upload.received < Upload.length)
        .order_by(Upload.begun_at.desc(), Upload.id.desc())
        .offset(unfinished_most - 1)
    )
    await session.execute(
        delete(Upload).where(Upload.id.in_(unfinished), Upload.received < Upload.length)
    )
    upload = Upload(
        id=new_id(), owner_id=owner_id, kind=kind, length=length, received=0, failures=0
    )
    session.add(upload)
    await session.flush()
    await session.refresh(upload)
    return upload


async def find(
    session: AsyncSession, upload_id: UUID, owner_id: UUID, kind: str, *, changing: bool = False
) -> Upload:
    """Their own; 404."""
    found = select(Upload).where(
        Upload.id == upload_id, Upload.owner_id == owner_id, Upload.kind == kind
    )
    upload = await session.scalar(found.with_for_update() if changing else found)
    if upload is None:
        raise NotFound("there is no such upload of yours")
    return upload


async def append(session: AsyncSession, upload: Upload, offset: int, content: bytes) -> None:
    """To one that was found to be changed; 409 `upload_offset_wrong`, 413 `body_too_large`."""
    if offset != upload.received:
        raise OffsetWrong(f"go on at byte {upload.received}", context={"offset": upload.received})
    if offset + len(content) > upload.length:
        raise UploadTooLarge(
            f"it was to have {upload.length} bytes", context={"longest": upload.length}
        )
    if content:
        session.add(Part(upload_id=upload.id, position=offset, content=content))
        upload.received += len(content)


async def abandon(session: AsyncSession, upload: Upload) -> None:
    await session.delete(upload)


Work = Callable[[AsyncSession, UUID, IO[bytes]], Awaitable[Mapping[str, Any]]]


async def waiting(database: Database, kind: str) -> int:
    """How many complete uploads of this kind are not processed yet."""
    return await database.reader.scalar(
        select(func.count()).where(
            Upload.kind == kind, Upload.received == Upload.length, Upload.settled_at.is_(None)
        )
    )


async def settle_next(
    database: Database, kind: str, work: Work, *, later: type[Refusal] | None = None
) -> bool:
    """Process the oldest complete upload of this kind; whether there was one.

    The outcome is what `work` returns, stored in the same transaction, or the refusal it raises, as
    `refusal`. It is tried again where it raises `later`, and a few times where it fails.
    """
    upload_id: UUID | None = None
    try:
        async with database.transaction() as session:
            upload_id = await session.scalar(
                select(Upload.id)
                .where(
                    Upload.kind == kind,
                    Upload.received == Upload.length,
                    Upload.settled_at.is_(None),
                )
                .order_by(Upload.begun_at)
                .limit(1)
                .with_for_update(skip_locked=True)
            )
            if upload_id is None:
                return False
            with tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY) as file:
                await write_to(file, session, upload_id)
                outcome = await work(session, upload_id, file)
            await settle(session, upload_id, outcome)
    except Refusal as refusal:
        if upload_id is None or (later is not None and isinstance(refusal, later)):
            raise
        reason = {"code": refusal.code, "detail": refusal.detail, "context": refusal.context}
        async with database.transaction() as session:
            await settle(session, upload_id, {"refusal": reason})
    except Exception as error:
        if upload_id is not None and not is_transient(error):
            await count_failure(database, upload_id)
        raise
    return True


async def write_to(file: IO[bytes], session: AsyncSession, upload_id: UUID) -> None:
    """Part by part: memory stays flat."""
    position = 0
    while content := await session.scalar(
        select(Part.content).where(Part.upload_id == upload_id, Part.position == position)
    ):
        await asyncio.to_thread(file.write, content)
        position += len(content)
    file.seek(0)


async def settle(session: AsyncSession, upload_id: UUID, outcome: Mapping[str, Any]) -> None:
    """Store the result, unless another replica has done so meanwhile."""
    await session.execute(
        update(Upload)
        .where(Upload.id == upload_id, Upload.settled_at.is_(None))
        .values(settled_at=func.now(), outcome=dict(outcome))
    )
    await session.execute(delete(Part).where(Part.upload_id == upload_id))


async def count_failure(database: Database, upload_id: UUID) -> None:
    async with database.transaction() as session:
        failures = await session.scalar(
            update(Upload)
            .where(Upload.id == upload_id, Upload.settled_at.is_(None))
            .values(failures=Upload.failures + 1)
            .returning(Upload.failures)
        )
        if failures is not None and failures >= TRIES:
            reason = {"code": "failed", "detail": "see the log", "context": {}}
            await settle(session, upload_id, {"refusal": reason})
