"""A seller at the counter who counts the keys that they press."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, expect

from e2e.people import Staff
from e2e.scanner import PAUSE_SECONDS
from shop import Account, Product

READY = re.compile("^Tout est prêt")


class Clerk(Staff):
    """A seller who counts the keys that they press."""

    keys = 0

    async def press(self, *keys: str) -> None:
        for key in keys:
            self.keys += 1
            await self.page.keyboard.press(key)

    async def type(self, text: str) -> None:
        """Faster than anybody; the next key comes when a person's would, or it were a scan."""
        self.keys += len(text)
        await self.page.keyboard.type(text)
        await asyncio.sleep(PAUSE_SECONDS)

    @property
    def step_now(self) -> Any:
        return self.page.locator(".step[data-state='now'] h2")

    @property
    def ticket(self) -> Any:
        return self.page.get_by_role("complementary", name="Récapitulatif de la vente")

    async def is_at(self, title: str) -> None:
        await expect(self.step_now).to_have_text(re.compile(f"^{title}"))

    async def chooses(self, product: Product) -> None:
        await self.page.keyboard.type(product.reference)
        await expect(self.offered_products.first).to_contain_text(product.reference)
        await self.page.keyboard.press("Enter")
        await self.is_at("Numéro de série")
        await expect(self.serial_field).to_be_focused()

    async def searches_and_chooses(self, customer: Account) -> None:
        await self.page.keyboard.type(customer.email)
        listed = self.page.get_by_role("listbox", name="Clients").get_by_role("option")
        await expect(listed).to_contain_text([customer.email])
        await self.page.keyboard.press("Enter")
        await expect(self.product_box).to_be_focused()

    async def clears(self) -> None:
        await self.page.get_by_role("button", name="Vider").press("Enter")
        await self.is_at("Client")
        await expect(self.customer_box).to_be_focused()

    async def is_ready(self) -> None:
        await expect(self.page.get_by_text(READY)).to_be_visible()


AT_BOTH_WIDTHS = pytest.mark.parametrize(
    "arriving", [1440, 390], ids=["desktop", "phone"], indirect=True
)


async def sales_to(clerk: Clerk, customer: Account) -> list[Any]:
    return (await clerk.account.get(f"/api/sales?customer_id={customer.id}"))["sales"]


async def in_another_tab(clerk: Clerk) -> Clerk:
    other = Clerk(await clerk.page.context.new_page(), clerk.account)
    await other.goes_to("/comptoir")
    return other


def the_dialog(clerk: Clerk) -> Any:
    return clerk.page.get_by_role("dialog", name="À vous, Élodie")


async def shortcuts_stopped(page: Page) -> Callable[[], Awaitable[bool]]:
    """Whether no Ctrl+J, which opens the downloads, has been left to the browser from now on."""
    await page.evaluate(
        """() => {
            window.shortcuts = [];
            addEventListener("keydown", (event) => {
                if (event.ctrlKey && event.key === "j") window.shortcuts.push(event);
            }, { capture: true });
        }"""
    )
    return lambda: page.evaluate("window.shortcuts.every((event) => event.defaultPrevented)")
