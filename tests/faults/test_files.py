"""Tickets and the store of files die while files come: nothing is half there, and nothing is lost."""

import asyncio
import base64
import os
import shutil

import httpx

from contracts.uploads import PART_BYTES
from local.launcher.stack import Stack
from shop import Account, new_request
from waiting import eventually

TUS = {"Tus-Resumable": "1.0.0"}
FILE = os.urandom(1000).hex().encode() * 2_000  # 4 MB


async def send(customer: Account, number: int) -> str:
    """Like a browser: what is not answered is asked again, from where it stopped."""
    name = base64.b64encode(b"mesures.log").decode()
    about = TUS | {"Upload-Length": str(len(FILE)), "Upload-Metadata": f"filename {name}"}
    path = f"/api/tickets/{number}/draft/files"
    begun = await until_answered(customer, "POST", path, about, b"")
    address, offset = begun.headers["Location"], 0
    while offset < len(FILE):
        headers = TUS | {
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
        }
        part = FILE[offset : offset + PART_BYTES]
        answer = await until_answered(customer, "PATCH", address, headers, part)
        if answer.status_code == 409:
            offset = answer.json()["context"]["offset"]
        else:
            offset = int(answer.headers["Upload-Offset"])
    return address


async def until_answered(
    customer: Account, method: str, path: str, headers: dict[str, str], content: bytes
) -> httpx.Response:
    while True:
        sent = headers | {"Authorization": f"Bearer {await customer.token()}"}
        try:
            answer = await customer.http.request(method, path, headers=sent, content=content)
        except httpx.TransportError:
            answer = None
        if answer is not None and answer.status_code < 500:
            return answer
        await asyncio.sleep(0.1)


async def test_files_come_whole_although_tickets_and_the_store_die(
    shop, seller, technician, customer, product, stack: Stack, supervisor
):
    sale = await shop.sell(customer, product, seller=seller)

    async def opened() -> int:
        answer = await customer.call("POST", "/api/tickets", new_request(sale["id"]))
        assert answer.status_code == 201, answer.text
        return answer.json()["number"]

    number = await eventually(opened)
    store, hidden = stack.state / "files", stack.state / "files-away"
    tickets = stack.services["tickets"]
    sending = [asyncio.create_task(send(customer, number)) for _ in range(5)]
    for _ in range(3):
        await asyncio.sleep(0.4)
        if tickets.running:
            tickets.running.kill()
    store.mkdir(exist_ok=True)
    store.rename(hidden)
    store.write_bytes(b"")  # a file in the place of the folder: nothing can be stored
    addresses = await asyncio.gather(*sending)
    draft = (await customer.get(f"/api/tickets/{number}"))["draft"]
    assert {file["state"] for file in draft["files"]} == {"checking"}
    store.unlink()
    hidden.rename(store)

    async def all_ready() -> list[str]:
        files = (await customer.get(f"/api/tickets/{number}"))["draft"]["files"]
        assert [file["state"] for file in files if file["received"] == len(FILE)] == ["ready"] * 5
        return [address.rpartition("/")[2] for address in addresses]

    ids = await eventually(all_ready)
    body = {"text": "Les mesures.", "files": ids}
    sent = await customer.post(f"/api/tickets/{number}/messages", body)
    assert [file["size"] for file in sent["files"]] == [len(FILE)] * 5
    for address in addresses:
        answer = await technician.call("GET", f"{address}/content")
        assert answer.content == FILE
    objects = {path.parent.name for path in store.rglob("*") if path.is_file()}
    assert objects >= set(ids)

    shutil.rmtree(store / ids[0])
    lost = await technician.call("GET", f"{addresses[0]}/content")
    assert (lost.status_code, lost.json()["code"]) == (404, "file_missing")
    message = (await customer.get(f"/api/tickets/{number}"))["messages"][-1]
    assert [file["missing"] for file in message["files"]] == [True, *[False] * 4]
