"""Live pages on several replicas, and while replicas go and come back."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from e2e.people import Staff
from e2e.windows import Windows
from local.launcher.machine.processes import free_port
from local.launcher.programs import Service
from local.launcher.stack import Stack
from shop import Account, Product, Shop, new_request
from waiting import eventually

PATH = "/demandes?vue=ouvertes&tri=recentes"


@pytest.fixture
async def sale_id(shop: Shop, product: Product, customer_account: Account) -> str:
    """Of something that the test's customer has asked about: the queue is not empty."""
    sale = await shop.sell(customer_account, product)
    await eventually(lambda: asks(customer_account, sale["id"]))
    return sale["id"]


async def asks(customer: Account, sale_id: str) -> None:
    answer = await customer.call("POST", "/api/tickets", new_request(sale_id))
    assert answer.status_code == 201, answer.text


@pytest.fixture
def replicas(stack: Stack, shop: Shop, tmp_path: Path) -> Iterator[dict[str, Service]]:
    """One more of web and of tickets, reached at ports of their own."""
    more = {
        name: Service(name, free_port(), tmp_path / f"{name}.log", stack.environment(name))
        for name in ("web", "tickets")
    }
    for each in more.values():
        each.start()
    for each in more.values():
        each.wait_for(each.is_ready, 60)
    yield more
    for each in more.values():
        each.stop()


@pytest.fixture
async def elsewhere(chromium: Browser, replicas: dict[str, Service]) -> AsyncGenerator[Windows]:
    """Windows onto the other replica of web."""
    windows = Windows(chromium, f"http://localhost:{replicas['web'].port}")
    yield windows
    await windows.close()
    assert windows.complaints == []


async def announces(page: Page) -> None:
    queue = page.get_by_role("region", name="File des demandes")
    await expect(queue.get_by_role("button", name="nouvelle demande : afficher")).to_be_visible()


async def test_readers_on_every_replica_get_what_another_replica_recorded(
    technician: Staff, elsewhere: Windows, replicas, customer_account, sale_id
):
    colleague = await elsewhere.staff(technician.account.elsewhere())
    for reader in (technician, colleague):
        await reader.goes_to(PATH)
        await reader.reads("Ouvertes")

    other = httpx.AsyncClient(base_url=f"http://localhost:{replicas['tickets'].port}")
    async with other:
        headers = {"Authorization": f"Bearer {await customer_account.token()}"}
        answer = await other.post("/api/tickets", json=new_request(sale_id), headers=headers)
    assert answer.status_code == 201, answer.text

    for reader in (technician, colleague):
        await announces(reader.page)


async def test_a_page_that_was_open_while_replicas_were_replaced_catches_up(
    technician: Staff, windows: Windows, stack: Stack, customer_account, sale_id
):
    await technician.goes_to(PATH)
    await technician.reads("Ouvertes")
    parts = [stack.services["tickets"], stack.services["web"]]
    for part in parts:
        await asyncio.to_thread(part.stop)
    await technician.sees_message("La connexion est coupée.")
    for part in parts:
        part.start()
    for part in parts:
        await asyncio.to_thread(part.wait_for, part.is_ready, 60)

    await eventually(lambda: asks(customer_account, sale_id))

    await announces(technician.page)
    await expect(technician.page.get_by_text("La connexion est coupée.")).to_be_hidden()
    # The gateway's answers meanwhile are what the page was told about.
    away = ("502", "503", "504")
    windows.complaints[:] = [each for each in windows.complaints if not each.startswith(away)]
