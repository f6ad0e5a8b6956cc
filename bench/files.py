"""Files through the gateway: `python bench/files.py`, for 20 of 10 MB at once.

A Guichet is started with an empty folder. Two customers send ten files each, in parts of 1 MiB, all
at the same time; when all are checked, all are read at the same time, in one piece. Printed are the
throughput, the CPU of each part per MB, and by how much the memory (PSS) of each process grew at
most, looked at ten times a second.
"""

import asyncio
import base64
import os
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import httpx
import psutil
import typer
from whole import Cpu, members

from contracts.uploads import PART_BYTES
from local.launcher.settings import LocalSettings
from local.launcher.stack import Stack

os.environ |= {"GUICHET_FILES_AN_HOUR": "1000000"}

PASSWORD = "quatre bancs de bois"  # noqa: S105 - of accounts that live as long as the measurement
CUSTOMERS = 2
TUS = {"Tus-Resumable": "1.0.0"}


class Customer:
    def __init__(self, http: httpx.AsyncClient, email: str) -> None:
        self.http, self.email = http, email
        self.good_until, self.sent, self.renewing = 0.0, {}, asyncio.Lock()

    async def headers(self) -> dict[str, str]:
        async with self.renewing:
            if time.monotonic() > self.good_until:
                self.sent = {"Authorization": f"Bearer {await token(self.http, self.email)}"}
                self.good_until = time.monotonic() + 40
        return self.sent

    async def send(self, content: bytes) -> str:
        """Its address, once it has come whole."""
        name = base64.b64encode(b"mesures.log").decode()
        about = {"Upload-Length": str(len(content)), "Upload-Metadata": f"filename {name}"}
        headers = await self.headers() | TUS | about
        begun = await self.http.post("/api/tickets/draft/files", headers=headers)
        begun.raise_for_status()
        address = begun.headers["Location"]
        kind = {"Content-Type": "application/offset+octet-stream"}
        for start in range(0, len(content), PART_BYTES):
            offset = {"Upload-Offset": str(start)}
            part = content[start : start + PART_BYTES]
            headers = await self.headers() | TUS | kind | offset
            answer = await self.http.patch(address, headers=headers, content=part)
            answer.raise_for_status()
        return address

    async def is_ready(self, address: str) -> None:
        while True:
            state = (await self.http.get(address, headers=await self.headers())).json()["state"]
            if state == "ready":
                return
            if state == "refused":
                raise RuntimeError("refused")
            await asyncio.sleep(0.2)

    async def read(self, address: str) -> int:
        size = 0
        headers = await self.headers()
        async with self.http.stream("GET", f"{address}/content", headers=headers) as answer:
            answer.raise_for_status()
            async for piece in answer.aiter_raw():
                size += len(piece)
        return size


async def token(http: httpx.AsyncClient, email: str) -> str:
    known = {"email": email, "password": PASSWORD}
    session = (await http.post("/api/identity/sessions", json=known)).json()["token"]
    headers = {"Authorization": f"Bearer {session}"}
    return (await http.post("/api/identity/tokens", headers=headers)).json()["access_token"]


def pss(stack: Stack) -> dict[int, tuple[str, float]]:
    """MiB of each process that lives as long as its part."""
    found = {}
    for part, process in members(stack):
        with suppress(psutil.Error):
            found[process.pid] = part, process.memory_full_info().pss / 2**20
    return found


@asynccontextmanager
async def measured(stack: Stack, what: str, megabytes: float) -> AsyncGenerator[None]:
    before, most = pss(stack), dict[int, float]()
    cpu, began = Cpu(stack), time.monotonic()

    async def look() -> None:
        while True:
            for pid, (_, size) in (await asyncio.to_thread(pss, stack)).items():
                most[pid] = max(most.get(pid, 0), size)
            await asyncio.sleep(0.1)

    looking = asyncio.create_task(look())
    yield
    seconds = time.monotonic() - began
    looking.cancel()
    used = cpu.used()
    print(f"{what}: {megabytes / seconds:.1f} MB/s in {seconds:.1f} s")  # noqa: T201
    for part in sorted(used, key=lambda each: -used[each]):
        grown = [
            most[pid] - size for pid, (of, size) in before.items() if of == part and pid in most
        ]
        row = f"  {part:<14} {used[part] / megabytes:6.2f} ms of CPU per MB, + {max(grown, default=0):.1f} MiB"
        print(row)  # noqa: T201


def somebody(email: str) -> dict[str, str]:
    return {"first_name": "Nathalie", "last_name": "Rousseau", "email": email, "password": PASSWORD}


async def measure(stack: Stack, files: int, megabytes: int) -> None:
    content = b"2026-12-01 12:00:00 une mesure\n" * (megabytes * 1_000_000 // 31)
    whole = files * len(content) / 1_000_000
    async with httpx.AsyncClient(base_url=stack.gateway_url, timeout=120, trust_env=False) as http:
        administrator = {"Authorization": f"Bearer {await token(http, 'ada@example.org')}"}
        customers = []
        for number in range(CUSTOMERS):
            email = f"client{number}@example.org"
            headers = administrator | {"Idempotency-Key": str(uuid4())}
            made = await http.post("/api/identity/customers", headers=headers, json=somebody(email))
            made.raise_for_status()
            customers.append(Customer(http, email))
        warm = await customers[0].send(content[:1000])
        await customers[0].is_ready(warm)
        await http.delete(warm, headers=await customers[0].headers())
        for each in customers:
            await each.headers()  # a password takes identity 46 MiB
        owners = [customers[number % CUSTOMERS] for number in range(files)]
        async with measured(stack, f"{files} uploads of {megabytes} MB", whole):
            addresses = await asyncio.gather(*(each.send(content) for each in owners))
            pairs = list(zip(owners, addresses, strict=True))
            await asyncio.gather(*(each.is_ready(address) for each, address in pairs))
        async with measured(stack, f"{files} downloads of {megabytes} MB", whole):
            sizes = await asyncio.gather(*(each.read(address) for each, address in pairs))
        assert set(sizes) == {len(content)}  # noqa: S101


def main(
    files: Annotated[int, typer.Argument()] = 20, megabytes: Annotated[int, typer.Argument()] = 10
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        settings = LocalSettings.on_free_ports(Path(folder) / "state")
        with Stack(settings) as stack:
            done = stack.run(
                "identity", "staff", "add", "--email", "ada@example.org", "--first-name", "Ada",
                "--last-name", "Ministre", "--role", "administrator", "--password-stdin",
                typed=PASSWORD,
            )  # fmt: skip
            if done.returncode:
                sys.exit(done.stderr)
            asyncio.run(measure(stack, files, megabytes))


if __name__ == "__main__":
    typer.run(main)
