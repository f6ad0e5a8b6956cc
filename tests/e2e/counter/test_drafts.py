"""A sale that was begun: after a reload, in another tab, on another device."""

import asyncio
from datetime import timedelta
from urllib.parse import urlsplit

from playwright.async_api import Route, expect

from e2e.counter.clerk import AT_BOTH_WIDTHS, Clerk, in_another_tab, sales_to
from e2e.scanner import scan
from shop import Account, serial_number, today
from waiting import eventually


async def test_a_reload_finds_what_was_chosen_and_the_address_shows_nothing(
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

    async def saved() -> None:
        content = (await clerk.account.get("/api/sales/draft"))["content"]
        assert {name: content.get(name) for name in typed} == typed

    await eventually(saved)


async def test_an_unreadable_day_is_still_there_and_still_refused(at_date):
    await at_date.type("le 35 brumaire")
    await at_date.page.reload()

    await expect(at_date.date_field).to_have_value("le 35 brumaire")
    await at_date.sees_message_beside("Date de vente", "Cette date n’est pas lisible.")


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
async def test_a_stored_draft_is_shown_beside_the_button_that_discards_it(at_serial):
    line = at_serial.page.locator("[data-draft-line]")

    async def stand_side_by_side() -> None:  # as soon as their letters have come
        words = await line.get_by_text("Saisie conservée").bounding_box()
        button = await line.get_by_role("button", name="Vider").bounding_box()
        assert words
        assert button
        assert button["x"] > words["x"] + words["width"]
        assert abs(words["y"] + words["height"] / 2 - button["y"] - button["height"] / 2) < 3

    await eventually(stand_side_by_side)


async def test_another_sale_in_another_tab_is_asked_about_and_nothing_is_lost(
    at_serial, shop, product, customer_account
):
    second = await shop.register("Marc", "Roux")
    await at_serial.type("PHBQ")
    await begun_elsewhere(at_serial, serial_number="PHBQ")
    other = await in_another_tab(at_serial)
    await other.goes_to(f"/comptoir?client={second.id}")
    await other.sees_message(f"Une autre vente est commencée pour {customer_account.name}")
    await other.page.get_by_role("link", name="Ouvrir l’autre").press("Enter")
    await expect(other.serial_field).to_have_value("PHBQ")
    await other.page.get_by_role("button", name="Rétablir").press("Enter")
    await expect(other.ticket).to_contain_text("Marc Roux")
    await begun_elsewhere(other, customer_id=second.id)
    await at_serial.type("7")
    await at_serial.sees_message("Une autre vente est commencée pour Marc Roux")
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


async def test_a_sale_recorded_in_another_tab_is_reported(at_serial):
    other = await in_another_tab(at_serial)
    await expect(other.serial_field).to_be_focused()
    await scan(at_serial.page, serial_number())
    await at_serial.is_ready()
    await at_serial.records_sale()
    await other.type("PHBQ")

    await other.sees_message("Cette vente est déjà enregistrée.")
    link = other.page.get_by_role("link", name="Voir cette vente")
    await expect(link).to_have_attribute("href", urlsplit(at_serial.page.url).path)


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


async def test_a_session_that_ended_is_reported_and_signing_in_again_keeps_the_sale(
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
