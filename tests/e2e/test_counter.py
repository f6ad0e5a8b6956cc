"""The counter, by the keyboard alone: scans, slow answers, the hand-over, and what goes wrong."""

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, Route, expect

from e2e.people import Staff, spoken
from e2e.scanner import PAUSE_SECONDS, read_as_french, scan
from e2e.windows import Windows
from shop import Account, Product, Shop, matches, new_request, serial_number, today
from waiting import eventually

SOLD = "Cet appareil est déjà vendu"
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
    "clerk", [1440, 390], ids=["desktop", "phone"], indirect=True
)


@pytest.fixture
async def clerk(request: pytest.FixtureRequest, windows: Windows, seller_account: Account) -> Clerk:
    """At an empty counter, at 1440 pixels; also at 390 where a test says so."""
    width = getattr(request, "param", 1440)
    seller = await windows.staff(seller_account, width=width)
    clerk = Clerk(seller.page, seller.account)
    await clerk.goes_to_counter()
    return clerk


@pytest.fixture
async def at_serial(clerk: Clerk, customer_account: Account, product: Product) -> Clerk:
    """Customer and product are chosen already."""
    await clerk.goes_on_with_sale(customer_account, product)
    return clerk


@pytest.fixture
async def at_product(clerk: Clerk, customer_account: Account) -> Clerk:
    await clerk.goes_to(f"/comptoir?client={customer_account.id}")
    await expect(clerk.product_box).to_be_focused()
    return clerk


async def sales_to(clerk: Clerk, customer: Account) -> list[Any]:
    return (await clerk.account.get(f"/api/sales?customer_id={customer.id}"))["sales"]


# --- The budget --------------------------------------------------------------------------------


@AT_BOTH_WIDTHS
async def test_a_sale_takes_at_most_25_keys_besides_the_scan(clerk, shop, product, record_property):
    customer = await shop.register("Zéphyrine", "Quatrebarbes")
    await clerk.type(customer.email.split("@")[0][-8:])
    await expect(clerk.page.get_by_role("listbox", name="Clients")).to_contain_text(customer.email)
    await clerk.press("Enter")
    await expect(clerk.product_box).to_be_focused()
    await clerk.type("7800x3d")
    await expect(clerk.offered_products.first).to_contain_text("7800X3D")
    await clerk.press("Enter")
    await expect(clerk.serial_field).to_be_focused()
    unit = serial_number()
    await scan(clerk.page, unit)
    await clerk.is_ready()
    await clerk.press("Control+Enter")
    await clerk.reads_title("Confirmation de vente")
    await clerk.is_told("Vente enregistrée. Zéphyrine peut déjà demander de l’aide")

    [sale] = await sales_to(clerk, customer)
    assert (sale["serial_number"], sale["sold_on"]) == (unit, today().isoformat())
    assert clerk.keys <= 25
    record_property("counted", f"a sale: {clerk.keys} keys besides the scan")


# --- The scanner -------------------------------------------------------------------------------


async def test_a_scan_validates_its_field_and_moves_on_and_the_next_one_replaces_it(
    at_serial, customer_account
):
    """Wherever the focus is meanwhile: in the field, in the day's, on the button that records."""
    for end in ("Enter", "Tab", "LF", "CRLF"):
        unit = serial_number()
        await scan(at_serial.page, unit, end=end)
        await expect(at_serial.main).to_contain_text("Numéro libre")
        await expect(at_serial.date_field).to_be_focused()
        await expect(at_serial.serial_field).to_have_value(unit)
        await expect(at_serial.date_field).to_have_value(f"{today():%d/%m/%Y}")
    await at_serial.press("Enter")
    await expect(at_serial.page.get_by_role("button", name="Enregistrer la vente")).to_be_focused()
    other = serial_number()
    await scan(at_serial.page, other)

    await expect(at_serial.serial_field).to_have_value(other)
    assert await sales_to(at_serial, customer_account) == []


async def test_a_scan_without_an_end_is_checked_at_its_fifteenth_character(at_serial):
    await scan(at_serial.page, serial_number(), end="")

    await expect(at_serial.main).to_contain_text("Numéro libre")
    await at_serial.is_ready()
    await expect(at_serial.serial_field).to_be_focused()


async def test_a_scan_while_the_customer_is_searched_goes_to_the_serial_number(clerk):
    """As it is, in groups, behind a prefix, or in another layout."""
    await clerk.type("zz")
    for end in ("Enter", "Tab"):
        unit = serial_number()
        await scan(clerk.page, unit, end=end)
        await expect(clerk.customer_box).to_have_value("zz")
        await expect(clerk.customer_box).to_be_focused()
        await expect(clerk.serial_field).to_have_value(unit)
        await clerk.is_at("Client")
    unit = serial_number()
    await scan(clerk.page, f"{unit[:5]}-{unit[5:10]}-{unit[10:]}")
    await expect(clerk.serial_field).to_have_value(unit)
    for scanned in (f"]C1{unit}", read_as_french(unit)):
        await scan(clerk.page, scanned)
        await expect(clerk.main).to_contain_text(f"Numéro lu : {unit}.")
        await expect(clerk.customer_box).to_have_value("zz")
        await clerk.customer_box.focus()


async def test_a_scan_while_a_customer_is_created_leaves_the_names_alone(clerk):
    await clerk.press("Alt+n")
    await clerk.type("Élo")
    unit = serial_number()
    await scan(clerk.page, unit)

    await expect(clerk.field("Prénom")).to_have_value("Élo")
    await expect(clerk.serial_field).to_have_value(unit)


async def test_a_scan_in_the_product_box_stays_there(at_product):
    await scan(at_product.page, "B0ABCDEFGHIJKLM")

    await expect(at_product.product_box).to_have_value("B0ABCDEFGHIJKLM")
    await expect(at_product.serial_field).to_be_hidden()
    await expect(at_product.main).to_contain_text("Aucun produit ne correspond")
    await at_product.is_at("Produit")


async def test_somebody_typing_fifteen_letters_is_no_scanner(clerk):
    await clerk.page.keyboard.type("abcdefghijklmno", delay=60)
    await clerk.press("Enter")

    await expect(clerk.customer_box).to_have_value("abcdefghijklmno")
    await expect(clerk.serial_field).to_be_hidden()


async def test_a_scan_of_another_length_is_refused_and_not_cut(at_serial):
    kept_from_the_browser = await shortcuts_stopped(at_serial.page)
    for length, end in ((14, "Enter"), (16, "Tab"), (14, "LF"), (16, "CRLF")):
        scanned = (serial_number() * 2)[:length]
        await at_serial.press("Control+a", "Delete")
        await scan(at_serial.page, scanned, end=end)
        words = "Il manque 1 caractère" if length == 14 else "Il y a 1 caractère de trop"
        await at_serial.is_told_beside("Numéro de série", words)
        await expect(at_serial.serial_field).to_have_value(scanned)
        await expect(at_serial.main).to_contain_text(f"{length} / 15")
        await expect(at_serial.serial_field).to_be_focused()
        await at_serial.is_at("Numéro de série")
    assert await kept_from_the_browser()


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


async def test_a_scan_from_another_keyboard_layout_is_confirmed_or_typed_anew(at_serial):
    yes = at_serial.page.get_by_role("button", name="Oui, c’est lui")
    await scan(at_serial.page, read_as_french(serial_number()[:14] + "7"))
    await expect(yes).to_be_focused()
    await at_serial.press("Shift+Tab")
    await expect(at_serial.serial_field).to_be_focused()
    await at_serial.press("Tab", "Tab")
    await expect(at_serial.page.get_by_role("button", name="Non, ressaisir")).to_be_focused()
    await at_serial.press("Enter")
    await expect(at_serial.serial_field).to_have_value("")
    await expect(at_serial.serial_field).to_be_focused()
    unit = "PHBQ74K2M910XTD"[:8] + serial_number()[:7]
    await scan(at_serial.page, read_as_french(unit))
    await expect(at_serial.main).to_contain_text("La douchette semble réglée sur un autre clavier.")
    await expect(at_serial.main).to_contain_text(f"Numéro lu : {unit}.")
    await at_serial.is_at("Numéro de série")
    await expect(yes).to_be_focused()
    await at_serial.press("Enter")

    await expect(at_serial.serial_field).to_have_value(unit)
    await expect(at_serial.date_field).to_be_focused()


async def test_a_scanners_prefix_is_taken_off_and_confirmed_also_where_it_was_typed(at_serial):
    unit = serial_number()
    await at_serial.type(f"]C1{unit}")
    await at_serial.press("Enter")
    await expect(at_serial.main).to_contain_text(
        spoken("La douchette met « ]C1 » devant le numéro")
    )
    await expect(at_serial.page.get_by_role("button", name="Oui, c’est lui")).to_be_focused()
    await at_serial.press("Enter")

    await expect(at_serial.serial_field).to_have_value(unit)
    await expect(at_serial.date_field).to_be_focused()


async def test_a_scan_that_cannot_be_decoded_whole_is_refused(at_serial):
    await scan(at_serial.page, "PHBQ&é\"'(M910XT")

    await at_serial.is_told_beside("Numéro de série", "Caractère 5 : « & » n’est ni un chiffre")


# --- The serial number -------------------------------------------------------------------------


@AT_BOTH_WIDTHS
async def test_a_number_is_tidied_as_it_is_typed_counted_and_refused_in_its_place(at_serial):
    field, mark = at_serial.serial_field, at_serial.page.locator(".serial__bad")
    await at_serial.press("Enter")
    await at_serial.is_told_beside("Numéro de série", "Indiquez le numéro de série")
    await at_serial.type("phbq7-4k2 m9.1")
    await expect(field).to_have_value("PHBQ74K2M91")
    await expect(at_serial.main).to_contain_text("11 / 15")
    await expect(field).not_to_have_attribute("aria-invalid", "true")
    await expect(at_serial.ticket).to_contain_text("Le n° de série est incomplet.")
    await at_serial.press("ArrowLeft", "ArrowLeft")
    await at_serial.type("-x")
    await expect(field).to_have_value("PHBQ74K2MX91")
    for typed, place in (("PHBQ74é2M910XTD", 6), (f"{'PHBQ74K2M910XTD' * 2}é", 14)):
        await at_serial.press("Control+a")
        await at_serial.page.keyboard.insert_text(typed)
        await at_serial.press("Enter")
        await at_serial.is_told_beside(
            "Numéro de série", f"Caractère {typed.index('é') + 1} : « é »"
        )
        await expect(field).to_have_value(typed)
        await expect(mark).to_be_visible()
        assert (
            abs(await mark.evaluate("mark => Number(mark.style.getPropertyValue('--bad'))") - place)
            < 0.1
        )
    unit = serial_number()
    await at_serial.press("Control+a")
    await at_serial.page.keyboard.insert_text(
        f" {unit[:5].lower()} {unit[5:10]}\u00a0{unit[10:]}\t"
    )
    await at_serial.press("Enter")

    await expect(field).to_have_value(unit)
    await expect(at_serial.date_field).to_be_focused()


async def test_a_number_sold_before_tells_when_and_to_whom_and_tab_leaves_it(
    at_serial, shop, product
):
    buyer = await shop.register("Marc", "Rousseau")
    sale = await shop.sell(buyer, product, seller=at_serial.account)
    await at_serial.type(sale["serial_number"])

    await at_serial.is_told_beside("Numéro de série", f"{SOLD} : le {today().day} ")
    await expect(at_serial.main).to_contain_text("à Marc Rousseau, par Julien Morel.")
    link = at_serial.page.get_by_role("link", name="Voir cette vente")
    await expect(link).to_have_attribute("href", f"/ventes/{sale['id']}")
    await expect(at_serial.ticket).to_contain_text("Le n° de série est à corriger.")
    await at_serial.press("Tab")
    await expect(link).to_be_focused()


async def test_a_number_that_reads_like_a_sold_one_is_asked_about(at_serial, shop, product):
    unit = f"PHBO{serial_number()[4:].replace('O', 'X').replace('I', 'X')}"
    await shop.sell(await shop.register(), product, serial_number=unit.replace("O", "0"))
    await at_serial.type(unit)
    await expect(at_serial.main).to_contain_text("là où celui-ci a la lettre O (caractère 4)")
    await expect(at_serial.ticket).to_contain_text("Le n° de série est à confirmer.")
    await at_serial.press("Enter")
    await at_serial.is_at("Numéro de série")
    await at_serial.page.get_by_role("button", name=unit, exact=True).press("Enter")

    await expect(at_serial.date_field).to_be_focused()
    await expect(at_serial.serial_field).to_have_value(unit)


async def test_what_a_keyboard_composes_is_checked_like_any_other(at_serial):
    """Keyboards of telephones, and dead keys."""
    unit = serial_number()
    keyboard = await at_serial.page.context.new_cdp_session(at_serial.page)
    await keyboard.send(
        "Input.imeSetComposition",
        {"text": unit.lower(), "selectionStart": len(unit), "selectionEnd": len(unit)},
    )
    await keyboard.send("Input.insertText", {"text": unit.lower()})

    await expect(at_serial.serial_field).to_have_value(unit)
    await expect(at_serial.main).to_contain_text("Numéro libre")
    await at_serial.is_ready()


async def test_another_product_makes_the_same_number_free_and_tells_of_the_first(
    at_serial, shop, product
):
    sale = await shop.sell(await shop.register(), product)
    await at_serial.type(sale["serial_number"])
    await expect(at_serial.main).to_contain_text(SOLD)
    await at_serial.page.get_by_role("button", name="Changer de produit").press("Enter")
    await expect(at_serial.product_box).to_be_focused()
    await at_serial.type("10AAM9901")
    await expect(at_serial.offered_products.first).to_contain_text("10AAM9901")
    await at_serial.press("Enter")

    await expect(at_serial.main).to_contain_text(
        "Ce numéro est aussi celui d’un autre appareil vendu le"
    )
    await at_serial.is_ready()


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


async def test_a_slow_answer_never_replaces_a_newer_one(at_product, slow_answers):
    slow_answers["noctua nh-u12"] = asyncio.Event()
    async with at_product.page.expect_request("**/comptoir/produits"):
        await at_product.type("noctua nh-u12")
    await at_product.press("Control+a")
    await at_product.type("7800x3d")
    await expect(at_product.offered_products.first).to_contain_text("7800X3D")
    slow_answers["noctua nh-u12"].set()
    await at_product.page.wait_for_timeout(300)

    await expect(at_product.offered_products.first).to_contain_text("7800X3D")
    await expect(at_product.main).not_to_contain_text("Noctua")


async def test_enter_takes_nothing_that_is_shown_for_an_earlier_text(at_product, slow_answers):
    await at_product.type("noctua nh-u12")
    await expect(at_product.offered_products.first).to_contain_text("Noctua")
    slow_answers["7800x3d"] = asyncio.Event()
    await at_product.press("Control+a")
    await at_product.type("7800x3d")
    await at_product.press("Enter")

    await at_product.is_at("Produit")
    await expect(at_product.ticket).not_to_contain_text("Noctua")
    slow_answers["7800x3d"].set()
    await expect(at_product.offered_products.first).to_contain_text("7800X3D")
    await at_product.is_at("Produit")
    await at_product.press("Enter")
    await expect(at_product.ticket).to_contain_text("7800X3D")


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


async def test_enter_before_the_list_has_come_opens_it_where_several_match(
    at_product, slow_answers
):
    for text in ("noctua nh-u12", "noctua nh-u12x"):
        slow_answers[text] = asyncio.Event()
    await at_product.type("noctua nh-u12")
    await at_product.press("Enter", "Enter")
    slow_answers["noctua nh-u12"].set()
    await expect(at_product.offered_products.first).to_contain_text("Noctua")
    await at_product.is_at("Produit")
    await at_product.press("Escape", "Enter")
    await expect(at_product.offered_products.first).to_be_visible()
    await at_product.type("x")
    await at_product.press("Enter", "Backspace")
    slow_answers["noctua nh-u12x"].set()
    await expect(at_product.offered_products.first).to_contain_text("Noctua")
    await at_product.is_at("Produit")


@AT_BOTH_WIDTHS
async def test_matched_letters_are_marked_and_every_row_can_be_clicked(at_product):
    await at_product.type("noctua nh-u12")
    rows = at_product.offered_products
    await expect(rows).to_have_count(matches("noctua nh-u12")[0] + 1)  # and the withdrawn's
    await expect(rows.nth(2).locator("mark").first).to_have_text("Noctua")
    chosen = await rows.nth(2).get_attribute("data-designation")
    await rows.nth(2).click()

    await at_product.is_at("Numéro de série")
    await expect(at_product.ticket).to_contain_text(chosen)


async def test_a_row_for_an_earlier_text_cannot_be_clicked(at_product, slow_answers):
    await at_product.type("noctua nh-u12")
    row = at_product.offered_products.first
    await expect(row).to_contain_text("Noctua")
    slow_answers["noctua nh-u12x"] = asyncio.Event()
    await at_product.type("x")
    await row.click()

    await at_product.is_at("Produit")
    await expect(at_product.ticket).not_to_contain_text("Noctua")


async def test_the_count_is_announced_once_for_each_answer(at_product):
    said = await listen_to(at_product.page)
    await at_product.type("noc")
    on_sale, withdrawn = matches("noc")
    await expect(at_product.main).to_contain_text(f"{on_sale} produits correspondent")
    await at_product.type("tua nh-u12")
    await expect(at_product.offered_products.first).to_be_visible()
    await at_product.press("ArrowDown", "ArrowDown", "Escape", "ArrowDown")

    first, last = await said()
    assert spoken(
        f"{on_sale} produits correspondent, et {withdrawn} retirés de la vente. "
        "Continuez à taper : la liste s’affiche à moins de 10."
    ).fullmatch(first)
    assert last.startswith(f"{matches('noctua nh-u12')[0]} produits correspondent à")


async def listen_to(page: Page) -> Callable[[], Awaitable[list[str]]]:
    """What a screen reader would say: every change of the product search's live region."""
    await page.evaluate(
        """() => {
            const status = document.querySelector("#step-product [role=status]");
            window.said = [];
            new MutationObserver(() => window.said.push(status.textContent))
                .observe(status, { childList: true, characterData: true, subtree: true });
        }"""
    )
    return lambda: page.evaluate("window.said.filter(Boolean)")


async def test_a_search_that_fails_says_so_and_the_next_one_works(at_product):
    await at_product.page.route("**/comptoir/produits", lambda route: route.abort())
    await at_product.type("7800x3")
    await expect(at_product.main).to_contain_text("La connexion est coupée")
    await at_product.page.unroute_all()
    await at_product.type("d")

    await expect(at_product.offered_products.first).to_contain_text("7800X3D")


async def test_an_answer_that_comes_late_opens_no_list_in_a_box_that_was_left(
    at_product, slow_answers
):
    slow_answers["noctua nh-u12"] = asyncio.Event()
    async with at_product.page.expect_request("**/comptoir/produits"):
        await at_product.type("noctua nh-u12")
    await at_product.press("Tab")
    slow_answers["noctua nh-u12"].set()
    await at_product.page.wait_for_timeout(300)
    await expect(at_product.product_box).to_have_attribute("aria-expanded", "false")
    await at_product.product_box.press("ArrowDown")

    await expect(at_product.offered_products.first).to_contain_text("Noctua")


@pytest.mark.parametrize(
    ("box", "length", "words"),
    [
        ("customer", 201, "201 caractères : 200 au plus"),
        ("product", 501, "501 caractères : 500 au plus"),
    ],
)
async def test_a_text_that_is_too_long_is_refused_for_that(at_product, box, length, words):
    if box == "customer":
        await at_product.press("Shift+Tab")
        await expect(at_product.customer_box).to_be_focused()
    await at_product.page.keyboard.insert_text("x" * length)

    await expect(at_product.main).to_contain_text(spoken(words))
    await expect(at_product.main).not_to_contain_text("Votre session a expiré")


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


@AT_BOTH_WIDTHS
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


# --- The customer, and the hand-over -----------------------------------------------------------


async def test_a_customer_is_found_by_any_words_with_what_they_bought(clerk, shop, product):
    name = f"Quincampoix{serial_number()[:6].lower()}"
    customer = await shop.register("Élodie", name)
    await shop.sell(customer, product)
    await clerk.type(f"{name[3:]} ELO")
    row = clerk.page.get_by_role("listbox", name="Clients").get_by_role("option")

    await expect(row).to_have_count(1)
    await expect(row).to_contain_text(f"{name} Élodie")
    await expect(row).to_contain_text(customer.email)
    await expect(row).to_contain_text("1 achat")
    await expect(row.locator("mark")).to_have_text([name[3:], "Élo"])


@AT_BOTH_WIDTHS
async def test_a_new_customer_is_pre_filled_from_what_was_typed(clerk):
    await clerk.type("élodie de la tour elodie@example.net")
    await clerk.press("Alt+n")
    await expect(clerk.field("Prénom")).to_have_value("Élodie")
    await expect(clerk.field("Nom")).to_have_value("De La Tour")
    await expect(clerk.field("Adresse e-mail")).to_have_value("elodie@example.net")
    await clerk.press("Escape")
    await expect(clerk.customer_box).to_be_focused()
    await clerk.press("Control+a")
    await clerk.type("marchand")
    await clerk.press("Alt+n")

    await expect(clerk.field("Prénom")).to_have_value("")
    await expect(clerk.field("Nom")).to_have_value("Marchand")


async def test_a_slip_in_the_address_is_questioned(clerk):
    await clerk.type("Élodie Marchand elodie.marchand@gmial.com")
    await clerk.press("Alt+n")
    await expect(clerk.main).to_contain_text("Vouliez-vous dire elodie.marchand@gmail.com ?")
    await clerk.page.get_by_role("button", name="Corriger").press("Enter")

    await expect(clerk.field("Adresse e-mail")).to_have_value("elodie.marchand@gmail.com")


async def test_a_slip_in_an_address_is_questioned_before_the_hand_over_and_only_once(clerk):
    """Some people do have such an address."""
    await clerk.press("Alt+n")
    for text in ("Élodie", "Marchand", "elodie.marchand@gmial.com"):
        await clerk.type(text)
        await clerk.press("Enter")
    await expect(clerk.page.get_by_role("button", name="Corriger")).to_be_focused()
    await expect(the_dialog(clerk)).to_be_hidden()
    await clerk.press("Shift+Tab", "Enter")

    await expect(the_dialog(clerk)).to_contain_text("elodie.marchand@gmial.com")


@pytest.mark.parametrize("facts", [{"key": "ñ", "modifierAltGraph": True}, {"key": "Dead"}])
async def test_a_key_that_composes_a_letter_creates_no_customer(clerk, facts):
    """AltGr+N, and Option+N on a Mac."""
    await clerk.type("mu")
    await clerk.customer_box.dispatch_event(
        "keydown", {"code": "KeyN", "altKey": True, "bubbles": True, "cancelable": True, **facts}
    )

    await expect(clerk.customer_box).to_be_focused()
    await expect(clerk.field("Prénom")).to_be_hidden()


async def test_an_address_that_is_known_offers_its_customer(clerk, customer_account):
    await clerk.press("Alt+n")
    await clerk.type("Nathalie")
    await clerk.press("Enter")
    await clerk.type("Roux")
    await clerk.press("Enter")
    await clerk.type(customer_account.email)
    await clerk.press("Enter")

    await clerk.is_told_beside(
        "Adresse e-mail",
        f"Un compte existe déjà avec cette adresse : {customer_account.name}.",
    )
    await expect(clerk.page.get_by_role("dialog")).to_be_hidden()
    offer = clerk.page.get_by_role("button", name="Choisir ce client")
    async with clerk.page.expect_response("**/comptoir/clients/verification"):
        await clerk.press("Tab")  # leaving the field asks once more
    await expect(offer).to_be_focused()
    await clerk.press("Enter")
    await expect(clerk.product_box).to_be_focused()
    await expect(clerk.ticket).to_contain_text(customer_account.name)


async def test_wrong_names_and_addresses_are_said_beside_their_fields(clerk):
    await clerk.press("Alt+n")
    await clerk.press("Enter", "Enter")
    await clerk.type("elodie@example")
    await clerk.press("Enter")

    await clerk.is_told_beside("Prénom", "Indiquez le prénom.")
    await clerk.is_told_beside("Nom", "Indiquez le nom.")
    await clerk.is_told_beside("Adresse e-mail", "Il manque la fin de l’adresse")
    await expect(clerk.field("Prénom")).to_be_focused()


@pytest.fixture
async def newcomer(clerk: Clerk, shop: Shop) -> Account:
    """The keyboard is in the hands of somebody who has no account yet."""
    newcomer = shop.somebody("Élodie", "Marchand")
    await clerk.type(f"Élodie Marchand {newcomer.email}")
    await clerk.press("Alt+n")
    await clerk.press("Enter")
    await expect(clerk.page.get_by_role("dialog", name="À vous, Élodie")).to_be_visible()
    return newcomer


def the_dialog(clerk: Clerk) -> Any:
    return clerk.page.get_by_role("dialog", name="À vous, Élodie")


@AT_BOTH_WIDTHS
async def test_the_hand_over_shows_nothing_of_the_sellers_screen(clerk, newcomer):
    covered = await clerk.page.evaluate(
        """() => {
            const dialog = document.querySelector("dialog[open]");
            const points = [.01, .25, .5, .75, .99];
            return points.every((x) => points.every((y) => dialog.contains(
                document.elementFromPoint(innerWidth * x, innerHeight * y))));
        }"""
    )
    assert covered
    await expect(the_dialog(clerk)).not_to_contain_text("Vente")


async def test_escape_leaves_the_hand_over_without_saving(clerk, newcomer):
    await clerk.type("dix-sept tortues")
    await clerk.press("Escape")

    await expect(the_dialog(clerk)).to_be_hidden()
    await expect(clerk.field("Prénom")).to_have_value("Élodie")
    checked = await clerk.account.post(
        "/api/identity/customers/email-check", {"email": newcomer.email}, status=200
    )
    assert checked["taken"] is False
    await clerk.field("Adresse e-mail").press("Enter")
    await expect(the_dialog(clerk).get_by_label("Mot de passe", exact=True)).to_have_value("")


@pytest.mark.parametrize("way", ["Escape", "Annuler"])
async def test_a_password_that_is_being_saved_cannot_be_cancelled(clerk, newcomer, way):
    saving = asyncio.Event()

    async def answer_later(route: Route) -> None:
        await saving.wait()
        await route.continue_()

    await clerk.page.route("**/comptoir/clients/creation", answer_later)
    await gives_the_keyboard_back(clerk, newcomer.password)
    if way == "Escape":
        await clerk.press("Escape", "Escape")
    else:
        await the_dialog(clerk).get_by_role("button", name=way).click()
    await expect(the_dialog(clerk)).to_be_visible()
    saving.set()

    await expect(clerk.product_box).to_be_focused()
    await expect(clerk.ticket).to_contain_text(newcomer.name)


async def gives_the_keyboard_back(clerk: Clerk, password: str) -> None:
    for _ in range(2):
        await clerk.type(password)
        await clerk.press("Enter")


async def test_the_password_typed_last_is_the_one_that_counts(clerk, newcomer):
    """The first was saved, but the network was cut before anybody was told."""

    async def cut_after_the_server_heard(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await clerk.page.route("**/comptoir/clients/creation", cut_after_the_server_heard)
    await gives_the_keyboard_back(clerk, newcomer.password)
    await expect(the_dialog(clerk)).to_contain_text("La connexion est coupée")
    await clerk.page.unroute_all()
    newcomer.password = "neuf tortues lentes"
    for label in ("Mot de passe", "Le même, une seconde fois"):
        await the_dialog(clerk).get_by_label(label, exact=True).fill(newcomer.password)
    await clerk.press("Enter")

    await expect(clerk.product_box).to_be_focused()
    assert await newcomer.session()


async def test_the_sellers_keys_are_off_during_the_hand_over(clerk, newcomer):
    first = the_dialog(clerk).get_by_label("Mot de passe", exact=True)
    await clerk.press("Alt+n", "Control+Enter")
    await scan(clerk.page, "ABCDEFGHIJKLMNO")

    await expect(the_dialog(clerk)).to_be_visible()
    await expect(first).to_have_value("ABCDEFGHIJKLMNO")
    await expect(clerk.page.locator("#serial_number")).to_have_value("")


async def test_the_rules_are_shown_as_they_are_met(clerk, newcomer):
    dialog = the_dialog(clerk)
    await clerk.type("bobine")
    await expect(dialog).to_contain_text("6 caractères, encore 6 au moins")
    await clerk.type("-cactus")
    await expect(dialog).to_contain_text("13 caractères : c’est bon (12 au minimum)")
    await clerk.press("Enter")
    await expect(dialog.get_by_label("Le même, une seconde fois")).to_be_focused()
    await clerk.type("bobine-cactu")
    await clerk.press("Enter")
    await expect(dialog).to_contain_text("Les deux mots de passe sont différents.")
    await expect(dialog).to_be_visible()
    await clerk.type("s")
    await clerk.press("Enter")

    await expect(dialog).to_be_hidden()
    await expect(clerk.product_box).to_be_focused()
    await expect(clerk.ticket).to_contain_text("Élodie Marchand")
    newcomer.password = "bobine-cactus"
    assert await newcomer.session()


async def test_a_password_may_be_pasted_and_shown(clerk, newcomer):
    first = the_dialog(clerk).get_by_label("Mot de passe", exact=True)
    await clerk.page.keyboard.insert_text("dix-sept tortues lentes")
    await expect(first).to_have_attribute("type", "password")
    await clerk.press("Tab", "Enter")

    await expect(first).to_have_attribute("type", "text")
    await expect(first).to_have_value("dix-sept tortues lentes")
    await expect(first).to_have_attribute("autocomplete", "new-password")


async def test_a_common_password_is_refused_on_the_customers_screen(clerk, newcomer):
    dialog = the_dialog(clerk)
    await clerk.type("motdepasse123")
    await clerk.press("Enter")
    await clerk.type("motdepasse123")
    await clerk.press("Enter")

    await expect(dialog).to_contain_text("trop facile à deviner")
    await expect(dialog).to_be_visible()
    await expect(dialog.get_by_label("Mot de passe", exact=True)).to_be_focused()


async def test_giving_the_keyboard_back_twice_creates_one_customer(clerk, newcomer):
    sent = []
    clerk.page.on(
        "request", lambda request: sent.append(request) if "creation" in request.url else None
    )
    await clerk.type(newcomer.password)
    await clerk.press("Enter")
    await clerk.type(newcomer.password)
    await clerk.press("Enter", "Enter", "Enter")
    await expect(clerk.product_box).to_be_focused()

    assert len(sent) == 1
    found = await clerk.account.post(
        "/api/identity/customers/search", {"text": newcomer.email}, status=200
    )
    assert found["count"] == 1


async def test_a_customer_created_a_moment_ago_can_be_sold_to_at_once(clerk, newcomer, product):
    await clerk.type(newcomer.password)
    await clerk.press("Enter")
    await clerk.type(newcomer.password)
    await clerk.press("Enter")
    await expect(clerk.product_box).to_be_focused()
    await clerk.chooses(product)
    await scan(clerk.page, serial_number())
    await clerk.is_ready()
    await clerk.records_sale()

    await clerk.reads(newcomer.email)


# --- The day -----------------------------------------------------------------------------------


@pytest.fixture
async def at_date(at_serial: Clerk) -> Clerk:
    await scan(at_serial.page, serial_number())
    await expect(at_serial.date_field).to_be_focused()
    await at_serial.press("Control+a")
    return at_serial


async def test_a_day_is_read_while_it_is_typed_and_the_slip_shows_no_other(
    at_date, customer_account
):
    yesterday = today() - timedelta(days=1)
    slip = at_date.page.locator("[data-row=sold_on] dd")
    await at_date.type("le 35")
    await at_date.is_told_beside("Date de vente", "Cette date n’est pas lisible.")
    await expect(slip).to_have_text("—")
    await at_date.press("Control+a")
    await at_date.type("31122099")
    await at_date.is_told_beside("Date de vente", "ne peut pas être dans le futur")
    await expect(slip).to_have_text("—")
    await at_date.press("Control+Enter")
    await expect(at_date.ticket).to_contain_text("La date de vente est à corriger.")
    assert await sales_to(at_date, customer_account) == []
    await at_date.press("Control+a", "Delete")
    await expect(slip).to_have_text("—")
    await expect(at_date.ticket).to_contain_text("Il manque la date de vente.")
    await at_date.type(f"{yesterday:%d%m%y}")
    await expect(slip).to_contain_text(str(yesterday.year))
    await expect(at_date.date_field).to_have_value(f"{yesterday:%d%m%y}")
    await at_date.press("Enter")
    await expect(at_date.date_field).to_have_value(f"{yesterday:%d/%m/%Y}")
    await expect(at_date.page.get_by_role("button", name="Enregistrer la vente")).to_be_focused()
    await at_date.press("Enter")
    await at_date.reads_title("Confirmation de vente")

    [sale] = await sales_to(at_date, customer_account)
    assert sale["sold_on"] == yesterday.isoformat()


@AT_BOTH_WIDTHS
async def test_a_day_of_more_than_a_year_ago_is_confirmed_once(at_date, customer_account):
    day = today() - timedelta(days=500)
    await at_date.type(f"{day:%d%m%Y}")
    await at_date.press("Enter")
    yes = at_date.page.get_by_role("button", name="Oui, c’est la bonne date")
    await expect(yes).to_be_focused()
    await at_date.press("Control+Enter")
    await expect(at_date.ticket).to_contain_text("Confirmez la date de vente.")
    await yes.press("Enter")
    await expect(yes).to_be_hidden()
    await at_date.page.reload()
    await expect(at_date.date_field).to_have_value(f"{day:%d/%m/%Y}")
    await at_date.is_ready()
    await at_date.records_sale()

    [sale] = await sales_to(at_date, customer_account)
    assert sale["sold_on"] == day.isoformat()


async def test_the_day_may_be_picked_from_a_calendar(at_date):
    yesterday = today() - timedelta(days=1)
    calendar = at_date.page.locator("[data-calendar]")
    await expect(at_date.page.get_by_role("button", name="Ouvrir le calendrier")).to_be_visible()
    await expect(calendar).to_have_attribute("max", today().isoformat())
    await calendar.evaluate(  # what the browser's own calendar does
        "(input, day) => { input.value = day; input.dispatchEvent(new Event('change')); }",
        yesterday.isoformat(),
    )

    await expect(at_date.date_field).to_have_value(f"{yesterday:%d/%m/%Y}")
    await at_date.is_ready()


async def test_the_ticket_shows_the_day_that_is_being_recorded(at_date):
    await at_date.page.route("**/comptoir", lambda route: route.abort())
    await at_date.type("3/3")
    await at_date.press("Control+Enter")

    await expect(at_date.main).to_contain_text("La connexion est coupée")
    await expect(at_date.date_field).to_have_value(re.compile("^03/03/"))
    await expect(at_date.ticket).to_contain_text("3 mars")


async def is_open_since_yesterday(clerk: Clerk) -> None:
    """The page as it was made then, and the clock some time later."""
    await clerk.date_field.evaluate(
        """(field, day) => {
            field.value = day;
            Object.assign(field.dataset, { today: day, read: day, short: day, words: "hier" });
        }""",
        f"{today() - timedelta(days=1):%d/%m/%Y}",
    )
    await clerk.page.clock.set_fixed_time(datetime.now(UTC) + timedelta(minutes=20))


async def test_a_page_that_stayed_open_overnight_shows_the_new_day(at_date):
    await is_open_since_yesterday(at_date)
    await at_date.press("Shift")

    await expect(at_date.date_field).to_have_value(f"{today():%d/%m/%Y}")
    await expect(at_date.ticket).not_to_contain_text("hier")
    await expect(at_date.main).to_contain_text(re.compile("Aujourd’hui, "))


async def test_a_page_that_stayed_open_overnight_records_the_new_day(at_date, customer_account):
    await at_date.page.route("**/comptoir/dates", lambda route: route.abort())
    await is_open_since_yesterday(at_date)
    await at_date.records_sale()

    [sale] = await sales_to(at_date, customer_account)
    assert sale["sold_on"] == today().isoformat()


# --- Recording ---------------------------------------------------------------------------------


async def test_recording_twice_at_once_records_once(at_serial, customer_account):
    await scan(at_serial.page, serial_number())
    await at_serial.is_ready()
    record = at_serial.page.get_by_role("button", name="Enregistrer la vente")
    await record.dblclick()
    await at_serial.reads_title("Confirmation de vente")

    assert len(await sales_to(at_serial, customer_account)) == 1


async def test_recording_need_not_wait_for_the_last_answer(at_serial, customer_account):
    await scan(at_serial.page, serial_number(), end="")
    await at_serial.records_sale()

    assert len(await sales_to(at_serial, customer_account)) == 1


async def test_recording_again_after_a_cut_network_records_once(at_serial, customer_account):
    async def cut_after_the_server_heard(route: Route) -> None:
        if route.request.method != "POST":
            await route.fallback()
            return
        await route.fetch()
        await route.abort()

    await scan(at_serial.page, serial_number())
    await at_serial.is_ready()
    await at_serial.page.route("**/comptoir", cut_after_the_server_heard)
    await at_serial.press("Control+Enter")
    await expect(at_serial.main).to_contain_text("La connexion est coupée")
    await at_serial.page.unroute_all()
    await at_serial.records_sale()

    assert len(await sales_to(at_serial, customer_account)) == 1


async def test_two_tabs_sell_one_unit_once(at_serial, shop, product, customer_account):
    """Two sales that both have the unit: the second is told of the first."""
    unit = serial_number()
    other = await in_another_tab(at_serial)
    await expect(other.serial_field).to_be_focused()
    await other.clears()
    other_customer = await shop.register()
    await other.searches_and_chooses(other_customer)
    await other.chooses(product)
    for clerk in (at_serial, other):
        await scan(clerk.page, unit)
        await clerk.is_ready()
    await at_serial.records_sale()
    await other.press("Control+Enter")

    await other.is_told_beside("Numéro de série", SOLD)
    await expect(other.serial_field).to_have_value(unit)
    await expect(other.serial_field).to_be_focused()
    assert len(await sales_to(at_serial, customer_account)) == 1
    assert await sales_to(at_serial, other_customer) == []


async def test_two_tabs_with_one_sale_record_it_once(at_serial, customer_account):
    unit = serial_number()
    other = await in_another_tab(at_serial)
    await expect(other.serial_field).to_be_focused()
    for clerk in (at_serial, other):
        await scan(clerk.page, unit)
        await clerk.is_ready()
    await at_serial.records_sale()
    await other.records_sale()

    assert len(await sales_to(at_serial, customer_account)) == 1


async def in_another_tab(clerk: Clerk) -> Clerk:
    other = Clerk(await clerk.page.context.new_page(), clerk.account)
    await other.goes_to("/comptoir")
    return other


@AT_BOTH_WIDTHS
async def test_what_is_ready_is_read_over_in_one_line(at_serial, customer_account, product):
    unit = serial_number()
    await scan(at_serial.page, unit)

    sale = f"{customer_account.name} · {product.designation} · n° {unit} · {today():%d/%m/%Y}"
    await expect(at_serial.main.get_by_text(spoken(sale))).to_be_in_viewport()
    button = at_serial.page.get_by_role("button", name="Enregistrer la vente")
    await expect(button).to_have_accessible_description(spoken(sale))


@pytest.mark.parametrize("step", ["client", "produit"])
async def test_a_step_that_is_being_changed_is_not_recorded_as_it_was(
    at_serial, customer_account, shop, step
):
    other = await shop.register("Marc", "Roux")
    await scan(at_serial.page, serial_number())
    await at_serial.is_ready()
    await at_serial.page.get_by_role("button", name=f"Changer de {step}").press("Enter")
    await at_serial.is_ready()
    await at_serial.type(other.email if step == "client" else "noctua nh-u12")
    await expect(at_serial.page.get_by_role("option").first).to_be_visible()
    await at_serial.press("Control+Enter")

    await expect(at_serial.ticket).to_contain_text(f"Choisissez le {step}, ou Échap.")
    box = at_serial.customer_box if step == "client" else at_serial.product_box
    await expect(box).to_be_focused()
    assert await sales_to(at_serial, customer_account) == []
    await at_serial.press("Escape", "Escape")
    await at_serial.is_ready()


async def test_nothing_is_recorded_before_all_is_there(clerk):
    await clerk.press("Control+Enter")

    await expect(clerk.customer_box).to_be_focused()
    await expect(clerk.ticket).to_contain_text("Il manque le client, le produit et le n° de série.")


# --- A sale that was begun ----------------------------------------------------------------------


async def test_a_reload_finds_what_was_chosen_and_the_address_tells_nothing(
    at_serial, customer_account, product
):
    unit = serial_number()
    await at_serial.type(unit[:9])
    await at_serial.page.reload()
    await expect(at_serial.serial_field).to_have_value(unit[:9])
    await expect(at_serial.serial_field).to_be_focused()
    await expect(at_serial.ticket).to_contain_text(customer_account.name)
    await expect(at_serial.ticket).to_contain_text(product.designation)
    await at_serial.type(unit[9:])

    await at_serial.is_ready()
    assert at_serial.page.url.endswith("/comptoir")


async def test_a_reload_finds_what_is_typed_and_not_chosen(at_product):
    await at_product.type("noctua nh-u12")
    await expect(at_product.offered_products.first).to_contain_text("Noctua")
    await at_product.page.reload()

    await expect(at_product.product_box).to_have_value("noctua nh-u12")
    await expect(at_product.offered_products.first).to_contain_text("Noctua")
    await at_product.press("Enter")
    await at_product.is_at("Numéro de série")


async def test_a_customer_being_created_and_a_day_go_on_at_another_device(clerk, windows):
    await clerk.type("élodie marchand elodie@")
    await clerk.press("Alt+n")
    await expect(clerk.field("Adresse e-mail")).to_be_focused()
    await scan(clerk.page, serial_number())
    await begun_elsewhere(clerk, email="elodie@")
    other = Clerk((await windows.staff(clerk.account)).page, clerk.account)
    await other.goes_to("/comptoir")

    await expect(other.field("Prénom")).to_have_value("Élodie")
    await expect(other.field("Nom")).to_have_value("Marchand")
    await expect(other.field("Adresse e-mail")).to_have_value("elodie@")
    await expect(other.serial_field).not_to_have_value("")
    await other.press("Escape")
    await expect(other.customer_box).to_be_focused()


async def begun_elsewhere(clerk: Clerk, **typed: str) -> None:
    """What sales keeps of it, as another device would ask."""

    async def kept() -> None:
        content = (await clerk.account.get("/api/sales/draft"))["content"]
        assert {name: content.get(name) for name in typed} == typed

    await eventually(kept)


async def test_an_unreadable_day_is_still_there_and_still_refused(at_date):
    await at_date.type("le 35 brumaire")
    await at_date.page.reload()

    await expect(at_date.date_field).to_have_value("le 35 brumaire")
    await at_date.is_told_beside("Date de vente", "Cette date n’est pas lisible.")


async def test_a_recorded_sale_is_begun_no_more(at_serial):
    await scan(at_serial.page, serial_number())
    await at_serial.is_ready()
    await at_serial.records_sale()
    await at_serial.page.go_back()

    await at_serial.is_at("Client")
    await expect(at_serial.ticket).to_contain_text(
        "Il manque le client, le produit et le n° de série."
    )


async def test_a_sale_is_thrown_away_and_taken_up_again(at_serial, customer_account):
    await at_serial.type("PHBQ")
    await at_serial.clears()
    await expect(at_serial.ticket).not_to_contain_text(customer_account.name)
    draft = await at_serial.account.get("/api/sales/draft")
    assert draft["saved_at"] is None
    await at_serial.page.get_by_role("button", name="Rétablir").press("Enter")

    await expect(at_serial.serial_field).to_have_value("PHBQ")
    await expect(at_serial.ticket).to_contain_text(customer_account.name)


@AT_BOTH_WIDTHS
async def test_what_is_kept_is_said_beside_the_way_to_throw_it_away(at_serial):
    line = at_serial.page.locator("[data-kept-line]")
    words = await line.get_by_text("Saisie conservée").bounding_box()
    button = await line.get_by_role("button", name="Vider").bounding_box()
    assert words
    assert button
    assert button["x"] > words["x"] + words["width"]
    assert abs(words["y"] + words["height"] / 2 - button["y"] - button["height"] / 2) < 3


@AT_BOTH_WIDTHS
async def test_another_sale_in_another_tab_is_asked_about_and_nothing_is_lost(
    at_serial, shop, product, customer_account
):
    second = await shop.register("Marc", "Roux")
    await at_serial.type("PHBQ")
    await begun_elsewhere(at_serial, serial_number="PHBQ")
    other = await in_another_tab(at_serial)
    await other.goes_to(f"/comptoir?client={second.id}")
    await other.is_told(f"Une autre vente est commencée pour {customer_account.name}")
    await other.page.get_by_role("link", name="Ouvrir l’autre").press("Enter")
    await expect(other.serial_field).to_have_value("PHBQ")
    await other.page.get_by_role("button", name="Rétablir").press("Enter")
    await expect(other.ticket).to_contain_text("Marc Roux")
    await begun_elsewhere(other, customer_id=second.id)
    await at_serial.type("7")
    await at_serial.is_told("Une autre vente est commencée pour Marc Roux")
    await at_serial.page.get_by_role("button", name="Garder celle-ci").press("Enter")

    await begun_elsewhere(at_serial, serial_number="PHBQ7")


async def test_throwing_a_sale_away_leaves_the_one_of_another_tab(
    at_serial, shop, customer_account
):
    other = await in_another_tab(at_serial)
    await other.goes_to(f"/comptoir?client={(await shop.register()).id}")
    await other.page.get_by_role("button", name="Garder celle-ci").press("Enter")
    await eventually(lambda: begun_by_another(at_serial, customer_account))
    await at_serial.page.get_by_role("button", name="Vider").press("Enter")
    await expect(at_serial.page.get_by_role("button", name="Rétablir")).to_be_visible()

    await begun_by_another(at_serial, customer_account)


async def begun_by_another(clerk: Clerk, customer: Account) -> None:
    content = (await clerk.account.get("/api/sales/draft"))["content"]
    assert content.get("customer_id") not in (None, customer.id)


async def test_a_sale_recorded_in_another_tab_is_told(at_serial):
    other = await in_another_tab(at_serial)
    await expect(other.serial_field).to_be_focused()
    await scan(at_serial.page, serial_number())
    await at_serial.is_ready()
    await at_serial.records_sale()
    await other.type("PHBQ")

    await other.is_told("Cette vente est déjà enregistrée.")
    link = other.page.get_by_role("link", name="Voir cette vente")
    await expect(link).to_have_attribute("href", urlsplit(at_serial.page.url).path)


async def test_what_could_not_be_sent_waits_in_its_tab(at_serial):
    await at_serial.page.route("**/comptoir/brouillon", lambda route: route.abort())
    await at_serial.type("PHBQ")
    await expect(at_serial.main).to_contain_text("Saisie gardée dans cet onglet seulement")
    await at_serial.page.unroute_all()
    await at_serial.page.reload()

    await expect(at_serial.serial_field).to_have_value("PHBQ")
    await begun_elsewhere(at_serial, serial_number="PHBQ")


async def test_nothing_is_recorded_before_the_page_has_what_its_tab_could_not_send(
    at_date, customer_account
):
    yesterday = today() - timedelta(days=1)
    is_here_again, may_arrive = asyncio.Event(), asyncio.Event()

    async def cut_and_later_slow(route: Route) -> None:
        if is_here_again.is_set():
            await may_arrive.wait()
            await route.continue_()
        else:
            await route.abort()

    await at_date.page.route("**/comptoir/brouillon", cut_and_later_slow)
    await at_date.type(f"{yesterday:%d%m%y}")
    await expect(at_date.main).to_contain_text("Saisie gardée dans cet onglet seulement")
    at_date.page.once("framenavigated", lambda _: is_here_again.set())
    await at_date.page.reload()
    await expect(at_date.ticket).to_contain_text("Reprise de la vente commencée…")
    await at_date.press("Control+Enter")
    assert await sales_to(at_date, customer_account) == []
    may_arrive.set()
    await expect(at_date.date_field).to_have_value(f"{yesterday:%d/%m/%Y}")
    await at_date.is_ready()
    await at_date.records_sale()

    [sale] = await sales_to(at_date, customer_account)
    assert sale["sold_on"] == yesterday.isoformat()


async def test_a_session_that_ended_is_told_and_signing_in_again_keeps_the_sale(
    at_serial, customer_account, product
):
    unit = serial_number()
    await at_serial.page.context.clear_cookies()
    await at_serial.page.keyboard.insert_text(unit)
    await expect(at_serial.main).to_contain_text("Votre session a expiré.")
    await at_serial.main.get_by_role("link", name="Se reconnecter").press("Enter")
    await at_serial.signs_in_over_the_page(at_serial.account)

    await expect(at_serial.serial_field).to_have_value(unit)
    await expect(at_serial.ticket).to_contain_text(customer_account.name)
    await expect(at_serial.ticket).to_contain_text(product.designation)
    await at_serial.is_ready()


# --- Afterwards --------------------------------------------------------------------------------


async def test_enter_starts_the_next_sale(at_serial):
    await scan(at_serial.page, serial_number())
    await at_serial.is_ready()
    await at_serial.records_sale()
    await at_serial.press("Enter")

    await at_serial.reads_title("Nouvelle vente")
    await expect(at_serial.customer_box).to_be_focused()
    await expect(at_serial.ticket).to_contain_text(
        "Il manque le client, le produit et le n° de série."
    )


async def test_another_product_for_the_same_customer(at_serial, customer_account):
    await scan(at_serial.page, serial_number())
    await at_serial.is_ready()
    await at_serial.records_sale()
    await at_serial.page.get_by_role("link", name="Autre produit, même client").press("Enter")

    await expect(at_serial.product_box).to_be_focused()
    await expect(at_serial.ticket).to_contain_text(customer_account.name)


@pytest.mark.parametrize(
    ("button", "millimetres"),
    [("Imprimer", 148), ("Imprimer en ticket de 80 mm", 80)],
    ids=["A5", "receipt"],
)
async def test_the_confirmation_prints_on_one_page(
    seller_at_both_widths, shop, product, customer_account, button, millimetres
):
    seller = seller_at_both_widths
    sale = await shop.sell(customer_account, product, seller=seller.account)
    await seller.page.add_init_script("window.print = () => {}")  # it would wait for a printer
    await seller.goes_to(f"/ventes/{sale['id']}")
    await seller.page.get_by_role("button", name=button).first.press("Enter")
    printed = await seller.page.pdf(prefer_css_page_size=True)
    await seller.page.emulate_media(media="print")

    assert printed.count(b"/Type /Page\n") == 1
    assert abs(page_width(printed) - millimetres) < 1
    for image in ("Code-barres du numéro de série", "Code QR"):
        await expect(seller.page.get_by_role("img", name=image)).to_be_visible()
    for words in (
        customer_account.name,
        customer_account.email,
        product.designation,
        product.reference,
        shop.public_url,
        seller.account.name,
        str(today().year),
    ):
        await seller.reads(words)
    await expect(seller.page.get_by_role("complementary")).to_be_hidden()


def page_width(printed: bytes) -> float:
    box = re.search(rb"/MediaBox \[0 0 ([0-9.]+)", printed)
    assert box is not None
    return float(box[1]) / 72 * 25.4


@AT_BOTH_WIDTHS
async def test_a_cancelled_sale_says_by_whom_and_why_and_frees_its_number(
    at_serial, customer_account, product
):
    unit = serial_number()
    await scan(at_serial.page, unit)
    await at_serial.is_ready()
    await at_serial.records_sale()
    await at_serial.presses("Annuler cette vente")
    dialog = at_serial.page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Annuler la vente").press("Enter")
    await at_serial.is_warned("Indiquez la raison.")
    await at_serial.fills("Raison de l’annulation", "Mauvais client")
    await at_serial.page.get_by_role("button", name="Annuler la vente").press("Enter")

    await at_serial.is_told("Vente annulée par Julien Morel")
    history = at_serial.page.get_by_role("region", name="Historique")
    await expect(history).to_contain_text("enregistrée par Julien Morel")
    await expect(history).to_contain_text("annulée par Julien Morel : Mauvais client")
    await at_serial.goes_on_with_sale(customer_account, product)
    await scan(at_serial.page, unit)
    await at_serial.is_ready()


# --- The customers' pages ----------------------------------------------------------------------


async def test_customers_are_found_while_typing_and_no_name_is_in_the_address(clerk, shop):
    name = f"Quincampoix{serial_number()[:6]}"
    await shop.register("Étienne", name)
    await clerk.goes_to("/clients")
    await clerk.page.get_by_role("searchbox").press_sequentially(f"etienne {name.lower()}")

    await expect(clerk.page.get_by_role("row")).to_have_count(2)
    await clerk.page.get_by_role("link", name=f"{name} Étienne").press("Enter")
    await clerk.reads_title(f"Étienne {name}")
    await clerk.reads("Aucun achat enregistré.")
    assert name not in clerk.page.url


@AT_BOTH_WIDTHS
async def test_the_file_shows_purchases_and_leads_to_the_next_sale(
    clerk, shop, product, customer_account
):
    sale = await shop.sell(customer_account, product, seller=clerk.account)
    await clerk.goes_to(f"/clients/{customer_account.id}")
    row = clerk.page.get_by_role("row").filter(has_text=sale["serial_number"])
    await expect(row).to_contain_text(product.designation)
    await expect(row).to_contain_text("Julien Morel")
    await clerk.page.get_by_role("link", name="Enregistrer une vente").press("Enter")

    await expect(clerk.product_box).to_be_focused()
    await expect(clerk.ticket).to_contain_text(customer_account.name)


@AT_BOTH_WIDTHS
async def test_a_customer_is_put_right(clerk, shop):
    customer = await shop.register("Natalie", "Rouseau")
    other = await shop.register()
    await clerk.goes_to(f"/clients/{customer.id}/modifier")
    await clerk.fills("Prénom", "Nathalie")
    await clerk.fills("Nom", "Rousseau")
    await clerk.fills("Adresse e-mail", other.email)
    await clerk.presses("Enregistrer les modifications")
    await clerk.is_told_beside("Adresse e-mail", "Un compte existe déjà avec cette adresse")
    await expect(clerk.field("Nom")).to_have_value("Rousseau")
    await clerk.fills("Adresse e-mail", f"plus.{customer.email}")
    await clerk.presses("Enregistrer les modifications")

    await clerk.reads_title("Nathalie Rousseau")
    await clerk.is_told("Modifications enregistrées.")
    await clerk.reads(f"plus.{customer.email}")


async def test_two_people_put_different_things_right(clerk, shop):
    customer = await shop.register("Natalie", "Rousseau")
    await clerk.goes_to(f"/clients/{customer.id}/modifier")
    path, new = f"/api/identity/customers/{customer.id}", f"plus.{customer.email}"
    assert (await clerk.account.call("PATCH", path, {"email": new})).status_code == 200
    await clerk.fills("Prénom", "Nathalie")
    await clerk.presses("Enregistrer les modifications")

    await clerk.reads_title("Nathalie Rousseau")
    await clerk.reads(new)


async def test_a_customer_who_forgot_chooses_a_new_password_at_the_counter(clerk, shop):
    customer = await shop.register("Élodie", "Marchand")
    await clerk.goes_to(f"/clients/{customer.id}")
    await clerk.page.get_by_role("button", name="Nouveau mot de passe").press("Enter")
    await expect(the_dialog(clerk)).to_contain_text(customer.email)
    customer.password = "neuf parapluies"
    await clerk.type(customer.password)
    await clerk.press("Enter")
    await clerk.type(customer.password)
    await clerk.press("Enter")

    await clerk.is_told("Mot de passe enregistré.")
    assert await customer.session()


async def test_the_file_shows_requests_with_their_status(seller_at_both_widths, scene):
    seller = seller_at_both_widths
    await seller.goes_to(f"/clients/{scene.customer.id}")
    requests = seller.page.get_by_role("region", name="Demandes d’assistance").get_by_role("link")

    for number, status in (
        (scene.open, "Ouverte"),
        (scene.answered, "En cours de traitement"),
        (scene.resolved, "Résolue"),
    ):
        await expect(requests.filter(has_text=f"n° {number}")).to_contain_text(status)


async def test_a_file_longer_than_a_page_says_so_and_goes_on(seller, shop, product):
    customer = await shop.register("Éloi", "Fidèle")
    sales = [await shop.sell(customer, product) for _ in range(51)]

    async def asks(number: int) -> None:
        body = new_request(sales[-1]["id"], subject=f"Demande {number:02}")
        assert (await customer.call("POST", "/api/tickets", body)).status_code == 201

    for number in range(51):
        await eventually(lambda number=number: asks(number))
    await seller.goes_to(f"/clients/{customer.id}")
    purchases = seller.page.get_by_role("region", name="Achats 50+")
    await expect(purchases).to_contain_text("au moins 50, dont 50 en cours")
    await purchases.get_by_role("link", name="Suivants").press("Enter")
    last = seller.page.get_by_role("region", name="Achats").get_by_role("row")
    await expect(last.filter(has_text=sales[0]["serial_number"])).to_be_visible()
    requests = seller.page.get_by_role("region", name="Demandes d’assistance 50+")
    await expect(requests.get_by_role("link").filter(has_text="Demande 50")).to_have_count(0)
    await requests.get_by_role("link", name="Ouvertes : suivantes").press("Enter")
    await seller.reads("Demande 50")
    await seller.follows("Début de la liste")

    await seller.reads("Demande 00")


# --- Sales: of today, and all by search --------------------------------------------------------


@AT_BOTH_WIDTHS
async def test_the_sales_of_the_day_are_listed_and_any_sale_is_found(
    clerk, shop, product, customer_account
):
    sale = await shop.sell(customer_account, product, seller=clerk.account)
    await clerk.goes_to("/ventes")
    row = clerk.page.get_by_role("row").filter(has_text=sale["serial_number"])
    await expect(row).to_contain_text(customer_account.name)
    search = clerk.page.get_by_role("searchbox")
    for text in (
        sale["serial_number"].lower(),
        customer_account.email,
        f"{product.reference} {customer_account.email}",
        sale["number"],
    ):
        await search.fill(text)
        await search.press("Enter")
        await expect(clerk.page.get_by_role("heading", name="Ventes trouvées")).to_be_visible()
        await expect(search).to_have_value(text)
        await expect(row).to_contain_text(product.designation)
        assert text not in clerk.page.url
    await row.get_by_role("link", name=sale["number"]).press("Enter")

    await clerk.reads_title("Confirmation de vente")


async def test_a_sale_is_found_by_its_product_and_by_its_day(clerk, shop, customer_account):
    """One of nine years ago, so that no other is in the way."""
    rare = await shop.product("10AAM9901")
    year = today().year - 9
    sale = await shop.sell(customer_account, rare, seller=clerk.account, sold_on=f"{year}-03-03")
    await clerk.goes_to("/ventes")
    search = clerk.page.get_by_role("searchbox")
    row = clerk.page.get_by_role("row").filter(has_text=sale["serial_number"])
    for text in (rare.reference, ""):
        await search.fill(text)
        await clerk.fills("Vendu depuis le", f"{year}-03-01")
        await clerk.fills("Jusqu’au", f"{year}-03-31")
        async with clerk.page.expect_navigation():
            await search.press("Enter")
        await expect(row).to_contain_text(f"3 mars {year}")
    await clerk.fills("Vendu depuis le", f"{year}-03-04")
    async with clerk.page.expect_navigation():
        await search.press("Enter")

    await clerk.is_told("Aucune vente ne correspond.")


async def test_a_search_of_sales_says_what_is_wrong_with_it(clerk):
    await clerk.goes_to("/ventes")
    search = clerk.page.get_by_role("searchbox")
    await search.fill("zz")
    await search.press("Enter")
    await clerk.reads("Encore une lettre.")
    await search.fill("zzyyxx")
    await search.press("Enter")
    await clerk.is_told("Aucune vente ne correspond.")
    await search.fill("")
    await clerk.fills("Jusqu’au", "1999-12-31")
    await search.press("Enter")

    await clerk.is_told("Aucune vente ne correspond.")
