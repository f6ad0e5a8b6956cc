"""What comes by mail, and what it is good for: links, news of a request, the end of news."""

import pytest
from playwright.async_api import expect

from e2e.test_pages import finds_no_violation
from shop import Account, Product, Shop, new_request
from waiting import eventually


@pytest.fixture
async def number(shop: Shop, product: Product, customer_account: Account) -> int:
    """A new request of the test's customer."""
    sale = await shop.sell(customer_account, product)

    async def opens() -> int:
        return (await customer_account.post("/api/tickets", new_request(sale["id"])))["number"]

    return await eventually(opens)


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "plain"])
async def test_a_forgotten_password_is_replaced_through_a_link(
    windows, mailbox, customer_account, javascript
):
    she = await windows.customer(customer_account, signed_in=False, javascript=javascript)
    await she.goes_to("/connexion")
    await she.follows("Mot de passe oublié ?")
    await she.fills("Adresse e-mail", customer_account.email)
    await she.presses("Recevoir un lien")
    await she.sees_message("un lien vient d’y être envoyé")

    link = (await mailbox.to(customer_account.email, "mot de passe")).link
    await she.goes_to(link)
    await she.reads("Vous vous connectez avec")
    if javascript:
        await finds_no_violation(she.page)
    await she.fills("Nouveau mot de passe", "trop court")
    await she.presses("Enregistrer le mot de passe")
    await she.sees_message_beside("Nouveau mot de passe", "encore 2 au moins")
    await she.fills("Nouveau mot de passe", "neuf tortues lentes")
    await she.presses("Enregistrer le mot de passe")
    await she.sees_message("Mot de passe enregistré. Votre session est ouverte")
    await she.reads_title("Bienvenue Nathalie")
    await she.goes_to(link)
    await she.reads_title("Ce lien a déjà servi")
    changed = await mailbox.to(customer_account.email, "changé")
    assert customer_account.first_name in changed.text


async def test_nobody_learns_from_a_forgotten_password_who_has_an_account(windows, mailbox, shop):
    stranger = shop.somebody("Nadia", "Inconnue").email
    visitor = await windows.visitor()
    await visitor.goes_to("/mot-de-passe-oublie")
    await visitor.presses("Recevoir un lien")
    await visitor.sees_message_beside("Adresse e-mail", "Indiquez l’adresse e-mail.")
    await visitor.fills("Adresse e-mail", stranger)
    await visitor.presses("Recevoir un lien")

    await visitor.sees_message(
        "Si un compte existe avec cette adresse, un lien vient d’y être envoyé."
    )
    await visitor.reads(stranger)
    await visitor.goes_to("/lien/abc")
    await visitor.reads_title("Ce lien n’existe pas")
    assert mailbox.all_to(stranger) == []


async def test_a_customer_gives_up_a_new_address(customer, shop):
    new = shop.somebody("Nathalie", "Rousseau").email
    await customer.changes_email(new)
    await customer.presses("Renoncer")

    await customer.sees_message("Votre adresse e-mail reste la même.")
    await expect(customer.section("Adresse e-mail")).not_to_contain_text(new)


async def test_an_answer_is_mailed_until_the_customer_unsubscribes(
    windows, mailbox, technician_account, customer_account, number
):
    path = f"/api/tickets/{number}/messages"
    await technician_account.post(path, {"text": "Est-elle branchée ?"})
    mail = await mailbox.to(customer_account.email, f"{number}")
    assert "Claire Vasseur" in mail.text
    assert "branchée" not in mail.text

    visitor = await windows.visitor()
    link = mail.message["List-Unsubscribe"].strip("<>")
    await visitor.goes_to(link)
    await visitor.reads("Vous recevez un e-mail à chaque réponse à vos demandes.")
    await finds_no_violation(visitor.page)
    one_click = {"List-Unsubscribe": "One-Click"}
    ended = await visitor.page.request.post(link, form=one_click, headers={"Origin": "null"})
    assert ended.status == 200
    await visitor.goes_to(link)
    await visitor.reads("Vous ne recevez plus d’e-mail à chaque réponse à vos demandes.")
    await visitor.presses("En recevoir de nouveau")
    await visitor.sees_message("Vous recevez de nouveau un e-mail à chaque réponse")


async def test_everybody_chooses_which_mails_they_get_and_in_which_language(
    windows, mailbox, shop, customer_account, number
):
    technician = await windows.staff(await shop.hire("technician", "Iris", "Lang"))
    await technician.goes_to("/compte")
    await technician.presses("English")
    await technician.sees_message("Language saved.")
    await technician.follows("My notifications")
    await technician.page.get_by_role("checkbox", name="For every reply from a customer").check()
    await finds_no_violation(technician.page)
    await technician.presses("Save")
    await technician.sees_message("Notifications saved.")
    box = technician.page.get_by_role("checkbox", name="For every reply from a customer")
    await expect(box).to_be_checked()

    await customer_account.post(f"/api/tickets/{number}/messages", {"text": "Toujours rien."})
    mail = await mailbox.to(technician.account.email, f"{number}")
    assert customer_account.name in mail.text
    assert mail.message["Content-Language"] == "en"
