"""The search for a product at the counter: what was typed last decides."""

import asyncio
import re
from collections.abc import AsyncGenerator
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.async_api import Route, expect

from e2e.counter.clerk import Clerk, sales_to, shortcuts_stopped
from e2e.people import spoken
from e2e.scanner import scan
from shop import matches, serial_number

# --- Searching: what was typed last decides ----------------------------------------------------


@pytest.fixture
async def slow_answers(at_product: Clerk) -> AsyncGenerator[dict[str, asyncio.Event]]:
    """The answer to a text waits until its event is set; other texts are answered at once."""
    held: dict[str, asyncio.Event] = {}

    async def answer(route: Route) -> None:
        text = parse_qs(route.request.post_data or "")["text"][0]
        if text in held:
            await held[text].wait()
        await route.continue_()

    await at_product.page.route("**/comptoir/produits", answer)
    yield held
    for event in held.values():
        event.set()
    await at_product.page.unroute_all(behavior="wait")


async def test_enter_before_the_list_has_come_takes_the_one_product_that_is_meant(
    at_product, slow_answers, customer_account
):
    """A scanned reference ends in Enter or a line feed within a few milliseconds."""
    kept_from_the_browser = await shortcuts_stopped(at_product.page)
    for end in ("Enter", "LF"):
        slow_answers["10AAM9901"] = asyncio.Event()
        await scan(at_product.page, "10AAM9901", end=end)
        await at_product.is_at("Produit")
        slow_answers["10AAM9901"].set()
        await at_product.is_at("Numéro de série")
        await expect(at_product.ticket).to_contain_text("10AAM9901")
        await at_product.page.get_by_role("button", name="Changer de produit").press("Enter")
        await at_product.press("Control+a")
    assert await kept_from_the_browser()


async def test_matched_letters_are_marked_and_every_row_can_be_clicked(at_product):
    await at_product.type("noctua nh-u12")
    rows = at_product.offered_products
    await expect(rows).to_have_count(matches("noctua nh-u12")[0] + 1)  # and the withdrawn's
    await expect(rows.nth(2).locator("mark").first).to_have_text("Noctua")
    chosen = await rows.nth(2).get_attribute("data-designation")
    await rows.nth(2).click()

    await at_product.is_at("Numéro de série")
    await expect(at_product.ticket).to_contain_text(chosen)


async def test_the_count_is_announced_once_for_each_answer(at_product):
    announced = await at_product.hears("#step-product [role=status]")
    await at_product.page.keyboard.insert_text("noc")
    on_sale, withdrawn = matches("noc")
    await expect(at_product.main).to_contain_text(f"{on_sale} produits correspondent")
    await at_product.page.keyboard.insert_text("tua nh-u12")
    await expect(at_product.offered_products.first).to_be_visible()
    await at_product.press("ArrowDown", "ArrowDown", "Escape", "ArrowDown")

    first, last = await announced()
    assert spoken(
        f"{on_sale} produits correspondent, et {withdrawn} retirés de la vente. "
        "Continuez à taper : la liste s’affiche à moins de 10."
    ).fullmatch(first)
    assert last.startswith(f"{matches('noctua nh-u12')[0]} produits correspondent à")


async def test_a_search_that_fails_says_so_and_the_next_one_works(at_product):
    await at_product.page.route("**/comptoir/produits", lambda route: route.abort())
    await at_product.type("7800x3")
    await expect(at_product.main).to_contain_text("La connexion est coupée")
    await at_product.page.unroute_all()
    await at_product.type("d")

    await expect(at_product.offered_products.first).to_contain_text("7800X3D")


async def test_a_text_that_is_too_long_is_searched_by_its_first_words(at_product):
    await at_product.page.keyboard.insert_text("noctua nh-u12 " + "nh-u12 " * 5_000)
    await expect(at_product.offered_products.first).to_contain_text("Noctua")
    await at_product.page.get_by_role("button", name="Changer de client").press("Enter")
    await expect(at_product.customer_box).to_be_focused()
    await at_product.page.keyboard.insert_text("zyx " * 5_000)
    await expect(at_product.main).to_contain_text("Aucun client ne correspond à")


async def test_too_few_letters_none_and_a_whole_reference(at_product):
    await at_product.type("zz")
    await expect(at_product.main).to_contain_text("Encore une lettre.")
    await at_product.type("zyx")
    await expect(at_product.main).to_contain_text("Aucun produit ne correspond à « zzzyx »")
    await at_product.press("Control+a")
    await at_product.type("1")

    await expect(at_product.offered_products).to_have_count(1)
    await expect(at_product.offered_products).to_contain_text("DualSense Edge")


async def test_the_search_follows_the_combobox_pattern(at_product):
    box = at_product.product_box
    await expect(box).to_have_attribute("aria-expanded", "false")
    await at_product.type("noctua nh-u12")
    await expect(box).to_have_attribute("aria-expanded", "true")
    rows = at_product.offered_products
    await expect(box).to_have_attribute("aria-activedescendant", await id_of(rows.first))
    await at_product.press("ArrowUp")
    await expect(box).to_have_attribute("aria-activedescendant", await id_of(rows.last))
    await at_product.press("ArrowDown", "ArrowDown")
    await expect(rows.nth(1)).to_have_attribute("aria-selected", "true")
    await at_product.press("Escape")
    await expect(box).to_have_attribute("aria-expanded", "false")
    await expect(rows).to_have_count(0)
    await at_product.press("Escape", "Escape")

    await at_product.is_at("Client")
    await expect(at_product.customer_box).to_be_focused()


async def id_of(row: Any) -> str:
    return await row.get_attribute("id") or ""


async def test_escape_gives_a_reopened_step_back_what_was_chosen(at_product, customer_account):
    await at_product.press("Shift+Tab")
    await expect(at_product.customer_box).to_be_focused()
    await at_product.press("Escape")

    await expect(at_product.product_box).to_be_focused()
    await expect(at_product.ticket).to_contain_text(customer_account.name)


# --- Products no longer on sale ----------------------------------------------------------------


async def test_a_withdrawn_product_is_listed_on_demand_and_confirmed(at_product, customer_account):
    withdrawn = "10MAD9901"
    await at_product.type("elgato wave pop")
    rows = at_product.offered_products
    await expect(rows.last).to_contain_text("retiré")
    await expect(at_product.main).not_to_contain_text(withdrawn)
    await at_product.press("ArrowUp", "Enter")
    await expect(rows.last).to_contain_text(withdrawn)
    await at_product.press("ArrowUp", "Enter")

    await expect(at_product.main).to_contain_text("Ce produit n’est plus en vente.")
    await expect(at_product.ticket).to_contain_text("Confirmez la vente du produit retiré.")
    unit = serial_number()
    await scan(at_product.page, unit)
    await at_product.press("Control+Enter")
    await expect(at_product.page).to_have_url(re.compile("/comptoir"))
    confirm = at_product.page.get_by_role("button", name="Vendre quand même")
    await expect(confirm).to_be_focused()
    await at_product.press("Enter")
    await at_product.is_ready()
    await at_product.records_sale()
    [sale] = await sales_to(at_product, customer_account)
    assert (sale["product"]["reference"], sale["serial_number"]) == (withdrawn, unit)
