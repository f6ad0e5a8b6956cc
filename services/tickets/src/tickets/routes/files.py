"""Files: sent in parts to a draft, by tus 1.0, and read with the same right as their request."""

import re
from typing import Annotated
from urllib.parse import quote
from uuid import UUID

from fastapi import Depends, Header, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data.database import Reading, Transaction
from chassis.data.writing import reader_of, wake_later
from chassis.errors import Unavailable
from chassis.files import kinds
from chassis.files.store import TROUBLE, ObjectMissing, Objects
from chassis.http import uploads
from chassis.http.auth import Caller
from chassis.http.routing import Routes
from contracts.tickets import api
from contracts.uploads import PART_BYTES
from tickets.models import FileMissing, FileUnknown, is_staff
from tickets.operations import files as operations
from tickets.operations import stored_files
from tickets.queries import files as queries
from tickets.queries import tickets as ticket_queries
from tickets.routes.parameters import Anyone, Customer, MayAsk, MayRead, TheFileBounds

router = Routes("tickets")

CHECKING = "files"  # the loop that checks what has come
UPLOAD = "/files/{file_id}"
# What strangers sent is shown as a picture or saved: never a page, a script or a frame of ours.
GUARDED = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "private, no-cache",  # revalidated each time, with its ETag
    "Accept-Ranges": "bytes",
}
RANGE = re.compile(r"^bytes=(\d{0,18})-(\d{0,18})$")


async def objects_of(request: Request) -> Objects:
    return request.app.state.objects


TheObjects = Annotated[Objects, Depends(objects_of)]


@router.get("/files/limits")
async def file_limits(_: Anyone, bounds: TheFileBounds, request: Request) -> api.FileLimits:
    """The limits of files, to show before somebody chooses one."""
    settings = request.app.state.settings
    accepted = settings.file_kinds.split(",")
    return api.FileLimits(
        files=bounds.files,
        bytes=bounds.bytes,
        kinds=accepted,
        endings=[ending for kind in accepted for ending in kinds.ENDINGS[kind]],
        scanned=bool(settings.clamd),
    )


# --- Sending ------------------------------------------------------------------------------------


async def begun(
    session: AsyncSession,
    writer: Caller,
    number: int | None,
    new: operations.NewFile,
    bounds: operations.FileBounds,
) -> tuple[api.DraftFile, dict[str, str]]:
    """The file, and the headers of the answer."""
    upload = await operations.begin(session, writer, number, new, bounds)
    address = {"Location": f"{router.prefix}/files/{upload.id}"}
    file = await queries.drafted(await reader_of(session), writer, upload.id)
    return file, uploads.headers_of(upload) | address


async def new_file(metadata: uploads.Metadata, length: uploads.Length) -> operations.NewFile:
    return operations.NewFile(uploads.metadata_of(metadata).get("filename", ""), length)


New = Annotated[operations.NewFile, Depends(new_file)]


@router.post(
    "/{number:ticket}/draft/files", status_code=201, dependencies=[MayRead, uploads.Resumable]
)
async def begin_file(
    *,
    number: int,
    writer: Anyone,
    session: Transaction,
    new: New,
    bounds: TheFileBounds,
    response: Response,
) -> api.DraftFile:
    """Begin a file of your draft in this request: send its parts to `Location`, by tus 1.0.

    `Upload-Metadata` gives the `filename`. 409 `too_many_files`, 413 `file_too_large`, 422
    `file_empty` or `file_nameless`, 429 `too_many_files_an_hour`.
    """
    file, headers = await begun(session, writer, number, new, bounds)
    response.headers.update(headers)
    return file


@router.post("/draft/files", status_code=201, dependencies=[MayAsk, uploads.Resumable])
async def begin_file_of_new(
    *,
    customer: Customer,
    session: Transaction,
    new: New,
    bounds: TheFileBounds,
    response: Response,
) -> api.DraftFile:
    """Begin a file of the request that you have not opened yet; otherwise the same."""
    file, headers = await begun(session, customer, None, new, bounds)
    response.headers.update(headers)
    return file


@router.get(UPLOAD)
async def drafted_file(
    file_id: UUID, writer: Anyone, session: Transaction, response: Response
) -> api.DraftFile:
    """The state of a file that you have not sent yet; HEAD returns the offset to continue at."""
    file = await queries.drafted(await reader_of(session), writer, file_id)
    response.headers["Tus-Resumable"] = uploads.VERSION
    response.headers["Upload-Offset"] = str(file.received)
    response.headers["Upload-Length"] = str(file.size)
    return file


@router.patch(
    UPLOAD,
    status_code=204,
    max_body_size=PART_BYTES,
    dependencies=[MayRead, uploads.Resumable, uploads.PartOnly],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/offset+octet-stream": {
                    "schema": {"type": "string", "format": "binary"}
                }
            },
        }
    },
)
async def send_part_of_file(
    file_id: UUID,
    session: Transaction,
    writer: Anyone,
    *,
    offset: uploads.Offset,
    request: Request,
    response: Response,
) -> None:
    """The next part, of up to 1 MiB: 409 `upload_offset_wrong` if it is not the next.

    The received bytes of an interrupted part count. A slow sender holds no database connection.
    The file is checked once it is complete; `GET` says what came of it.
    """
    content = await uploads.part_of(request)
    upload = await operations.own_upload(session, writer, file_id, changing=True)
    await uploads.append(session, upload, offset, content)
    if upload.received == upload.length:
        wake_later(session, CHECKING)
    response.headers.update(uploads.headers_of(upload))


@router.delete(UPLOAD, status_code=204)
async def remove_file(file_id: UUID, session: Transaction, writer: Anyone) -> None:
    """Remove a file from your draft. Idempotent; what was sent stays."""
    await operations.remove(session, writer, file_id)


# --- Reading ------------------------------------------------------------------------------------


@router.get("/{number:ticket}/files")
async def files_of_ticket(number: int, caller: Anyone, reader: Reading) -> api.FilesOfTicket:
    """All files of a request, of its newest message first; those of notes for staff alone."""
    await ticket_queries.ticket(reader, caller, number)
    return await queries.of_ticket(reader, caller, number)


@router.get(
    "/files/{file_id}/content",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"application/octet-stream": {}}, "description": "All of it"},
        206: {"content": {"application/octet-stream": {}}, "description": "The bytes of `Range`"},
        304: {"description": "As `If-None-Match` has it"},
        416: {"description": "No such bytes"},
    },
)
async def content(
    *,
    file_id: UUID,
    caller: Anyone,
    reader: Reading,
    objects: TheObjects,
    request: Request,
    form: Annotated[api.FileForm, Query()] = api.FileForm.ORIGINAL,
    range_: Annotated[str, Header(alias="Range")] = "",
    if_range: Annotated[str, Header()] = "",
    if_none_match: Annotated[str, Header()] = "",
) -> Response:
    """The content of a file of a request that you may see, or of your own draft.

    `shown` and `thumbnail` are pictures without metadata; the `original` of a picture is for staff
    alone. 404 `file_unknown`, and `file_missing` where the store has lost it.
    """
    file = await queries.readable(reader, caller, file_id)
    is_picture = file.shown_kind is not None
    as_sent = form == api.FileForm.ORIGINAL
    if is_picture == as_sent and not (as_sent and is_staff(caller)):
        raise FileUnknown("this file has no such form")
    tag = f'"{file.digest[:32]}-{form}"'
    headers = GUARDED | {"ETag": tag}
    if tag in (each.strip().removeprefix("W/") for each in if_none_match.split(",")):
        return Response(status_code=304, headers=headers)
    key = stored_files.key_of(file_id, form)
    try:
        size = await objects.size(key)
        first, end = bytes_asked(range_ if if_range in {"", tag} else "", size)
        if first >= end:
            return Response(status_code=416, headers=headers | {"Content-Range": f"bytes */{size}"})
        pieces = await objects.read(key, first, end)
    except ObjectMissing:
        await stored_files.mark_missing(request.app.state.database, file_id)
        raise FileMissing("the store has lost this file") from None
    except TROUBLE as trouble:
        raise Unavailable("the store of files does not answer", retry_after=5) from trouble
    headers["Content-Length"] = str(end - first)
    headers["Content-Disposition"] = disposition(file.name, is_saved=as_sent)
    if range_ and (first, end) != (0, size):
        headers["Content-Range"] = f"bytes {first}-{end - 1}/{size}"
    return StreamingResponse(
        pieces,
        status_code=206 if "Content-Range" in headers else 200,
        headers=headers,
        media_type=file.kind if as_sent else file.shown_kind,
    )


def bytes_asked(given: str, size: int) -> tuple[int, int]:
    """The first byte and the one behind the last, of one range; whatever else is asked is all."""
    asked = RANGE.match(given)
    if asked is None or asked[0] == "bytes=-":
        return 0, size
    if not asked[1]:
        return max(0, size - int(asked[2])), size
    last = int(asked[2]) if asked[2] else size - 1
    return int(asked[1]), min(last + 1, size)


def disposition(name: str, *, is_saved: bool) -> str:
    """With a name that any program reads, and the real one."""
    plain = re.sub(r'[^ -~]|["\\;]', "_", name)
    how = "attachment" if is_saved else "inline"
    return f"{how}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
