"""The catalog HTTP API."""

from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import AfterValidator

from catalog import operations, queries
from chassis.data.database import Reading, Transaction
from chassis.data.writing import wake_later
from chassis.http import uploads
from chassis.http.auth import Caller, require_role
from chassis.http.routing import Routes
from chassis.http.session_check import require_session
from contracts.catalog import api
from contracts.identity.roles import STAFF, Role
from contracts.text import Storable, Stripped, first_words
from contracts.uploads import PART_BYTES

router = Routes("catalog")

Staff = Annotated[Caller, Depends(require_role(*STAFF))]
MayImport = Depends(require_session(Role.ADMINISTRATOR))
Administrator = Annotated[Caller, MayImport]

# As long as the longest reference, so that every complete reference can be found.
first_words_of = partial(first_words, longest=api.REFERENCE_LENGTH)
Text = Annotated[str, Stripped, Storable, AfterValidator(first_words_of)]

LARGEST_IMPORT = 256 * 1024 * 1024  # bytes: some two million products


@router.get("/products")
async def search_products(
    _: Staff,
    reader: Reading,
    text: Annotated[Text, Query()],
    withdrawn: Annotated[bool, Query(description="List withdrawn products too.")] = False,
) -> api.ProductSearch:
    """The products whose reference or designation contains every word of the text."""
    return await queries.search(reader, text, list_withdrawn=withdrawn)


@router.get("/products/{product_id}")
async def product(product_id: UUID, _: Staff, reader: Reading) -> api.Product:
    return await queries.product(reader, product_id)


# --- Imports: tus 1.0, a part of up to 1 MiB a request ------------------------------------------

IMPORTS = "/imports/{import_id}"


@router.post("/imports", status_code=201, dependencies=[MayImport, uploads.Resumable])
async def begin_import(
    session: Transaction, caller: Administrator, length: uploads.Length, response: Response
) -> api.Import:
    """Start the upload of a CSV file with `reference,designation,on_sale`.

    All valid rows are imported in one transaction; the outcome lists the others.

    Uses tus 1.0 (creation, expiration, termination): send the parts to `Location`. The file is
    imported once it is complete, one at a time; `Location` then has the outcome.
    """
    upload = await uploads.begin(
        session, caller.id, operations.IMPORTS, length, longest=LARGEST_IMPORT
    )
    response.headers.update(uploads.headers_of(upload))
    wake_later(session, operations.IMPORTING)  # an empty file is complete already
    response.headers["Location"] = f"{router.prefix}/imports/{upload.id}"
    return as_import(upload)


@router.get(IMPORTS)
async def an_import(
    import_id: UUID, session: Transaction, caller: Administrator, response: Response
) -> api.Import:
    """The progress and outcome of an import; HEAD returns the offset to continue at."""
    upload = await uploads.find(session, import_id, caller.id, operations.IMPORTS)
    response.headers.update(uploads.headers_of(upload))
    return as_import(upload)


@router.patch(
    IMPORTS,
    status_code=204,
    max_body_size=PART_BYTES,
    dependencies=[MayImport, uploads.Resumable, uploads.PartOnly],
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
async def send_part(
    import_id: UUID,
    session: Transaction,
    caller: Administrator,
    *,
    offset: uploads.Offset,
    request: Request,
    response: Response,
) -> None:
    """The next part, of up to 1 MiB: 409 `upload_offset_wrong` if it is not the next.

    The received bytes of an interrupted part count. A slow sender holds no database connection.
    """
    content = await uploads.part_of(request)
    upload = await uploads.find(session, import_id, caller.id, operations.IMPORTS, changing=True)
    await uploads.append(session, upload, offset, content)
    wake_later(session, operations.IMPORTING)
    response.headers.update(uploads.headers_of(upload))


@router.delete(IMPORTS, status_code=204, dependencies=[MayImport, uploads.Resumable])
async def give_up_import(import_id: UUID, session: Transaction, caller: Administrator) -> None:
    upload = await uploads.find(session, import_id, caller.id, operations.IMPORTS, changing=True)
    await uploads.abandon(session, upload)


def as_import(upload: uploads.Upload) -> api.Import:
    outcome = upload.outcome or {}
    if upload.settled_at is not None:
        state = api.ImportState.REFUSED if "refusal" in outcome else api.ImportState.DONE
    elif upload.received == upload.length:
        state = api.ImportState.WAITING
    else:
        state = api.ImportState.RECEIVING
    return api.Import(
        id=upload.id,
        state=state,
        length=upload.length,
        received=upload.received,
        report=outcome.get("report"),
        refusal=outcome.get("refusal"),
    )
