"""The file of an import is sent in parts and can be resumed, by tus 1.0."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from psycopg.errors import LockNotAvailable
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError
from starlette.requests import Request
from starlette.types import Message

from catalog.app import take_imports
from catalog.models import Product
from catalog.routes import LARGEST_IMPORT
from chassis.http import uploads
from chassis.http.uploads import Part, Upload
from chassis.monitoring.loops import Loop
from chassis.pruning import prune
from chassis.testing import token
from contracts.uploads import PART_BYTES

TUS = {"Tus-Resumable": "1.0.0"}
FILE = b"reference,designation,on_sale\n" + b"".join(
    b"A-%d,Une chose,true\n" % n for n in range(90)
)


async def begun(client: httpx.AsyncClient, length: int = len(FILE)) -> str:
    """Start an import; returns the address for its parts."""
    answer = await client.post("/api/catalog/imports", headers=TUS | {"Upload-Length": str(length)})
    assert answer.status_code == 201, answer.text
    assert answer.headers["Upload-Offset"] == "0"
    return answer.headers["Location"]


async def part(
    client: httpx.AsyncClient, address: str, offset: int, content: bytes, **headers: str
) -> httpx.Response:
    kind = {"Content-Type": "application/offset+octet-stream"}
    return await client.patch(
        address, content=content, headers=TUS | kind | {"Upload-Offset": str(offset)} | headers
    )


async def test_an_interrupted_import_continues_where_it_stopped(administrator, app, session):
    address = await begun(administrator)
    assert (await part(administrator, address, 0, FILE[:500])).headers["Upload-Offset"] == "500"

    again = await part(
        administrator, address, 0, FILE[:500]
    )  # repeated because its answer was lost
    assert (again.status_code, again.json()["code"]) == (409, "upload_offset_wrong")
    assert again.json()["context"] == {"offset": 500}
    head = await administrator.head(address, headers=TUS)
    assert (head.status_code, head.headers["Upload-Offset"]) == (200, "500")
    assert head.headers["Upload-Length"] == str(len(FILE))
    assert head.headers["Cache-Control"] == "no-store"
    assert await take_imports(app, Loop("imports")) == "found none to take"

    assert (await part(administrator, address, 500, FILE[500:])).status_code == 204
    assert (await administrator.get(address)).json()["state"] == "waiting"
    assert await take_imports(app, Loop("imports")) == "took an import"
    body = (await administrator.get(address)).json()
    assert (body["state"], body["report"]["created"]) == ("done", 90)
    assert await session.scalar(select(func.count()).select_from(Product)) == 90
    assert await session.scalar(select(func.count()).select_from(Part)) == 0
    assert await take_imports(app, Loop("imports")) == "found none to take"


async def test_parts_and_files_are_bounded(administrator):
    too_long = await administrator.post(
        "/api/catalog/imports", headers=TUS | {"Upload-Length": str(LARGEST_IMPORT + 1)}
    )
    assert (too_long.status_code, too_long.json()["code"]) == (413, "body_too_large")
    address = await begun(administrator, PART_BYTES + 1)
    large = await part(administrator, address, 0, b"x" * (PART_BYTES + 1))
    assert (large.status_code, large.json()["code"]) == (413, "body_too_large")
    assert (await part(administrator, address, 0, b"x" * PART_BYTES)).status_code == 204
    beyond = await part(administrator, address, PART_BYTES, b"xx")
    assert (beyond.status_code, beyond.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Tus-Resumable": "0.2.2"}, 412),
        ({"Content-Type": "text/csv"}, 415),
        ({"Upload-Offset": "-1"}, 422),
        ({"Upload-Offset": str(2**63)}, 422),
        ({"Upload-Offset": "null"}, 422),
    ],
)
async def test_what_is_not_tus_is_refused(administrator, headers, status):
    address = await begun(administrator)
    assert (await part(administrator, address, 0, FILE, **headers)).status_code == status


async def test_an_upload_is_its_owners_alone(administrator, seller):
    address = await begun(administrator)
    other = token("administrator")  # another one than the client's
    for method in ("GET", "DELETE"):
        answer = await seller.request(method, address, headers=TUS | other)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await part(seller, address, 0, FILE, **other)).status_code == 404
    assert (await administrator.delete(address, headers=TUS)).status_code == 204
    assert (await administrator.get(address)).status_code == 404


async def test_what_is_begun_and_left_is_given_up(administrator, app, session):
    addresses = [await begun(administrator) for _ in range(uploads.MAX_UNFINISHED + 1)]
    found = [(await administrator.get(each)).status_code for each in addresses]
    assert found == [404, *[200] * uploads.MAX_UNFINISHED]

    await session.execute(
        update(Upload)
        .where(Upload.id == UUID(addresses[1].rpartition("/")[2]))
        .values(begun_at=datetime.now(UTC) - uploads.KEPT - timedelta(minutes=10))
    )
    assert await prune(app.state.database, uploads.OLD) == 1
    found = [(await administrator.get(each)).status_code for each in addresses]
    assert found == [404, 404, *[200] * (uploads.MAX_UNFINISHED - 1)]


async def test_work_that_keeps_failing_is_reported_and_delays_nothing_else(
    administrator, app, session
):
    addresses = [await begun(administrator), await begun(administrator)]
    for address in addresses:
        assert (await part(administrator, address, 0, FILE)).status_code == 204

    async def fails(*_: object) -> dict[str, object]:
        raise RuntimeError("what nobody has thought of")

    async def bodies() -> list[dict[str, Any]]:
        return [(await administrator.get(each)).json() for each in addresses]

    for _ in range(uploads.TRIES):
        with pytest.raises(RuntimeError):
            await uploads.settle_next(app.state.database, "import", fails)
    # Two that begin within one millisecond come in any order.
    [broken] = [body["refusal"]["code"] for body in await bodies() if body["state"] == "refused"]
    assert broken == "failed"
    assert await take_imports(app, Loop("imports")) == "took an import"
    assert sorted(body["state"] for body in await bodies()) == ["done", "refused"]


async def test_trouble_that_passes_is_no_failure_of_the_file(administrator, app):
    address = await begun(administrator)
    assert (await part(administrator, address, 0, FILE)).status_code == 204

    async def is_held_up(*_: object) -> dict[str, object]:
        raise OperationalError("UPDATE products", {}, LockNotAvailable())

    for _ in range(uploads.TRIES):
        with pytest.raises(OperationalError):
            await uploads.settle_next(app.state.database, "import", is_held_up)
    assert await take_imports(app, Loop("imports")) == "took an import"
    assert (await administrator.get(address)).json()["state"] == "done"


async def test_only_so_many_of_a_person_wait_to_be_worked_on(administrator, app):
    for _ in range(uploads.MAX_WAITING):
        address = await begun(administrator)
        assert (await part(administrator, address, 0, FILE)).status_code == 204
    headers = TUS | {"Upload-Length": "1"}
    refused = await administrator.post("/api/catalog/imports", headers=headers)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many")
    assert await take_imports(app, Loop("imports")) == "took an import"
    assert (await administrator.post("/api/catalog/imports", headers=headers)).status_code == 201


async def test_what_one_replica_has_settled_no_other_calls_failed(administrator, app, session):
    address = await begun(administrator)
    assert (await part(administrator, address, 0, FILE)).status_code == 204
    upload_id = UUID(address.rpartition("/")[2])
    for _ in range(uploads.TRIES - 1):
        await uploads.count_failure(app.state.database, upload_id)
    assert await take_imports(app, Loop("imports")) == "took an import"
    await uploads.count_failure(app.state.database, upload_id)  # of one that had been cut off
    assert (await administrator.get(address)).json()["state"] == "done"


async def test_what_came_of_a_part_that_was_cut_off_counts():
    pieces: Iterator[Message] = iter(
        [
            {"type": "http.request", "body": b"half of ", "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def receive() -> Message:
        return next(pieces)

    assert await uploads.part_of(Request({"type": "http"}, receive)) == b"half of "
