"""Files of a draft: begun, sent in parts and removed by script, or one at a time without."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile

from contracts.tickets.api import DraftFile, FileState
from contracts.uploads import PART_BYTES
from web.clients import files, tickets
from web.clients.gateway import Problem
from web.shared import words
from web.shared.files.addresses import Addresses
from web.shared.files.drafted import filing
from web.shared.forms import Form, Typed, check_origin
from web.shared.rendering import page, redirect
from web.shared.sessions import Person, SignedIn
from web.shared.text.numbers import whole

router = APIRouter(prefix="/fichiers")

LARGEST_FORM = 30 * 1024 * 1024  # a file in one piece, with what a form has around it
LOOKS, LOOK_SECONDS = 40, 0.5  # how long a page without script waits for the check


# --- Without script -----------------------------------------------------------------------------


def address_of(number: int | None) -> str:
    return "/fichiers/joindre" + ("" if number is None else f"?demande={number}")


@router.get("/joindre")
async def choose(request: Request, person: Person, demande: str = "") -> Response:
    """The files of a draft, and a field for another one."""
    return await show(request, person, whole(demande), Form())


@router.post("/joindre", max_body_size=LARGEST_FORM)
async def attach(request: Request, person: Person, form: Typed) -> Response:
    """Take one file as a form sends it, and wait for its check."""
    number = whole(form["number"])
    sent = (await request.form()).get("file")
    if not isinstance(sent, UploadFile) or not sent.filename:
        return await show(request, person, number, form.refuse("file", words.refusal("required")))
    try:
        file = await files.begin(person.gateway, number, sent.filename, sent.size or 0)
        await send_whole(person, file, sent)
    except Problem as problem:
        return await show(request, person, number, form.refused(problem))
    return redirect(request, address_of(number))


async def send_whole(person: SignedIn, file: DraftFile, sent: UploadFile) -> None:
    offset = 0
    while content := await sent.read(PART_BYTES):
        await files.send_part(person.gateway, file.id, offset, content)
        offset += len(content)
    for _ in range(LOOKS):
        found = await files.drafted(person.gateway, file.id)
        if found.state in {FileState.READY, FileState.REFUSED}:
            return
        await asyncio.sleep(LOOK_SECONDS)


async def show(request: Request, person: SignedIn, number: int | None, form: Form) -> Response:
    draft = await tickets.draft(person.gateway, number)
    back = f"/{'demandes' if person.is_staff else 'mes-demandes'}/{number or 'nouvelle'}#answer"
    return page(
        request,
        "files/choose.html",
        person=person,
        status=form.status,
        form=form,
        number=number,
        back=back,
        **await filing(request, person, draft),
    )


# --- By script ----------------------------------------------------------------------------------


@router.post("/ajout")
async def begin(request: Request, person: Person, form: Typed) -> Response:
    """Begin a file of a draft: its row, and where its parts go."""
    try:
        file = await files.begin(
            person.gateway, whole(form["number"]), form["name"], whole(form["size"]) or 0
        )
    except Problem as problem:
        return refusal(problem)
    return state_of(request, person, file)


def refusal(problem: Problem) -> JSONResponse:
    why = words.refusal(problem.code, problem.context, retry_after=problem.retry_after)
    return JSONResponse({"code": problem.code, "why": why}, problem.status)


def state_of(request: Request, person: SignedIn, file: DraftFile) -> JSONResponse:
    """With the row that shows it, where it changes no more by itself."""
    template = request.app.state.templates.get_template("files/row.html")
    row = template.render(file=file, file_address=Addresses(request, person))
    known = {"id": str(file.id), "state": file.state, "received": file.received}
    return JSONResponse(known | {"html": row})


@router.get("/{file_id}")
async def state(request: Request, person: Person, file_id: UUID) -> Response:
    """How far it is, for whoever goes on after an interruption or waits for its check."""
    try:
        return state_of(request, person, await files.drafted(person.gateway, file_id))
    except Problem as problem:
        return refusal(problem)


@router.patch("/{file_id}", max_body_size=PART_BYTES)
async def send_part(
    request: Request,
    person: Person,
    file_id: UUID,
    offset: Annotated[int, Header(alias="Upload-Offset", ge=0, lt=2**63)],
) -> Response:
    check_origin(request)
    try:
        await files.send_part(person.gateway, file_id, offset, await request.body())
    except Problem as problem:
        return refusal(problem)
    return Response(status_code=204)


@router.post("/{file_id}/retrait")
async def remove(request: Request, person: Person, file_id: UUID, form: Typed) -> Response:
    await files.remove(person.gateway, file_id)
    if form["without_script"]:
        return redirect(request, address_of(whole(form["number"])))
    return Response(status_code=204)
