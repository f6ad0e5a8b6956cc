"""The second story: passwords and addresses change, requests are closed by either side."""

import re

import pytest
from playwright.async_api import expect

from e2e.people import OPEN, RESOLVED, Customer
from shop import Account, Product, Shop, as_body, new_request
from waiting import eventually


@pytest.fixture
async def request_number(shop: Shop, product: Product, customer_account: Account) -> int:
    """A new request of the test's customer."""
    sale = await shop.sell(customer_account, product)

    async def opens() -> int:
        answer = await customer_account.call("POST", "/api/tickets", new_request(sale["id"]))
        assert answer.status_code == 201, answer.text
        return answer.json()["number"]

    return await eventually(opens)


@pytest.mark.parametrize("role", ["seller", "customer"])
async def test_everyone_changes_their_own_password_and_signs_in_with_it(windows, shop, role):
    account = await (
        shop.register() if role == "customer" else shop.hire(role, "Camille", "Nouvelle")
    )
    open_window = windows.customer if role == "customer" else windows.staff
    person = await open_window(account, signed_in=False)
    elsewhere = await open_window(account.elsewhere())
    await elsewhere.goes_to("/compte")
    await elsewhere.reads_title("Mon compte")
    await person.signs_in()
    old = account.password
    await person.changes_password("neuf tortues lentes")

    await person.reads_title("Mon compte")  # still signed in here
    await person.signs_out()
    await person.tries_to_sign_in(password=old)
    await person.is_warned("Adresse e-mail ou mot de passe incorrect.")
    await person.signs_in()
    assert (await elsewhere.account.exchange()).status_code == 401


async def test_an_accented_address_signs_in_as_it_is_typed_and_as_machines_spell_it(windows, shop):
    """What the browser makes of it in its field is not another address, and is not refused."""
    owner = shop.somebody("Zoé", "Petit")
    name = owner.email.partition("@")[0]
    owner.email = f"zoé.{name}@straße.example"
    await shop.new_account("customers", as_body(owner))
    neighbour = shop.somebody("Zoé", "Voisine")
    neighbour.email = f"zoé.{name}@strasse.example"
    await shop.new_account("customers", as_body(neighbour))

    she = await windows.customer(owner, signed_in=False)
    for typed in (owner.email, f"Zoé.{name}@xn--strae-oqa.example", f"mailto:{owner.email}."):
        await she.signs_in(email=typed)
        await she.goes_to("/compte")
        await she.reads(owner.email)
        await she.signs_out()
    await she.signs_in(email=neighbour.email)
    await she.goes_to("/compte")
    await she.reads(neighbour.email)


async def test_an_address_is_changed_to_an_accented_one_as_it_is_typed(windows, shop, mailbox):
    """The browser spells it for machines in its field; the one without accents is another's."""
    she = await windows.customer(await shop.register("Zoé", "Petit"))
    name = she.account.email.partition("@")[0]
    typed, spelt = f"{name}@straße.example", f"{name}@xn--strae-oqa.example"
    await she.changes_email(typed)
    await she.goes_to((await mailbox.to(spelt, "Confirmez")).link)
    await she.presses("Confirmer cette adresse")
    await she.sees_message("Adresse e-mail confirmée.")
    await expect(she.section("Adresse e-mail")).to_contain_text(typed)

    await she.signs_out()
    await she.tries_to_sign_in(email=f"{name}@strasse.example")
    await she.is_warned("Adresse e-mail ou mot de passe incorrect.")
    await she.signs_in(email=spelt)


async def test_a_customer_changes_her_address_and_signs_in_with_the_new_one(
    windows, shop, mailbox, seller, customer_account
):
    she = await windows.customer(customer_account, signed_in=False)
    await she.signs_in()
    old, new = customer_account.email, shop.somebody("Nathalie", "Rousseau").email
    await she.changes_email(new)
    await she.confirms_email(mailbox, new)

    mail = await mailbox.to(old, "a changé")
    assert new not in mail.text
    await she.signs_out()
    await she.tries_to_sign_in(email=old)
    await she.is_warned("Adresse e-mail ou mot de passe incorrect.")
    await she.signs_in(email=new)
    await seller.goes_to_counter()
    await seller.searches_customer(new)
    found = seller.page.get_by_role("listbox", name="Clients").get_by_role("option")
    await expect(found).to_contain_text([new])


async def test_a_customer_adds_a_precision_and_the_request_stays_open(
    customer, technician, request_number
):
    await customer.opens(request_number)
    await customer.sees_status(OPEN)
    await customer.adds_precision("Cela arrive surtout le matin.")

    await customer.sees_status(OPEN)
    await technician.goes_to_queue("Ouvertes")
    await technician.opens(request_number)
    await technician.reads_message(customer.account.name, "Cela arrive surtout le matin.")
    await technician.sees_status(OPEN)


async def test_a_customer_closes_an_open_request(customer, technician, request_number):
    await customer.opens(request_number)
    await customer.resolves()

    await customer.sees_status(RESOLVED)
    await customer.reads("Vous avez marqué la demande comme résolue")
    await customer.can_say_nothing_more()
    await technician.goes_to_queue("Ouvertes")
    assert not await technician.finds_in_queue(request_number)
    await technician.goes_to_queue("Résolues")
    assert await technician.finds_in_queue(request_number)


async def test_a_technician_closes_an_open_request(customer, technician, request_number):
    await technician.goes_to_queue("Ouvertes")
    await technician.opens(request_number)
    await technician.resolves(request_number)
    await technician.can_say_nothing_more()

    await customer.opens(request_number)
    await customer.sees_status(RESOLVED)
    await customer.reads("Résolue par Claire Vasseur")
    await customer.can_say_nothing_more()


async def test_a_technician_answers_and_resolves_at_once(customer, technician, request_number):
    await technician.goes_to_queue("Ouvertes")
    await technician.opens(request_number)
    await technician.page.get_by_role("textbox", name="Votre réponse à").fill("Voilà qui est fait.")
    await technician.presses("Répondre et résoudre")
    dialog = technician.page.get_by_role("dialog")
    await expect(dialog).to_contain_text(f"Votre réponse est envoyée à {customer.account.name}")
    await dialog.get_by_role("button", name="Répondre et résoudre").click()
    await technician.sees_status(RESOLVED)

    await customer.opens(request_number)
    await customer.reads_message("Claire Vasseur", "Voilà qui est fait.")
    await customer.sees_status(RESOLVED)


async def test_a_request_resolved_meanwhile_refuses_every_action_with_words(
    windows, customer, technician, request_number
):
    """Pages that nothing reached since: each button is answered, no text is lost."""
    late: Customer = await windows.customer(customer.account)
    for reader in (customer, late):
        await reader.page.route("**/en-direct*", lambda route: route.abort())
        await reader.opens(request_number)
    await technician.goes_to_queue("Ouvertes")
    await technician.opens(request_number)
    await technician.resolves(request_number)

    await customer.fills("Ajouter une précision", "Encore un mot")
    await customer.presses("Envoyer la précision")
    await customer.is_warned("Cette demande est résolue")
    await customer.finds_unsent("Encore un mot")
    await customer.sees_status(RESOLVED)
    await customer.can_say_nothing_more()

    await late.presses("Marquer comme résolue")
    dialog = late.page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Marquer comme résolue").click()
    await late.is_warned("Cette demande est résolue")
    await late.sees_status(RESOLVED)
    thread = await customer.account.get(f"/api/tickets/{request_number}")
    assert len(thread["messages"]) == 1
    assert thread["ticket"]["resolved_by_name"] == "Claire Vasseur"


async def test_staff_also_see_that_a_request_was_resolved_meanwhile(
    windows, customer, technician, request_number
):
    path = f"/demandes/{request_number}"
    others = [await windows.staff(technician.account) for _ in range(2)]
    for late in (technician, *others):
        await late.goes_to(path)
    await customer.opens(request_number)
    await customer.resolves()

    label, text = f"Votre réponse à {customer.account.name}", "Voici la solution."
    resolving, both = others
    await technician.fills(label, text)
    await technician.presses("Répondre")
    await resolving.presses("Résoudre")
    await resolving.page.get_by_role("dialog").get_by_role("button", name="Résoudre").click()
    await both.fills(label, text)
    await both.presses("Répondre et résoudre")
    await both.page.get_by_role("dialog").get_by_role("button", name="Répondre et résoudre").click()

    for late in (technician, *others):
        await late.is_warned("Cette demande est résolue")
        await late.can_say_nothing_more()
    for late in (technician, both):
        await late.finds_unsent(text)
    thread = await technician.account.get(f"/api/tickets/{request_number}")
    assert len(thread["messages"]) == 1
    assert thread["ticket"]["resolved_by_name"] == customer.account.name


QUEUES = {"a-traiter", "ouvertes", "en-cours", "attente-client", "resolues"}


async def test_a_request_moves_through_the_queues(
    shop, customer_account, technician_account, request_number
):
    """Where it is to be found after each step, and where not; the pages without a browser."""
    path = f"/api/tickets/{request_number}"
    cookie = "=".join(await technician_account.cookie())

    async def is_in(*names: str) -> None:
        for name in QUEUES:
            queue = f"/demandes?vue={name}&tri=recentes"
            page = await shop.http.get(queue, headers={"Cookie": cookie})
            assert page.status_code == 200, name
            listed = re.search(rf"n°\s{request_number}\b", page.text)
            assert bool(listed) == (name in names), name

    await is_in("a-traiter", "ouvertes")
    await technician_account.post(f"{path}/messages", {"text": "Depuis quand ?"})
    await is_in("en-cours", "attente-client")
    await customer_account.post(f"{path}/messages", {"text": "Depuis hier."})
    await is_in("a-traiter", "en-cours")
    await customer_account.post(f"{path}/resolution", status=200)
    await is_in("resolues")


async def test_a_customer_closes_her_other_sessions(windows, customer_account):
    elsewhere = await windows.customer(customer_account.elsewhere())
    await elsewhere.goes_to("/mes-demandes")
    she = await windows.customer(customer_account, signed_in=False)
    await she.signs_in()
    await she.goes_to("/compte")
    await she.presses("Fermer toutes les autres sessions")
    dialog = she.page.get_by_role("dialog")
    await dialog.get_by_role("button", name="Fermer les autres sessions").click()

    await she.sees_message("Vos autres sessions sont fermées.")
    assert (await elsewhere.account.exchange()).status_code == 401
    await she.goes_to("/mes-demandes")
    await expect(she.page).to_have_url(re.compile("/mes-demandes$"))
