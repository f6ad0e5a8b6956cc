"""Send a large thing in parts, by tus 1.0."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from contracts.uploads import PART_BYTES

TUS = {"Tus-Resumable": "1.0.0"}

Ask = Callable[..., Awaitable[httpx.Response]]


async def upload(ask: Ask, path: str, content: bytes) -> dict[str, Any]:
    """Upload a file and wait for the result of its check.

    `ask` takes a method, a path, and what httpx calls `headers` and `content`; it raises for a
    refusal, so that nothing is sent after one.
    """
    begun = await ask("POST", path, headers=TUS | {"Upload-Length": str(len(content))})
    address = begun.headers["Location"]
    for start in range(0, len(content), PART_BYTES):
        offset = {"Upload-Offset": str(start), "Content-Type": "application/offset+octet-stream"}
        await ask(
            "PATCH", address, headers=TUS | offset, content=content[start : start + PART_BYTES]
        )
    while True:
        came = (await ask("GET", address)).json()
        if came["state"] != "waiting":
            return came
        await asyncio.sleep(0.1)
