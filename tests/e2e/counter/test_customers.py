"""The customers' pages."""

from playwright.async_api import expect

from e2e.counter.clerk import the_dialog
from e2e.people import Staff
from shop import Account, new_request, serial_number
from waiting import eventually


async def test_customers_are_found_while_typing_and_no_name_is_in_the_address(clerk, shop):
    name = f"Quincampoix{serial_number()[:6]}"
    await shop.register("Étienne", name)
    await clerk.goes_to("/clients")
    await clerk.page.get_by_role("searchbox").fill(f"etienne {name.lower()}")

    await expect(clerk.page.get_by_role("row")).to_have_count(2)
    await clerk.page.get_by_role("link", name=f"{name} Étienne").press("Enter")
    await clerk.reads_title(f"Étienne {name}")
    await clerk.reads("Aucun achat enregistré.")
    assert name not in clerk.page.url


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


async def test_a_customer_is_put_right(clerk, shop):
    customer = await shop.register("Natalie", "Rouseau")
    other = await shop.register()
    await clerk.goes_to(f"/clients/{customer.id}/modifier")
    await clerk.fills("Prénom", "Nathalie")
    await clerk.fills("Nom", "Rousseau")
    await clerk.fills("Adresse e-mail", other.email)
    await clerk.presses("Enregistrer les modifications")
    await clerk.sees_message_beside("Adresse e-mail", "Un compte existe déjà avec cette adresse")
    await expect(clerk.field("Nom")).to_have_value("Rousseau")
    await clerk.fills("Adresse e-mail", f"plus.{customer.email}")
    await clerk.presses("Enregistrer les modifications")

    await clerk.reads_title("Nathalie Rousseau")
    await clerk.sees_message("Modifications enregistrées.")
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

    await clerk.sees_message("Mot de passe enregistré.")
    assert await customer.session()


async def opens_the_file(seller: Staff, customer: Account) -> None:
    """With its requests: a page does without those that come more than a moment later, and says so."""

    async def is_whole() -> None:
        late = seller.main.get_by_text("Les demandes ne sont pas lisibles pour l’instant.")
        await expect(late).to_have_count(0, timeout=1_000)

    await seller.looks_again_until(f"/clients/{customer.id}", is_whole)


async def test_the_file_shows_requests_with_their_status(seller, dataset):
    await opens_the_file(seller, dataset.customer)
    requests = seller.page.get_by_role("region", name="Demandes d’assistance").get_by_role("link")

    for number, status in (
        (dataset.open, "Ouverte"),
        (dataset.answered, "En cours de traitement"),
        (dataset.resolved, "Résolue"),
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
    await opens_the_file(seller, customer)
    purchases = seller.page.get_by_role("region", name="Achats 50+")
    await expect(purchases).to_contain_text("au moins 50 en cours")
    await purchases.get_by_role("link", name="Suivants").press("Enter")
    last = seller.page.get_by_role("region", name="Achats").get_by_role("row")
    await expect(last.filter(has_text=sales[0]["serial_number"])).to_be_visible()
    requests = seller.page.get_by_role("region", name="Demandes d’assistance 50+")
    await expect(requests.get_by_role("link").filter(has_text="Demande 50")).to_have_count(0)
    await requests.get_by_role("link", name="Ouvertes : suivantes").press("Enter")
    await seller.reads("Demande 50")
    await seller.follows("Début de la liste")

    await seller.reads("Demande 00")
