"""Serial numbers at the counter, scanned and typed."""

import pytest
from playwright.async_api import expect

from e2e.counter.clerk import sales_to, shortcuts_stopped
from e2e.people import spoken
from e2e.scanner import read_as_french, scan
from shop import serial_number, today
from waiting import eventually

SOLD = "Cet appareil est déjà vendu"


# --- The budget --------------------------------------------------------------------------------


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
    await clerk.sees_message("Vente enregistrée. Zéphyrine peut déjà demander de l’aide")

    [sale] = await sales_to(clerk, customer)
    assert (sale["serial_number"], sale["sold_on"]) == (unit, today().isoformat())
    assert clerk.keys <= 25
    record_property("counted", f"a sale: {clerk.keys} keys besides the scan")


# --- The scanner -------------------------------------------------------------------------------


async def test_a_scan_validates_its_field_and_moves_on_and_the_next_one_replaces_it(
    at_serial, customer_account
):
    """Wherever the focus is meanwhile: in the field, in the day's, on the button that records."""
    for end in ("Enter", "CRLF"):
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


async def test_a_scan_of_another_length_is_refused_and_not_cut(at_serial):
    kept_from_the_browser = await shortcuts_stopped(at_serial.page)
    for length, end in ((14, "Enter"), (16, "CRLF")):
        scanned = (serial_number() * 2)[:length]
        await at_serial.press("Control+a", "Delete")
        await scan(at_serial.page, scanned, end=end)
        words = "Il manque 1 caractère" if length == 14 else "Il y a 1 caractère de trop"
        await at_serial.sees_message_beside("Numéro de série", words)
        await expect(at_serial.serial_field).to_have_value(scanned)
        await expect(at_serial.main).to_contain_text(f"{length} / 15")
        await expect(at_serial.serial_field).to_be_focused()
        await at_serial.is_at("Numéro de série")
    assert await kept_from_the_browser()


async def test_a_scan_from_another_keyboard_layout_is_confirmed_or_typed_again(at_serial):
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


# --- The serial number -------------------------------------------------------------------------


async def test_a_number_is_tidied_as_it_is_typed_counted_and_refused_in_its_place(at_serial):
    field, mark = at_serial.serial_field, at_serial.page.locator(".serial__bad")
    await at_serial.press("Enter")
    await at_serial.sees_message_beside("Numéro de série", "Indiquez le numéro de série")
    await at_serial.type("phbq7-4k2 m9.1")
    await expect(field).to_have_value("PHBQ74K2M91")
    await expect(at_serial.main).to_contain_text("11 / 15")
    await expect(field).not_to_have_attribute("aria-invalid", "true")
    await expect(at_serial.ticket).to_contain_text("Le n° de série est incomplet.")
    await at_serial.press("ArrowLeft", "ArrowLeft")
    await at_serial.type("-x")
    await expect(field).to_have_value("PHBQ74K2MX91")
    for typed, position in (("PHBQ74é2M910XTD", 6), (f"{'PHBQ74K2M910XTD' * 2}é", 14)):
        await at_serial.press("Control+a")
        await at_serial.page.keyboard.insert_text(typed)
        await at_serial.press("Enter")
        await at_serial.sees_message_beside(
            "Numéro de série", f"Caractère {typed.index('é') + 1} : « é »"
        )
        await expect(field).to_have_value(typed)
        await expect(mark).to_be_visible()

        async def is_in_its_place(position: int = position) -> None:
            place = "mark => Number(mark.style.getPropertyValue('--bad'))"
            assert await mark.evaluate(place) == pytest.approx(position, abs=0.1)

        await eventually(is_in_its_place)  # the field is pushed along by a frame of its own
    unit = serial_number()
    await at_serial.press("Control+a")
    await at_serial.page.keyboard.insert_text(
        f" {unit[:5].lower()} {unit[5:10]}\u00a0{unit[10:]}\t"
    )
    await at_serial.press("Enter")

    await expect(field).to_have_value(unit)
    await expect(at_serial.date_field).to_be_focused()


async def test_a_number_sold_before_reports_when_and_to_whom_and_tab_leaves_it(
    at_serial, shop, product
):
    buyer = await shop.register("Marc", "Rousseau")
    year = today().year - 1
    sale = await shop.sell(buyer, product, seller=at_serial.account, sold_on=f"{year}-03-01")
    await at_serial.type(sale["serial_number"])

    await at_serial.sees_message_beside("Numéro de série", f"{SOLD} : le 1er mars {year}")
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


async def test_another_product_makes_the_same_number_free_and_reports_the_first(
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
