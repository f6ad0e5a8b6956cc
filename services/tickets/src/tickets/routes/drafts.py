"""Drafts, on whatever device they were begun."""

from typing import Annotated

from fastapi import Query

from chassis.data.database import Reading, Transaction
from chassis.data.reading import Reader
from chassis.data.writing import reader_of
from chassis.http.auth import Caller
from chassis.http.bodies import LONG_BODY
from chassis.http.routing import Routes
from contracts.tickets import api
from tickets.models import is_staff
from tickets.operations import drafts as operations
from tickets.queries import drafts as queries
from tickets.routes.parameters import Anyone, Customer

router = Routes("tickets")


KeepFiles = Annotated[bool, Query(description="Of a draft with files, delete the text alone.")]
AnyDraft = api.StaffDraft | api.Draft


async def stored_draft(reader: Reader, writer: Caller, number: int | None) -> AnyDraft:
    nothing = api.StaffDraft() if is_staff(writer) else api.Draft()
    return await queries.draft(reader, writer, number) or nothing


@router.get("/{number:ticket}/draft")
async def draft(number: int, writer: Anyone, reader: Reading) -> AnyDraft:
    """What you have begun to write in this request; empty if there is nothing."""
    return await stored_draft(reader, writer, number)


@router.put("/{number:ticket}/draft", max_body_size=LONG_BODY)
async def keep_draft(
    number: int, draft: api.DraftToKeep, writer: Anyone, session: Transaction
) -> AnyDraft:
    """Store the draft; sending a message, a note or a last message deletes it."""
    await operations.keep_draft(session, writer, number, draft)
    return await stored_draft(await reader_of(session), writer, number)


@router.delete("/{number:ticket}/draft", status_code=204)
async def forget_draft(
    number: int, writer: Anyone, session: Transaction, keep_files: KeepFiles = False
) -> None:
    """Delete it. Idempotent."""
    operations.forget_draft(session, writer, number, keep_files=keep_files)


@router.get("/draft")
async def draft_of_new(customer: Customer, reader: Reading) -> api.Draft:
    """The request that you have begun and not opened yet; empty if there is none."""
    return await stored_draft(reader, customer, None)


@router.put("/draft", max_body_size=LONG_BODY)
async def keep_draft_of_new(
    draft: api.DraftToKeep, customer: Customer, session: Transaction
) -> api.Draft:
    """Store the draft; opening a request deletes it."""
    await operations.keep_draft(session, customer, None, draft)
    return await stored_draft(await reader_of(session), customer, None)


@router.delete("/draft", status_code=204)
async def forget_draft_of_new(
    customer: Customer, session: Transaction, keep_files: KeepFiles = False
) -> None:
    """Delete it. Idempotent."""
    operations.forget_draft(session, customer, None, keep_files=keep_files)
