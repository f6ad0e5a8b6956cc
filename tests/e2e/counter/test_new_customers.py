"""The customer of a sale: found, or created with the keyboard handed over."""

import asyncio

import pytest
from playwright.async_api import Route, expect

from e2e.counter.clerk import AT_BOTH_WIDTHS, Clerk, the_dialog
from e2e.scanner import scan
from shop import Account, Shop, serial_number


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


async def test_a_slip_in_the_address_is_questioned_and_before_the_hand_over_only_once(clerk):
    """Some people do have such an address."""
    await clerk.type("Élodie Marchand elodie.marchand@gmial.com")
    await clerk.press("Alt+n")
    await expect(clerk.main).to_contain_text("Vouliez-vous dire elodie.marchand@gmail.com ?")
    await clerk.page.get_by_role("button", name="Corriger").press("Enter")

    await expect(clerk.field("Adresse e-mail")).to_have_value("elodie.marchand@gmail.com")

    await clerk.field("Prénom").press("Control+a")
    for text in ("Élodie", "Marchand", "elodie.marchand@gmial.com"):
        await clerk.press("Control+a")
        await clerk.type(text)
        await clerk.press("Enter")
    await expect(clerk.page.get_by_role("button", name="Corriger")).to_be_focused()
    await expect(the_dialog(clerk)).to_be_hidden()
    await clerk.press("Shift+Tab", "Enter")

    await expect(the_dialog(clerk)).to_contain_text("elodie.marchand@gmial.com")


async def test_a_key_that_composes_a_letter_creates_no_customer(clerk):
    """AltGr+N, and Option+N on a Mac."""
    await clerk.type("mu")
    key = {"code": "KeyN", "altKey": True, "bubbles": True, "cancelable": True}
    for facts in ({"key": "ñ", "modifierAltGraph": True}, {"key": "Dead"}):
        await clerk.customer_box.dispatch_event("keydown", key | facts)
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

    await clerk.sees_message_beside(
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


async def test_an_accented_address_is_one_with_its_spelling_for_machines(clerk, shop):
    name = shop.somebody("Élodie", "Marchand").email.partition("@")[0]
    await clerk.type(f"Élodie Marchand {name}@straße.example")
    await clerk.press("Alt+n")
    await expect(clerk.field("Adresse e-mail")).to_have_value(f"{name}@straße.example")
    await clerk.press("Enter")
    await expect(the_dialog(clerk)).to_be_visible()
    await gives_the_keyboard_back(clerk, "dix-sept tortues lentes")
    await expect(clerk.product_box).to_be_focused()
    await expect(clerk.main).to_contain_text(f"{name}@straße.example")

    await clerk.clears()
    await clerk.type(f"Élodie Marchand {name}@xn--strae-oqa.example")
    await clerk.press("Alt+n", "Enter")
    await clerk.sees_message_beside(
        "Adresse e-mail", "Un compte existe déjà avec cette adresse : Élodie Marchand."
    )
    await clerk.field("Adresse e-mail").fill(f"{name}@strasse.example")
    await clerk.press("Enter")
    await expect(the_dialog(clerk)).to_contain_text(f"{name}@strasse.example")


async def test_wrong_names_and_addresses_are_shown_beside_their_fields(clerk):
    await clerk.press("Alt+n")
    await clerk.press("Enter", "Enter")
    await clerk.type("elodie@example")
    await clerk.press("Enter")

    await clerk.sees_message_beside("Prénom", "Indiquez le prénom.")
    await clerk.sees_message_beside("Nom", "Indiquez le nom.")
    await clerk.sees_message_beside("Adresse e-mail", "Il manque la fin de l’adresse")
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


async def test_a_password_that_is_being_saved_cannot_be_cancelled(clerk, newcomer):
    saving = asyncio.Event()

    async def answer_later(route: Route) -> None:
        await saving.wait()
        await route.continue_()

    await clerk.page.route("**/comptoir/clients/creation", answer_later)
    await gives_the_keyboard_back(clerk, newcomer.password)
    await clerk.press("Escape", "Escape")
    await expect(the_dialog(clerk)).to_be_visible()
    await the_dialog(clerk).get_by_role("button", name="Annuler").click()
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


async def test_giving_the_keyboard_back_twice_creates_one_customer_to_sell_to_at_once(
    clerk, newcomer, product
):
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

    await clerk.chooses(product)
    await scan(clerk.page, serial_number())
    await clerk.is_ready()
    await clerk.records_sale()

    await clerk.reads(newcomer.email)
