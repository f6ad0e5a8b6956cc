"""A real browser at Guichet's public address, and people to sit before it."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from playwright.async_api import Browser, async_playwright, expect

import failures
from caught_mails import Mailbox
from e2e.dataset import HOSTILE, Cast, Dataset, make_dataset
from e2e.people import Customer, Staff
from e2e.windows import PATIENCE_MILLISECONDS, Windows
from local.launcher.stack import Stack
from local.workshop import browser
from shop import Account, Shop

expect.set_options(timeout=PATIENCE_MILLISECONDS)


@pytest.fixture(scope="session")
async def chromium() -> AsyncGenerator[Browser]:
    """One process for all tests; every window has a context of its own."""
    options: Any = browser.bring().as_options()
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(**options)
        yield chromium
        await chromium.close()


@pytest.fixture
async def windows(
    request: pytest.FixtureRequest, chromium: Browser, shop: Shop
) -> AsyncGenerator[Windows]:
    """Fails the test for any script error, policy violation, missing part or failure within."""
    windows = Windows(chromium, shop.public_url)
    yield windows
    if windows.complaints or request.node.stash.get(failures.FAILED, False):
        await windows.show(failures.folder_of(request.node))
    await windows.close()
    assert windows.complaints == []


@pytest.fixture
def mailbox(stack: Stack) -> Mailbox:
    """What people find in their mail."""
    assert stack.mail is not None
    return Mailbox(stack.mail.folder)


@pytest.fixture
async def closed(stack: Stack, dataset: Dataset, windows: Windows) -> AsyncGenerator[None]:
    """Tickets is away, and browsers are told so."""
    tickets = stack.services["tickets"]
    await asyncio.to_thread(tickets.stop)
    yield
    windows.complaints = [each for each in windows.complaints if not each.startswith("503 for")]
    tickets.start()
    await asyncio.to_thread(tickets.wait_for, tickets.is_ready, 60)
    await asyncio.to_thread(stack.gateway.wait_for, stack.routes_to_all, 60)


# --- Accounts, each made once ------------------------------------------------------------------


@pytest.fixture(scope="session")
async def seller_account(shop: Shop) -> Account:
    return await shop.hire("seller", "Julien", "Morel")


@pytest.fixture(scope="session")
async def technician_account(shop: Shop) -> Account:
    return await shop.hire("technician", "Claire", "Vasseur")


@pytest.fixture
async def customer_account(shop: Shop) -> Account:
    """A customer of this test's own, who owns nothing yet."""
    return await shop.register()


@pytest.fixture(scope="session")
def cast() -> Cast:
    """Names and texts that no page is drawn for; pictures have others."""
    return HOSTILE


@pytest.fixture(scope="session")
async def dataset(request: pytest.FixtureRequest, shop: Shop, cast: Cast) -> Dataset:
    """Requests in every state, for tests that look and change nothing."""
    mailbox = None
    if not request.config.getoption("--base-url"):
        mailbox = Mailbox(request.getfixturevalue("stack").mail.folder)
    return await make_dataset(shop, cast, mailbox)


# --- People at their browsers, signed in -------------------------------------------------------


@pytest.fixture
async def seller(windows: Windows, seller_account: Account) -> Staff:
    return await windows.staff(seller_account)


@pytest.fixture
async def technician(windows: Windows, technician_account: Account) -> Staff:
    return await windows.staff(technician_account)


@pytest.fixture
async def customer(windows: Windows, customer_account: Account) -> Customer:
    return await windows.customer(customer_account)
