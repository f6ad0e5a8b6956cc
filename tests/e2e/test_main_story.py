"""The main story: from a sale at the counter to a request that is resolved."""

from playwright.async_api import expect

from e2e.people import IN_PROGRESS, OPEN, RESOLVED, YOUR_TURN, Customer, Staff
from shop import Account, Product, matches, serial_number, today

SUBJECT = "Le ventilateur claque au démarrage"
DESCRIPTION = (
    "Depuis ce matin, un claquement sec toutes les trois secondes.\n\nLe carton est intact."
)
ANSWER = "Bonjour, la grille touche-t-elle les pales ? Envoyez-nous ce que vous voyez."
REPLY = "C’était bien la grille, je l’ai redressée : plus aucun bruit."


async def test_from_a_sale_to_a_resolved_request(windows, shop, seller_account, technician_account):
    she = shop.somebody("Élodie", "Marchand")
    seller = await windows.staff(seller_account, signed_in=False)
    await seller.signs_in()
    product, unit = await sells_to_somebody_new(seller, she)

    customer = await windows.customer(she, signed_in=False)
    await customer.signs_in()
    await customer.sees_among_their_products(product, unit)
    number = await customer.opens_request(product, SUBJECT, DESCRIPTION)
    await customer.sees_status(OPEN)
    await customer.reads_message("Vous", "Depuis ce matin, un claquement sec")

    technician = await windows.staff(technician_account, signed_in=False)
    await technician.signs_in()
    await technician.goes_to_queue("Ouvertes")
    await technician.opens(number)
    await technician.reads_message("Élodie Marchand", "Le carton est intact.")
    await technician.answers(ANSWER, to="Élodie Marchand")
    await technician.sees_status("En attente du client")
    await technician.reads_message("Claire Vasseur", ANSWER)

    await customer.finds_under("En attente de votre réponse", SUBJECT)
    await customer.opens_from_home(SUBJECT)
    await customer.sees_status(YOUR_TURN)
    await customer.reads(IN_PROGRESS)
    await customer.reads_message("Claire Vasseur", ANSWER)
    await customer.replies(REPLY, to="Claire Vasseur")
    await customer.reads_message("Vous", REPLY)
    await customer.resolves()
    await customer.sees_status(RESOLVED)

    await nobody_can_reply_any_more(customer, technician, number)
    await a_second_customer_sees_nothing(windows, shop, number)


async def sells_to_somebody_new(seller: Staff, customer: Account) -> tuple[Product, str]:
    """The whole counter; returns what was sold."""
    await seller.goes_to_counter()
    await seller.searches_customer(customer.email)
    await expect(seller.main).to_contain_text(f"Aucun client ne correspond à « {customer.email} »")
    await seller.creates_customer(customer)
    await seller.lets_type_password(customer)
    await expect(seller.product_box).to_be_focused()

    product = await chooses_product(seller)

    await expect(seller.serial_field).to_be_focused()
    unit = serial_number()
    await seller.types_serial_number(unit.lower())
    await expect(seller.serial_field).to_have_value(unit)

    day = today()
    await expect(seller.date_field).to_have_value(f"{day:%d/%m/%Y}")
    await seller.records_sale()
    for words in (customer.name, customer.email, product.reference, seller.account.name):
        await seller.reads(words)
    await expect(seller.main).to_contain_text(unit)
    await expect(seller.main).to_contain_text(f"{day:%d/%m/%Y}")
    return product, unit


async def chooses_product(seller: Staff) -> Product:
    """Three letters show how many match; more letters list fewer than 10; a key takes the second."""
    on_sale, withdrawn = matches("noc")
    await seller.types_product("noc")
    await expect(seller.main).to_contain_text(
        f"{on_sale} produits correspondent, et {withdrawn} retirés de la vente. Continuez à taper"
    )
    await expect(seller.offered_products).to_have_count(0)

    on_sale, _ = matches("noctua nh-u12")
    assert 1 < on_sale < 10
    await seller.types_product("tua nh-u12")
    offered = seller.offered_products.filter(has_not_text="Afficher")
    await expect(offered).to_have_count(on_sale)
    await expect(offered.first.locator("mark").first).to_be_visible()

    await seller.product_box.press("ArrowDown")
    second = offered.nth(1)
    await expect(second).to_have_attribute("aria-selected", "true")
    product = Product(
        id=await second.get_attribute("data-id") or "",
        reference=await second.get_attribute("data-reference") or "",
        designation=await second.get_attribute("data-designation") or "",
        on_sale=True,
    )
    await seller.product_box.press("Enter")
    await expect(seller.main).to_contain_text(product.designation)
    return product


async def nobody_can_reply_any_more(customer: Customer, technician: Staff, number: int) -> None:
    """Not by the page, and not by a page that was open before the end."""
    await customer.can_say_nothing_more()
    await technician.page.get_by_role("textbox", name="Votre réponse à").fill("Une dernière chose")
    await technician.presses("Répondre")
    await technician.is_warned("Cette demande est résolue")
    await technician.finds_unsent("Une dernière chose")
    await technician.can_say_nothing_more()
    await technician.goes_to_queue("Résolues")
    await technician.opens(number)
    await technician.can_say_nothing_more()
    thread = await technician.account.get(f"/api/tickets/{number}")
    assert [message["text"] for message in thread["messages"]] == [DESCRIPTION, ANSWER, REPLY]


async def a_second_customer_sees_nothing(windows, shop, number: int) -> None:
    other = await windows.customer(await shop.register("Marc", "Rousseau"), signed_in=False)
    await other.signs_in()
    await other.reads_nothing_of(SUBJECT)
    for address in ("/mes-demandes", "/mes-appareils", "/mes-demandes/nouvelle"):
        await other.goes_to(address)
        await other.reads_nothing_of(SUBJECT)
        await other.reads_nothing_of("NH-U12")
    answer = await other.page.goto(f"/mes-demandes/{number}")
    assert answer.status == 404
    await other.reads_title("Page introuvable")
    await other.reads_nothing_of(SUBJECT)


async def test_a_seller_answers_a_request_and_a_technician_records_a_sale(
    shop, seller, technician, customer, product
):
    unit = serial_number()
    await technician.sells(customer.account, product, unit)
    await technician.reads("Claire Vasseur")

    await customer.sees_among_their_products(product, unit)
    number = await customer.opens_request(product, "Écran noir", "Rien ne s’affiche.")
    await seller.goes_to_queue("Ouvertes")
    await seller.opens(number)
    await seller.answers("Avez-vous un autre câble ?", to=customer.account.name)

    await customer.opens_from_home("Écran noir")
    await customer.reads_message("Julien Morel", "Avez-vous un autre câble ?")
    message = customer.main.get_by_role("article", name="Message de Julien Morel")
    await expect(message).to_contain_text("vendeur")


async def test_signing_in_leads_where_the_visitor_wanted_to_go(windows, customer_account):
    she = await windows.customer(customer_account, signed_in=False)
    await she.goes_to("/mes-appareils")
    await she.fills("Adresse e-mail", customer_account.email.upper())
    await she.fills("Mot de passe", customer_account.password)
    await she.presses("Se connecter")

    await she.reads_title("Mes appareils")
