"""Uploads in parts, by what is stored of them: whose they are, how many, what becomes of them."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import IO, Any
from uuid import UUID, uuid4

import pytest
from alembic.migration import MigrationContext
from alembic.operations import Operations
from fastapi import HTTPException
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from chassis import migrations
from chassis.data.database import Database
from chassis.errors import NotFound, Refusal, TooMany
from chassis.http import uploads
from chassis.http.uploads import Part, Upload
from chassis.testing import somebody_waits
from waiting import eventually

LONGEST = 100
ANNE, BEN = uuid4(), uuid4()


@pytest.fixture
async def database(database: Database) -> Database:
    def create(connection: Any) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            migrations.create_upload_tables()

    async with database.engine.begin() as connection:
        await connection.run_sync(create)
    return database


async def begun(session: AsyncSession, owner: UUID = ANNE, length: int = 6) -> Upload:
    return await uploads.begin(session, owner, "import", length, longest=LONGEST)


async def whole(database: Database, content: bytes = b"abcdef", kind: str = "import") -> UUID:
    """One that waits to be worked on, in parts of four bytes."""
    async with database.transaction() as session:
        upload = await uploads.begin(session, ANNE, kind, len(content), longest=LONGEST)
        for at in range(0, len(content), 4):
            await uploads.append(session, upload, at, content[at : at + 4])
        return upload.id


async def stored(database: Database, upload_id: UUID) -> Upload:
    async with database.transaction() as session:
        return await session.get_one(Upload, upload_id)


async def parts(database: Database) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(Part)) or 0


# --- Beginning and sending -----------------------------------------------------------------------


async def test_a_new_upload_is_empty_and_shows_when_it_expires(database):
    async with database.transaction() as session:
        upload = await begun(session, length=LONGEST)
    found = await stored(database, upload.id)
    assert (found.owner_id, found.kind, found.length) == (ANNE, "import", LONGEST)
    assert (found.received, found.failures, found.settled_at, found.outcome) == (0, 0, None, None)
    found.begun_at = datetime(2026, 11, 30, 12, tzinfo=UTC)
    found.received = 7
    assert uploads.headers_of(found) == {
        "Tus-Resumable": "1.0.0",
        "Upload-Offset": "7",
        "Upload-Length": "100",
        "Upload-Expires": "Tue, 01 Dec 2026 12:00:00 GMT",
    }


async def test_one_that_is_too_long_is_refused_with_the_most_there_may_be(database):
    async with database.transaction() as session:
        with pytest.raises(uploads.UploadTooLarge) as refused:
            await begun(session, length=LONGEST + 1)
        assert (refused.value.status, refused.value.code) == (413, "body_too_large")
        assert refused.value.context == {"longest": LONGEST}
        upload = await begun(session, length=6)
        with pytest.raises(uploads.UploadTooLarge) as refused:
            await uploads.append(session, upload, 0, b"abcdefg")
        assert refused.value.context == {"longest": 6}
        with pytest.raises(uploads.OffsetWrong) as elsewhere:
            await uploads.append(session, upload, 3, b"def")
        assert (elsewhere.value.status, elsewhere.value.code) == (409, "upload_offset_wrong")
        assert elsewhere.value.context == {"offset": 0}
        await uploads.append(session, upload, 0, b"")
        await uploads.append(session, upload, 0, b"abcdef")
        assert upload.received == 6
    assert await parts(database) == 1


async def test_the_first_begun_is_given_up_where_a_person_has_too_many_unfinished(database):
    """Nobody else's, and none that has come whole."""
    done = await whole(database)
    async with database.transaction() as session:
        others = await begun(session, BEN)
        mine = [await begun(session) for _ in range(uploads.MAX_UNFINISHED)]
        at = datetime.now(UTC)
        for age, each in enumerate([others, *reversed(mine)]):
            each.begun_at = at - timedelta(minutes=10 if each is others else age)
        await session.flush()
        last = await begun(session)
        left = set(await session.scalars(select(Upload.id)))
    assert left == {done, others.id, last.id, *(each.id for each in mine[1:])}


async def test_what_waits_to_be_worked_on_is_counted_by_person(database):
    for _ in range(uploads.MAX_WAITING):
        last = await whole(database)
    async with database.transaction() as session:
        with pytest.raises(TooMany) as refused:
            await begun(session)
        assert refused.value.retry_after == 10
        await begun(session, BEN)
        await uploads.settle(session, last, {})
        await begun(session)


async def test_those_that_one_person_begins_at_once_are_counted_in_turn(database):
    async with database.transaction() as first:
        await begun(first)

        async def begins() -> None:
            async with database.transaction() as second:
                await begun(second)

        async with database.transaction() as third:
            await begun(third, BEN)  # somebody else's wait for nobody
        later = asyncio.create_task(begins())

        async def waits() -> None:
            assert await somebody_waits(database)

        await eventually(waits, pause=0.01)
    await later


async def test_an_upload_is_found_by_its_owner_and_kind_alone(database):
    async with database.transaction() as session:
        upload = await begun(session)
        for changing in (False, True):
            found = await uploads.find(session, upload.id, ANNE, "import", changing=changing)
            assert found is upload
        for upload_id, owner, kind in (
            (uuid4(), ANNE, "import"),
            (upload.id, BEN, "import"),
            (upload.id, ANNE, "other"),
        ):
            with pytest.raises(NotFound):
                await uploads.find(session, upload_id, owner, kind)
        await uploads.abandon(session, upload)
        await session.flush()
        with pytest.raises(NotFound):
            await uploads.find(session, upload.id, ANNE, "import")


async def test_other_versions_and_kinds_of_bodies_are_refused():
    await uploads.speaks_tus("1.0.0")
    await uploads.sends_a_part("application/offset+octet-stream")
    with pytest.raises(HTTPException) as refused:
        await uploads.speaks_tus("0.2.2")
    assert (refused.value.status_code, refused.value.headers) == (412, {"Tus-Version": "1.0.0"})
    with pytest.raises(HTTPException) as refused:
        await uploads.sends_a_part()
    assert refused.value.status_code == 415


# --- Working on them -----------------------------------------------------------------------------


class Works:
    """Remembers what it was given; answers or fails as it is told to."""

    def __init__(self, fails: Exception | None = None) -> None:
        self.fails, self.given = fails, list[bytes]()

    async def __call__(self, _: AsyncSession, __: UUID, file: IO[bytes]) -> Mapping[str, Any]:
        self.given.append(file.read())
        if self.fails:
            raise self.fails
        return {"rows": len(self.given)}


class Taken(Refusal):
    code = "taken"


async def test_the_oldest_that_is_whole_is_worked_on_once_and_its_parts_go(database):
    first, other = await whole(database, b"0123456789"), await whole(database, kind="other")
    second = await whole(database, b"abcdef")
    async with database.transaction() as session:
        await begun(session)  # and has not come
        earlier = datetime.now(UTC) - timedelta(minutes=1)
        await session.execute(update(Upload).where(Upload.id == second).values(begun_at=earlier))
    work = Works()
    assert await uploads.settle_next(database, "import", work)
    assert await uploads.settle_next(database, "import", work)
    assert not await uploads.settle_next(database, "import", work)
    assert work.given == [b"abcdef", b"0123456789"]
    for upload_id, rows in ((second, 1), (first, 2)):
        found = await stored(database, upload_id)
        assert found.outcome == {"rows": rows}
        assert found.settled_at is not None
    assert (await stored(database, other)).settled_at is None
    assert await parts(database) == 2


async def test_what_another_replica_works_on_is_left_to_it(database):
    await whole(database)
    second = await whole(database, b"xyz")
    work = Works()

    async def works_too(session: AsyncSession, _: UUID, file: IO[bytes]) -> Mapping[str, Any]:
        assert await uploads.settle_next(database, "import", work)
        assert not await uploads.settle_next(database, "import", work)
        return {}

    assert await uploads.settle_next(database, "import", works_too)
    assert work.given == [b"xyz"]
    assert (await stored(database, second)).outcome == {"rows": 1}


async def test_a_refusal_is_the_outcome_unless_it_is_for_later(database):
    upload_id = await whole(database)
    refuses = Works(fails=Taken("somebody has it", context={"since": 2020}))
    with pytest.raises(Taken):
        await uploads.settle_next(database, "import", refuses, later=Taken)
    assert (await stored(database, upload_id)).settled_at is None
    assert await uploads.settle_next(database, "import", refuses, later=NotFound)
    found = await stored(database, upload_id)
    assert found.outcome == {
        "refusal": {"code": "taken", "detail": "somebody has it", "context": {"since": 2020}}
    }
    assert (found.settled_at is not None, found.failures) == (True, 0)
    assert await parts(database) == 0


async def test_work_that_fails_is_tried_so_often_and_trouble_that_passes_is_not_counted(database):
    upload_id, other = await whole(database), await whole(database)
    passes, breaks = Works(fails=ConnectionResetError()), Works(fails=RuntimeError("a bug"))
    with pytest.raises(ConnectionResetError):
        await uploads.settle_next(database, "import", passes)
    for tries in range(1, uploads.TRIES + 1):
        found = await stored(database, upload_id)
        assert (found.failures, found.settled_at) == (tries - 1, None)
        with pytest.raises(RuntimeError):
            await uploads.settle_next(database, "import", breaks)
    found = await stored(database, upload_id)
    assert found.outcome == {"refusal": {"code": "failed", "detail": "see the log", "context": {}}}
    assert found.settled_at is not None
    assert (await stored(database, other)).failures == 0
    await uploads.count_failure(database, upload_id)  # too late: another has settled it
    async with database.transaction() as session:
        await uploads.settle(session, upload_id, {"rows": 1})
    again = await stored(database, upload_id)
    assert (again.failures, again.outcome) == (uploads.TRIES, found.outcome)
