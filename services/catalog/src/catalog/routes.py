"""The catalog HTTP API."""

import asyncio
import tempfile
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import AfterValidator

from catalog import models, operations, queries
from chassis.auth import Caller, only
from chassis.database import Transaction
from chassis.standing import standing
from contracts.catalog import api
from contracts.identity.roles import STAFF, Role
from contracts.text import Storable, Stripped, first_words

router = APIRouter(prefix="/api/catalog", tags=["catalog"])

Staff = Annotated[Caller, Depends(only(*STAFF))]

# As long as the longest reference: a whole one is found whatever its length.
first_words_of = partial(first_words, longest=api.REFERENCE_LENGTH)
Text = Annotated[str, Stripped, Storable, AfterValidator(first_words_of)]

KEPT_IN_MEMORY = 1_000_000  # bytes of an import; more goes to a file that has no name
LARGEST_IMPORT = 256 * 1024 * 1024  # bytes: some two million products


@router.get("/products", response_model=api.ProductSearch)
async def search_products(
    session: Transaction,
    _: Staff,
    text: Annotated[Text, Query()],
    withdrawn: Annotated[bool, Query(description="List withdrawn products too.")] = False,
) -> api.ProductSearch:
    """The products that hold every word of the text in reference or designation."""
    return await queries.search(session, text, list_withdrawn=withdrawn)


@router.get("/products/{product_id}", response_model=api.Product)
async def product(product_id: UUID, session: Transaction, _: Staff) -> models.Product:
    return await queries.product(session, product_id)


async def only_csv(request: Request) -> None:
    """Anything else is a mistake of the caller: 415 `media_type_not_supported`."""
    media_type, _, parameters = request.headers.get("content-type", "").partition(";")
    charset = parameters.strip().lower()
    if media_type.strip().lower() != "text/csv" or charset not in {"", "charset=utf-8"}:
        raise HTTPException(415, "the body is text/csv, in UTF-8")


@router.post(
    "/imports",
    max_body_size=LARGEST_IMPORT,
    response_model=api.ImportReport,
    dependencies=[Depends(standing(Role.ADMINISTRATOR)), Depends(only_csv)],
    openapi_extra={
        "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}
    },
)
async def import_products(request: Request, session: Transaction) -> api.ImportReport:
    """Import a CSV of `reference,designation,on_sale`: all of its good rows, or none at all.

    It is kept in a file while it comes, so that a slow sender holds neither a connection to the
    database nor the place of another import.
    """
    with tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY) as file:
        async for chunk in request.stream():
            await asyncio.to_thread(file.write, chunk)
        await asyncio.to_thread(file.seek, 0)
        return await operations.import_products(session, file)
