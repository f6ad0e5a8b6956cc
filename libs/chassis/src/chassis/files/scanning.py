"""Asks a virus scanner, `clamd`, over TCP."""

import asyncio
import re
from typing import IO

PIECE = 64 * 1024
SECONDS = 60  # for one file
FOUND = re.compile(r"^stream: (.+) FOUND$")


class ScannerFailed(Exception):
    """The scanner does not answer, or not as it should."""


async def virus_in(content: IO[bytes], address: str) -> str | None:
    """The name of what was found, or None. `address` is `host:port`. Raises `ScannerFailed`."""
    content.seek(0)
    try:
        async with asyncio.timeout(SECONDS):
            answer = await ask(content, address)
    except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
        raise ScannerFailed(f"clamd at {address}: {error!r}") from error
    if answer == "stream: OK":
        return None
    if found := FOUND.match(answer):
        return found[1]
    raise ScannerFailed(f"clamd at {address} says: {answer}")


async def ask(content: IO[bytes], address: str) -> str:
    """By its command INSTREAM: pieces with their lengths before them, then an empty one."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    try:
        writer.write(b"zINSTREAM\0")
        while piece := await asyncio.to_thread(content.read, PIECE):
            writer.write(len(piece).to_bytes(4) + piece)
            await writer.drain()
        writer.write(bytes(4))
        await writer.drain()
        return (await reader.readuntil(b"\0"))[:-1].decode(errors="replace").strip()
    finally:
        writer.close()
