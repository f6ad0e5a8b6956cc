"""The day of a sale, recording it, and what comes after."""

import re
from datetime import UTC, datetime, timedelta

from playwright.async_api import Route, expect

from e2e.counter.clerk import AT_BOTH_WIDTHS, Clerk, in_another_tab, sales_to
from e2e.people import Staff, spoken
from e2e.scanner import scan
from shop import Account, Product, Shop, serial_number, today

SOLD = "Cet appareil est déjà vendu"


# --- The day -----------------------------------------------------------------------------------


async def test_a_day_is_read_while_it_is_typed_and_the_slip_shows_no_other(
    at_date, customer_account
):
    yesterday = today() - timedelta(days=1)
    slip = at_date.page.locator("[data-row=sold_on] dd")
    await at_date.type("le 35")
    await at_date.sees_message_beside("Date de vente", "Cette date n’est pas lisible.")
    await expect(slip).to_have_text("—")
    await at_date.press("Control+a")
    await at_date.type("31122099")
    await at_date.sees_message_beside("Date de vente", "ne peut pas être dans le futur")
    await expect(slip).to_have_text("—")
    await at_date.press("Control+Enter")
    await expect(at_date.ticket).to_contain_text("La date de vente est à corriger.")
    assert await sales_to(at_date, customer_account) == []
    await at_date.press("Control+a", "Delete")
    await expect(slip).to_have_text("—")
    await expect(at_date.date_field).to_have_accessible_description("Il manque la date de vente.")
    await expect(at_date.date_field).not_to_have_attribute("aria-invalid", "true")
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


async def test_recording_twice_at_once_records_once_and_the_customer_may_buy_more(
    at_serial, customer_account
):
    await scan(at_serial.page, serial_number())
    await at_serial.is_ready()
    record = at_serial.page.get_by_role("button", name="Enregistrer la vente")
    await record.dblclick()
    await at_serial.reads_title("Confirmation de vente")

    assert len(await sales_to(at_serial, customer_account)) == 1
    await at_serial.page.get_by_role("link", name="Autre produit, même client").press("Enter")
    await expect(at_serial.product_box).to_be_focused()
    await expect(at_serial.ticket).to_contain_text(customer_account.name)


async def test_recording_need_not_wait_for_the_last_answer_and_enter_starts_the_next_sale(
    at_serial, customer_account
):
    await scan(at_serial.page, serial_number(), end="")
    await at_serial.records_sale()

    assert len(await sales_to(at_serial, customer_account)) == 1
    await at_serial.press("Enter")
    await at_serial.reads_title("Nouvelle vente")
    await expect(at_serial.customer_box).to_be_focused()
    await expect(at_serial.ticket).to_contain_text(
        "Il manque le client, le produit et le n° de série."
    )


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

    await other.sees_message_beside("Numéro de série", SOLD)
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


@AT_BOTH_WIDTHS
async def test_what_is_ready_is_read_over_in_one_line_and_then_seen_at_the_top(
    at_serial, customer_account, product
):
    unit = serial_number()
    await scan(at_serial.page, unit)

    sale = f"{customer_account.name} · {product.designation} · n° {unit} · {today():%d/%m/%Y}"
    await expect(at_serial.main.get_by_text(spoken(sale))).to_be_in_viewport()
    button = at_serial.page.get_by_role("button", name="Enregistrer la vente")
    await expect(button).to_have_accessible_description(spoken(sale))

    await at_serial.records_sale()
    recorded = at_serial.page.get_by_role("heading", name="Confirmation de vente")
    await expect(recorded).to_be_in_viewport()


async def test_a_step_that_is_being_changed_is_not_recorded_as_it_was(
    at_serial, customer_account, shop
):
    other = await shop.register("Marc", "Roux")
    await scan(at_serial.page, serial_number())
    await at_serial.is_ready()
    for step, box, typed in (
        ("client", at_serial.customer_box, other.email),
        ("produit", at_serial.product_box, "noctua nh-u12"),
    ):
        await at_serial.page.get_by_role("button", name=f"Changer de {step}").press("Enter")
        await at_serial.is_ready()
        await at_serial.type(typed)
        await expect(at_serial.page.get_by_role("option").first).to_be_visible()
        await at_serial.press("Control+Enter")
        await expect(at_serial.ticket).to_contain_text(f"Choisissez le {step}, ou Échap.")
        await expect(box).to_be_focused()
        assert await sales_to(at_serial, customer_account) == []
        await at_serial.press("Escape", "Escape")
        await at_serial.is_ready()


async def test_nothing_is_recorded_before_all_is_there(clerk):
    await clerk.press("Control+Enter")

    await expect(clerk.customer_box).to_be_focused()
    await expect(clerk.ticket).to_contain_text("Il manque le client, le produit et le n° de série.")


# --- Afterwards --------------------------------------------------------------------------------


async def test_the_confirmation_prints_on_one_page(seller, shop, product, customer_account):
    sale = await shop.sell(customer_account, product, seller=seller.account)
    await seller.page.add_init_script("window.print = () => {}")  # it would wait for a printer
    for button, millimetres in (("Imprimer", 148), ("Imprimer en ticket de 80 mm", 80)):
        await seller.goes_to(f"/ventes/{sale['id']}")
        await seller.page.get_by_role("button", name=button).first.press("Enter")
        printed = await seller.page.pdf(prefer_css_page_size=True)
        assert printed.count(b"/Type /Page\n") == 1
        assert abs(page_width(printed) - millimetres) < 1
        await seller.page.emulate_media(media="print")
        await shows_the_whole_sale(seller, shop, product, customer_account)
        await seller.page.emulate_media(media="null")


async def shows_the_whole_sale(
    seller: Staff, shop: Shop, product: Product, customer: Account
) -> None:
    for image in ("Code-barres du numéro de série", "Code QR"):
        await expect(seller.page.get_by_role("img", name=image)).to_be_visible()
    for words in (
        customer.name,
        customer.email,
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

    await at_serial.sees_message("Vente annulée par Julien Morel")
    history = at_serial.page.get_by_role("region", name="Historique")
    await expect(history).to_contain_text("enregistrée par Julien Morel")
    await expect(history).to_contain_text("annulée par Julien Morel : Mauvais client")
    await at_serial.goes_on_with_sale(customer_account, product)
    await scan(at_serial.page, unit)
    await at_serial.is_ready()
