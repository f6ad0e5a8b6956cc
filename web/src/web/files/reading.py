"""Passes a file on to whoever may read it: tickets looks up the right each time."""

from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Annotated
from uuid import UUID

import httpx
from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from contracts.tickets.api import FileForm
from web.clients import files
from web.shared.browser.request_headers import Header, read
from web.shared.files.addresses import Addresses
from web.shared.rendering import redirect
from web.shared.sessions import Person

router = APIRouter(prefix="/fichiers")

# Of what tickets answers, beside its status and its bytes.
PASSED_ON = (
    "Content-Type", "Content-Length", "Content-Range", "Content-Disposition", "Accept-Ranges",
    "ETag", "Cache-Control", "Content-Security-Policy", "Cross-Origin-Resource-Policy",
    "X-Content-Type-Options",
)  # fmt: skip
ASKED = (Header.RANGE, Header.IF_RANGE, Header.IF_NONE_MATCH)


class Passed(StreamingResponse):
    """An answer of tickets, which is closed however this one ends."""

    def __init__(self, answer: httpx.Response, closing: AsyncExitStack) -> None:
        headers = {name: answer.headers[name] for name in PASSED_ON if name in answer.headers}
        super().__init__(answer.aiter_raw(), answer.status_code, headers)
        self.closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self.closing:
            await super().__call__(scope, receive, send)


@router.get("/{file_id}/{form}")
async def content(
    request: Request, person: Person, file_id: UUID, form: Annotated[FileForm, Path()]
) -> Response:
    """By an address of this person's own; an old one of theirs leads to a new one."""
    addresses = Addresses(request, person)
    is_ours, is_valid = addresses.is_ours(file_id, form, request.url.query)
    if not is_ours:
        raise HTTPException(404)
    if not is_valid:
        return redirect(request, addresses(file_id, form))
    asked = {name.value: read(request, name) for name in ASKED if read(request, name)}
    gateway = replace(person.gateway, http=request.app.state.live_http)
    async with AsyncExitStack() as stack:
        answer = await stack.enter_async_context(files.content(gateway, file_id, form, asked))
        return Passed(answer, stack.pop_all())
