"""A customer who is sent a link instead of the keyboard, and the mail that brings it."""

import re

import pytest
from playwright.async_api import Locator, Route, expect

from caught_mails import Mailbox
from e2e.people import Staff
from e2e.scanner import PAUSE_SECONDS
from e2e.test_pages import finds_no_violation, fits
from shop import Account, Shop, begin_sale, serial_number
from waiting import eventually

CHOOSE = "Votre compte vous attend"
ANEW = "Choisissez un nouveau mot de passe"  # where there is one already
NOT_CHOSEN = "Lien envoyé, mot de passe pas encore choisi"


def sent_to(customer: Account) -> str:
    return f"Un lien a été envoyé à {customer.email} : valable 24 heures."


async def types(clerk: Staff, text: str) -> None:
    """No faster than a person, or it were a scan."""
    await clerk.page.keyboard.type(text)
    await clerk.page.wait_for_timeout(PAUSE_SECONDS * 1000)


async def presses_keys(clerk: Staff, *keys: str) -> None:
    for key in keys:
        await clerk.page.keyboard.press(key)


async def fills_the_card_in(clerk: Staff, newcomer: Account) -> None:
    """By the keyboard, up to the button that sends the link."""
    await types(clerk, f"{newcomer.name} {newcomer.email}")
    await presses_keys(clerk, "Alt+n")
    await expect(clerk.field("Adresse e-mail")).to_be_focused()
    await expect(clerk.main).to_contain_text("Aucun compte n’existe avec cette adresse.")
    await presses_keys(clerk, "Tab", "Tab")
    await expect(the_button(clerk)).to_be_focused()


def the_button(clerk: Staff) -> Locator:
    return clerk.main.get_by_role("button", name="Envoyer un lien au client")


async def lose_the_answer(route: Route) -> None:
    """It is done, and nobody hears of it."""
    await route.fetch()
    await route.abort()


async def invited(shop: Shop) -> Account:
    """A customer who has not chosen a password."""
    customer = shop.somebody("Élodie", "Marchand")
    names = ("first_name", "last_name", "email")
    body = {name: getattr(customer, name) for name in names}
    customer.id = (await shop.administrator.post("/api/identity/customers", body))["id"]
    return customer


async def test_a_customer_is_created_by_a_link_with_the_keyboard_alone(
    clerk: Staff, shop: Shop, product, mailbox: Mailbox
):
    newcomer = shop.somebody("Élodie", "Marchand")
    await fills_the_card_in(clerk, newcomer)
    await finds_no_violation(clerk.page)
    await fits(clerk.page)
    await presses_keys(clerk, "Enter")

    await clerk.sees_message(sent_to(newcomer))
    await expect(clerk.product_box).to_be_focused()
    await expect(clerk.main).to_contain_text("mot de passe pas encore choisi")
    await finds_no_violation(clerk.page)
    await fits(clerk.page)
    mail = await mailbox.to(newcomer.email, CHOOSE)
    assert mail.link.startswith("/lien/")
    assert len(mailbox.all_to(newcomer.email)) == 1

    await types(clerk, product.reference)
    await expect(clerk.offered_products.first).to_contain_text(product.designation)
    await presses_keys(clerk, "Enter")
    await expect(clerk.serial_field).to_be_focused()
    await types(clerk, serial_number())
    await clerk.records_sale()
    await clerk.sees_message("Élodie pourra demander de l’aide pour cet appareil")
    await clerk.reads("Mot de passe : à choisir par le lien envoyé à cette adresse.")
    await finds_no_violation(clerk.page)


async def test_a_link_that_is_asked_for_twice_in_a_cut_makes_one_customer_and_one_mail(
    seller: Staff, shop: Shop, mailbox: Mailbox
):
    newcomer = shop.somebody("Élodie", "Marchand")
    await seller.goes_to_counter()

    await seller.page.route("**/comptoir/clients/invitation", lose_the_answer, times=1)
    await fills_the_card_in(seller, newcomer)
    await presses_keys(seller, "Enter")
    await seller.is_warned("La connexion est coupée")
    await expect(the_button(seller)).to_be_focused()
    await presses_keys(seller, "Enter")

    await seller.sees_message(sent_to(newcomer))
    await mailbox.to(newcomer.email, CHOOSE)
    assert len(mailbox.all_to(newcomer.email)) == 1


async def test_after_a_link_that_was_cut_no_second_account_is_made(seller: Staff, shop: Shop):
    newcomer = shop.somebody("Élodie", "Marchand")
    await seller.goes_to_counter()
    await seller.page.route("**/comptoir/clients/invitation", lose_the_answer, times=1)
    await fills_the_card_in(seller, newcomer)
    await presses_keys(seller, "Enter")
    await seller.is_warned("La connexion est coupée")
    await presses_keys(seller, "Shift+Tab", "Enter")

    await seller.sees_message_beside("Adresse e-mail", "Un compte existe déjà avec cette adresse")
    await seller.page.get_by_role("button", name="Choisir ce client").press("Enter")
    await expect(seller.product_box).to_be_focused()


async def test_a_wrong_address_is_shown_before_any_link_is_sent(
    clerk: Staff, customer_account: Account
):
    await types(clerk, f"{customer_account.name} {customer_account.email}")
    await presses_keys(clerk, "Alt+n")
    await the_button(clerk).press("Enter")

    await clerk.sees_message_beside("Adresse e-mail", "Un compte existe déjà avec cette adresse")
    await expect(clerk.field("Adresse e-mail")).to_be_focused()
    await expect(clerk.page.get_by_role("status").filter(has_text="Un lien")).to_have_count(0)


async def test_the_words_about_the_link_leave_with_its_customer(
    seller: Staff, shop: Shop, customer_account: Account
):
    newcomer = shop.somebody("Élodie", "Marchand")
    await seller.goes_to_counter()
    await fills_the_card_in(seller, newcomer)
    await presses_keys(seller, "Enter")
    await seller.sees_message(sent_to(newcomer))
    await presses_keys(seller, "Shift+Tab")
    await seller.chooses_customer(customer_account)

    await seller.reads_nothing_of("Un lien a été envoyé")


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "plain"])
async def test_a_link_is_sent_again_from_the_customers_file(
    windows, seller_account, shop: Shop, mailbox: Mailbox, javascript
):
    customer = await invited(shop)
    first = await mailbox.to(customer.email, CHOOSE)
    seller = await windows.staff(seller_account, javascript=javascript)
    await seller.goes_to(f"/clients/{customer.id}")
    await seller.reads(NOT_CHOSEN)
    if javascript:
        await finds_no_violation(seller.page)
    await seller.presses("Renvoyer le lien")
    await seller.sees_message(sent_to(customer))
    await seller.reads(NOT_CHOSEN)

    async def second() -> None:
        assert len(mailbox.all_to(customer.email)) == 2

    await eventually(second)
    assert (await mailbox.to(customer.email, CHOOSE)).link != first.link


async def test_a_link_is_sent_to_whoever_has_forgotten_their_password(
    clerk: Staff, customer_account: Account, mailbox: Mailbox
):
    await clerk.goes_to(f"/clients/{customer_account.id}")
    await expect(clerk.main.get_by_role("button", name="Nouveau mot de passe")).to_be_visible()
    await clerk.reads_nothing_of(NOT_CHOSEN)
    await clerk.main.get_by_role("button", name="Envoyer un lien").press("Enter")

    await clerk.sees_message(sent_to(customer_account))
    await finds_no_violation(clerk.page)
    await fits(clerk.page)
    assert re.match("/lien/.+", (await mailbox.to(customer_account.email, ANEW)).link)


async def test_the_keyboard_is_handed_over_to_whoever_was_sent_a_link(seller: Staff, shop: Shop):
    customer = await invited(shop)
    await seller.goes_to(f"/clients/{customer.id}")
    await seller.presses("Nouveau mot de passe")
    await seller.lets_type_password(customer)

    await seller.sees_message("Mot de passe enregistré.")
    await seller.reads_nothing_of(NOT_CHOSEN)


async def test_the_counter_goes_on_with_a_customer_who_has_no_password_yet(
    clerk: Staff, shop: Shop
):
    customer = await invited(shop)
    await begin_sale(clerk.account, customer_id=customer.id)
    await clerk.goes_to("/comptoir")

    await clerk.reads("mot de passe pas encore choisi")
