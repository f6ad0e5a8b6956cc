"""Calls to tickets about files."""

import base64
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from uuid import UUID

import httpx

from chassis.http.client import problem_of, unavailable
from contracts.tickets.api import DraftFile, FileForm, FileLimits, FilesOfTicket
from web.clients.gateway import Gateway
from web.clients.tickets import draft_path

SILENCE_SECONDS = 40
TUS = {"Tus-Resumable": "1.0.0"}
A_PART = TUS | {"Content-Type": "application/offset+octet-stream"}


async def limits(gateway: Gateway) -> FileLimits:
    return await gateway.get("/api/tickets/files/limits", FileLimits)


async def begin(gateway: Gateway, number: int | None, name: str, size: int) -> DraftFile:
    """A file of the draft of a message in this request, or, without a number, of a new request."""
    about = {
        "Upload-Length": str(size),
        "Upload-Metadata": f"filename {base64.b64encode(name.encode()).decode()}",
    }
    path = f"{draft_path(number)}/files"
    asking = replace(gateway, headers={**gateway.headers, **TUS, **about})
    return await asking.send("POST", path, None, DraftFile)


async def send_part(gateway: Gateway, file_id: UUID, offset: int, content: bytes) -> None:
    """The next part, of up to 1 MiB. Raises `Problem`."""
    path = f"/api/tickets/files/{file_id}"
    headers = gateway.sent | A_PART | {"Upload-Offset": str(offset)}
    try:
        response = await gateway.http.request("PATCH", path, headers=headers, content=content)
    except httpx.HTTPError as silence:
        raise unavailable(path, silence) from silence
    if response.is_error:
        raise problem_of(response)


async def drafted(gateway: Gateway, file_id: UUID) -> DraftFile:
    return await gateway.get(f"/api/tickets/files/{file_id}", DraftFile)


async def remove(gateway: Gateway, file_id: UUID) -> None:
    await gateway.call("DELETE", f"/api/tickets/files/{file_id}")


async def of_ticket(gateway: Gateway, number: int) -> FilesOfTicket:
    return await gateway.get(f"/api/tickets/{number}/files", FilesOfTicket)


@asynccontextmanager
async def content(
    gateway: Gateway, file_id: UUID, form: FileForm, headers: Mapping[str, str]
) -> AsyncGenerator[httpx.Response]:
    """The answer with its headers, whose bytes are read as they come. Raises `Problem`."""
    path = f"/api/tickets/files/{file_id}/content"
    try:
        async with gateway.http.stream(
            "GET",
            path,
            params={"form": form},
            headers={**gateway.sent, **headers},
            timeout=httpx.Timeout(5, connect=1, read=SILENCE_SECONDS),
        ) as response:
            if response.is_error:
                await response.aread()
                raise problem_of(response)
            yield response
    except httpx.HTTPError as silence:
        raise unavailable(path, silence) from silence
