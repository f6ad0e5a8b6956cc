"""Wrong input at the browser: French words beside the field, and nothing typed is lost."""

import asyncio
import re
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Dialog, Page, expect

from e2e.people import Customer, Person, Staff, spoken
from shop import Account, Product, Shop, new_request
from waiting import eventually

DESCRIPTION = "Le ventilateur claque.\n\n  Voici ce que dit l’écran :\n    E-42"


@pytest.fixture
async def owner(windows, shop: Shop, product: Product, customer_account: Account) -> Customer:
    """A customer who bought two units."""
    for _ in range(2):
        await shop.sell(customer_account, product)

    async def both_are_known() -> None:
        owned = await customer_account.get("/api/tickets/owned-products")
        assert len(owned["owned_products"]) == 2

    await eventually(both_are_known)
    return await windows.customer(customer_account)


async def requests_of(customer: Customer) -> list[Any]:
    return (await customer.account.get("/api/tickets/mine"))["tickets"]


# --- Signing in --------------------------------------------------------------------------------


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(
    windows, customer_account
):
    she = await windows.customer(customer_account, signed_in=False)
    for email in (customer_account.email, "personne@example.org"):
        await she.tries_to_sign_in(email=email, password="pas le bon mot")
        await she.is_warned("Adresse e-mail ou mot de passe incorrect.")
        await expect(she.field("Adresse e-mail")).to_have_value(email)
        await expect(she.field("Mot de passe")).to_have_value("")


async def test_signing_in_with_nothing_says_what_is_missing(windows):
    visitor = await windows.visitor()
    await visitor.goes_to("/connexion")
    await visitor.presses("Se connecter")

    await visitor.sees_message_beside("Adresse e-mail", "Indiquez l’adresse e-mail.")
    await visitor.sees_message_beside("Mot de passe", "Indiquez le mot de passe.")


# --- A new request -----------------------------------------------------------------------------


async def test_a_request_without_a_product_or_words_says_what_is_missing(owner):
    await owner.goes_to("/mes-demandes/nouvelle")
    await owner.presses("Envoyer la demande")

    await owner.is_warned("Choisissez un appareil.")
    products = owner.page.get_by_role("group", name="Quel appareil est concerné ?")
    await expect(products).to_have_accessible_description(spoken("Choisissez un appareil"))
    await owner.sees_message_beside(
        "Le problème en une phrase", "Indiquez le problème en une phrase."
    )
    await owner.sees_message_beside("Que se passe-t-il ?", "Décrivez ce qui se passe.")
    assert await requests_of(owner) == []


async def test_a_request_that_is_too_long_keeps_everything_typed(owner, product):
    await owner.begins_request(product)
    chosen = owner.page.get_by_role("radio").first
    await expect(chosen).to_be_checked()
    await owner.fills("Le problème en une phrase", "é" * 201)
    await owner.fills("Que se passe-t-il ?", "a" * 20_001)
    await owner.presses("Envoyer la demande")

    await owner.sees_message_beside("Le problème en une phrase", "201 caractères : 200 au plus")
    await owner.sees_message_beside("Que se passe-t-il ?", "20 001 caractères : 20 000 au plus")
    await expect(owner.field("Le problème en une phrase")).to_have_value("é" * 201)
    await expect(owner.field("Que se passe-t-il ?")).to_have_value("a" * 20_001)
    await expect(owner.page.get_by_role("radio").first).to_be_checked()
    await expect(owner.field("Le problème en une phrase")).to_be_focused()
    assert await requests_of(owner) == []


async def test_what_was_refused_can_be_put_right_and_sent(owner, product):
    await owner.begins_request(product)
    await owner.fills("Que se passe-t-il ?", DESCRIPTION)
    await owner.presses("Envoyer la demande")
    await owner.sees_message_beside(
        "Le problème en une phrase", "Indiquez le problème en une phrase."
    )
    await expect(owner.field("Que se passe-t-il ?")).to_have_value(DESCRIPTION)
    await owner.fills("Le problème en une phrase", "Le ventilateur claque")
    await owner.presses("Envoyer la demande")

    await owner.reads_title("Le ventilateur claque")
    [request] = await requests_of(owner)
    thread = await owner.account.get(f"/api/tickets/{request['number']}")
    assert thread["messages"][0]["text"] == DESCRIPTION


async def test_a_form_sent_twice_opens_one_request(owner, product):
    await owner.begins_request(product)
    await owner.fills("Le problème en une phrase", "Une seule fois")
    await owner.fills("Que se passe-t-il ?", DESCRIPTION)
    fields = await fields_of(owner.page, "/mes-demandes/nouvelle")
    await owner.presses("Envoyer la demande")
    await owner.reads_title("Une seule fois")
    again = await owner.page.request.post("/mes-demandes/nouvelle", form=fields)

    assert again.ok
    assert len(await requests_of(owner)) == 1


# --- An answer ---------------------------------------------------------------------------------


@pytest.fixture
async def number(owner: Customer) -> int:
    owned = await owner.account.get("/api/tickets/owned-products")
    request = new_request(owned["owned_products"][0]["sale_id"])
    return (await owner.account.post("/api/tickets", request))["number"]


async def test_an_empty_answer_is_refused_on_both_sides(owner, technician, number):
    await owner.opens(number)
    await owner.fills("Ajouter une précision", "  \n ")
    await owner.presses("Envoyer la précision")
    await owner.sees_message_beside("Ajouter une précision", "Écrivez votre message.")

    await technician.goes_to(f"/demandes/{number}")
    await technician.presses("Répondre")
    await technician.sees_message_beside(
        f"Votre réponse à {owner.account.name}", "Écrivez votre message."
    )
    thread = await owner.account.get(f"/api/tickets/{number}")
    assert len(thread["messages"]) == 1
    assert thread["ticket"]["status"] == "open"


async def test_an_answer_that_is_too_long_is_kept(technician, owner, number):
    label = f"Votre réponse à {owner.account.name}"
    await technician.goes_to(f"/demandes/{number}")
    await technician.fills(label, "é" * 20_002)
    await technician.presses("Répondre")

    await technician.sees_message_beside(label, "20 002 caractères : 20 000 au plus, 2 de trop.")
    await expect(technician.field(label)).to_have_value("é" * 20_002)


# --- Strange text ------------------------------------------------------------------------------

STRANGE = {
    "script": "<script>alert(1)</script>",
    "image": '"><img src=x onerror=alert(1)>',
    "template": "{{7*7}} {% raw %} ${7*7} #{7*7}",
    "10,000 accents": "e" + "\u0301" * 10_000,
    "directions": "\u202egnirts\u202c و الآن",
}


async def test_strange_text_is_shown_as_text(owner, technician, product):
    alarms: list[str] = []

    async def alarmed(dialog: Dialog) -> None:
        alarms.append(dialog.message)
        await dialog.dismiss()

    for person in (owner, technician):
        person.page.on("dialog", alarmed)
    for strange in STRANGE.values():
        await is_shown_as_text(owner, technician, product, strange)
    assert alarms == []


async def is_shown_as_text(
    owner: Customer, technician: Staff, product: Product, strange: str
) -> None:
    subject = strange if len(strange) <= 200 else "Dix mille accents"
    await owner.begins_request(product)
    await owner.fills("Le problème en une phrase", subject)
    await owner.fills("Que se passe-t-il ?", strange)
    await owner.presses("Envoyer la demande")
    await owner.sees_message("envoyée")
    number = int(owner.page.url.rpartition("/")[2])

    await shows(owner, subject, strange)
    await owner.goes_to("/mes-demandes")
    await expect(owner.main).to_contain_text(subject)
    await technician.goes_to_queue("Ouvertes")
    assert await technician.finds_in_queue(number)
    await expect(technician.line(number)).to_contain_text(subject)
    await technician.opens(number)
    await shows(technician, subject, strange)


async def shows(person: Person, subject: str, text: str) -> None:
    await expect(person.main.get_by_role("heading", name=subject).first).to_have_text(subject)
    message = person.main.get_by_role("article").first.get_by_role("paragraph")
    await expect(message).to_have_text([text])


NO_TEXT = {"a%00b": "caractère nul", "a%ED%A0%80b": "", "a%FFb": ""}  # NUL, half a character


async def test_bytes_that_no_browser_types_are_refused_or_taken_as_text(owner):
    """Sent by hand, past the browser: refused with words or kept as text, never a failure."""
    await owner.goes_to("/mes-demandes/nouvelle")
    fields = await fields_of(owner.page, "/mes-demandes/nouvelle")
    fields["sale_id"] = await owner.page.get_by_role("radio").first.get_attribute("value") or ""
    fields.pop("subject", None)
    body = "&".join(f"{name}={quote(value)}" for name, value in fields.items())
    for typed, words in NO_TEXT.items():
        answer = await owner.page.request.post(
            "/mes-demandes/nouvelle",
            data=f"{body}&subject={typed}&description=Bonjour",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            max_redirects=0,
        )
        assert answer.status in ({422} if words else {303, 422}), typed
        assert words in await answer.text(), typed


# --- My account --------------------------------------------------------------------------------


WRONG_PASSWORDS = {
    "court": "5 caractères, encore 7 au moins.",
    "azertyuiop123": "Ce mot de passe est trop facile à deviner.",
    "x7" * 129: "256 caractères au plus.",
    "": "0 caractère, encore 12 au moins.",
}


async def test_a_new_password_that_will_not_do_is_explained(customer):
    await customer.goes_to("/compte")
    form = customer.section("Mot de passe")
    for new, words in WRONG_PASSWORDS.items():
        await form.get_by_label("Mot de passe actuel").fill(customer.account.password)
        await form.get_by_label("Nouveau mot de passe").fill(new)
        await form.get_by_role("button", name="Changer le mot de passe").click()

        await customer.sees_message_beside("Nouveau mot de passe", words)
    assert (await customer.account.elsewhere().exchange()).status_code == 200


async def test_a_wrong_current_password_changes_nothing(customer):
    await customer.goes_to("/compte")
    form = customer.section("Mot de passe")
    await form.get_by_label("Mot de passe actuel").fill("pas celui-ci du tout")
    await form.get_by_label("Nouveau mot de passe").fill("neuf tortues lentes")
    await form.get_by_role("button", name="Changer le mot de passe").click()

    await expect(form).to_contain_text("Mot de passe actuel incorrect.")
    assert (await customer.account.elsewhere().exchange()).status_code == 200


WRONG_ADDRESSES = {
    "n.rousseau": "Une adresse e-mail contient un « @ ».",
    "n.rousseau@ateliers": "Il manque la fin de l’adresse, par exemple « .fr ».",
    "n rousseau@example.org": "n’est pas complète ou contient un caractère de trop",
    "": "Une adresse e-mail contient un « @ ».",
}


async def test_a_malformed_address_is_explained_and_kept(customer):
    await customer.goes_to("/compte")
    form = customer.section("Adresse e-mail")
    for typed, words in WRONG_ADDRESSES.items():
        await form.get_by_label("Nouvelle adresse e-mail").fill(typed)
        await form.get_by_label("Mot de passe actuel").fill(customer.account.password)
        await form.get_by_role("button", name="Changer l’adresse").click()

        await customer.sees_message_beside("Nouvelle adresse e-mail", words)
        await expect(customer.field("Nouvelle adresse e-mail")).to_have_value(typed)


async def test_nobody_learns_from_an_address_whether_somebody_has_it(customer, shop, mailbox):
    other = await shop.register("Marc", "Rousseau")
    await customer.goes_to("/compte")
    form = customer.section("Adresse e-mail")
    await form.get_by_label("Nouvelle adresse e-mail").fill(other.email)
    await form.get_by_label("Mot de passe actuel").fill(customer.account.password)
    await form.get_by_role("button", name="Changer l’adresse").click()

    await customer.sees_message("Un lien de confirmation est envoyé à votre nouvelle adresse.")
    mail = await mailbox.to(other.email, "a déjà un compte")
    assert other.first_name in mail.text
    assert "/lien/" not in mail.text


# --- Sessions and addresses --------------------------------------------------------------------


async def ends_the_session_of(windows, person: Person) -> None:
    """The browser keeps the cookie of a session that is closed."""
    ended = person.account.elsewhere()
    await ended.session()
    await ended.call("DELETE", "/api/identity/sessions/current")
    await windows.sign_in(person.page.context, ended)


async def test_a_session_that_expired_is_opened_again_over_the_page_and_the_text_goes_on(
    windows, owner, number
):
    await owner.opens(number)
    await owner.fills("Ajouter une précision", DESCRIPTION)
    await ends_the_session_of(windows, owner)
    await owner.presses("Envoyer la précision")

    await owner.signs_in_over_the_page(owner.account, password="pas le bon mot")
    await owner.is_warned("Adresse e-mail ou mot de passe incorrect.")
    await owner.presses("Plus tard")
    await expect(owner.field("Ajouter une précision")).to_have_value(DESCRIPTION)

    await owner.presses("Envoyer la précision")
    await owner.signs_in_over_the_page(owner.account)
    await owner.reads_message("Vous", "Voici ce que dit l’écran")
    thread = await owner.account.get(f"/api/tickets/{number}")
    assert [message["text"] for message in thread["messages"]][1:] == [DESCRIPTION]


async def test_signing_out_in_another_tab_keeps_the_text(windows, owner, product):
    await owner.begins_request(product)
    await owner.fills("Le problème en une phrase", "Écrit avant de sortir")
    await owner.fills("Que se passe-t-il ?", DESCRIPTION)
    tab = Person(await owner.page.context.new_page(), owner.account)
    windows.watch(tab.page)
    await tab.signs_out()
    await owner.presses("Envoyer la demande")

    await owner.signs_in_over_the_page(owner.account)
    await owner.reads_title("Écrit avant de sortir")


async def test_typing_is_not_interrupted_and_looking_asks_to_sign_in_again(windows, owner, number):
    """What a page asks by itself only mentions it; what somebody waits for asks at once."""
    await owner.opens(number)
    await ends_the_session_of(windows, owner)
    text = owner.field("Ajouter une précision")
    await text.press_sequentially("Encore un mot")
    await owner.sees_message("Votre session a expiré. Reconnectez-vous : votre texte est conservé.")
    await expect(text).to_be_focused()
    await owner.follows("Se reconnecter")
    await owner.signs_in_over_the_page(owner.account)
    await expect(owner.main.get_by_text("Brouillon enregistré")).to_be_visible()
    await expect(text).to_have_value("Encore un mot")

    await owner.goes_to("/mes-demandes")
    await ends_the_session_of(windows, owner)
    await owner.fills("Chercher dans vos demandes", "zx81")
    await owner.signs_in_over_the_page(owner.account)
    await owner.reads("Aucune demande ne correspond")


async def test_nobody_else_is_shown_what_was_typed(windows, shop, owner, number):
    """Whoever signs in over the page is led to pages of their own."""
    await owner.opens(number)
    await owner.fills("Ajouter une précision", "Entre nous")
    await ends_the_session_of(windows, owner)
    await owner.presses("Envoyer la précision")
    other = await shop.register("Zoé", "Autre")
    await owner.signs_in_over_the_page(other)

    await owner.reads_title("Bienvenue Zoé")
    await owner.opens(number)
    await owner.reads_title("Page introuvable")
    assert "Entre nous" not in await owner.page.content()
    thread = await owner.account.get(f"/api/tickets/{number}")
    assert len(thread["messages"]) == 1


async def test_without_script_the_text_comes_back_to_its_author_alone(windows, shop, owner, number):
    texts = ["Pour mes yeux", "Pour ses yeux"]
    other = await shop.register("Zoé", "Autre")
    for text, account in zip(texts, (owner.account, other), strict=True):
        she = await windows.customer(owner.account.elsewhere(), javascript=False)
        await she.opens(number)
        await she.fills("Ajouter une précision", text)
        await ends_the_session_of(windows, she)
        await she.presses("Envoyer la précision")
        await she.sees_message(
            "Votre session a expiré. Reconnectez-vous : votre texte est conservé."
        )
        assert text not in await she.page.content()
        await she.fills("Adresse e-mail", account.email)
        await she.fills("Mot de passe", account.password)
        await she.presses("Se connecter")
        if account is other:
            await she.sees_message("Rien n’est envoyé")
            assert text not in await she.page.content()
        else:
            await she.reads_title("Votre texte est conservé")
            await expect(she.main.get_by_role("textbox").first).to_have_value(text)
            await she.presses("Envoyer")
            await she.reads_message("Vous", text)


async def test_without_script_a_form_that_met_a_closed_door_is_sent_again(
    windows, stack, owner, number
):
    """While web is away only the gateway answers, which has no text to give back: browsers have."""
    web = stack.services["web"]
    she = await windows.customer(owner.account.elsewhere(), javascript=False)
    await she.opens(number)
    await she.fills("Ajouter une précision", "Envoyé deux fois, reçu une")
    await asyncio.to_thread(web.stop)
    try:
        await she.presses("Envoyer la précision")
        await she.reads_title("Guichet fermé")
        await expect(she.main).to_contain_text("actualisez cette page")
    finally:
        web.start()

    async def is_open_again() -> None:
        await she.page.reload()
        assert "Guichet fermé" not in await she.page.title()

    await eventually(is_open_again, pause=0.5)
    await she.reads_message("Vous", "Envoyé deux fois, reçu une")
    windows.complaints = [each for each in windows.complaints if not each.startswith("50")]


ODD_ADDRESSES = [
    "/mes-demandes/abc", "/mes-demandes/0", "/mes-demandes/99999999999999999999999",
    "/mes-demandes?apres=zzz", "/mes-appareils?apres=%00", "/mes-demandes/nouvelle?appareil=%00",
    "/compte/rien", "/%00", "/..%2f..%2fetc/passwd", "/mes-demandes/%ff",
]  # fmt: skip


async def test_an_odd_address_is_answered_with_a_page_of_ours(customer):
    for address in ODD_ADDRESSES:
        answer = await customer.page.request.get(address)
        assert answer.status in {200, 400, 404, 422}, f"{address}: {await answer.text()}"


async def test_a_form_of_another_site_is_refused(owner, number):
    await owner.opens(number)
    fields = await fields_of(owner.page, f"/mes-demandes/{number}")
    answer = await owner.page.request.post(
        f"/mes-demandes/{number}",
        form={**fields, "text": "Bonjour", "answer": "send"},
        headers={"Origin": "https://example.net", "Sec-Fetch-Site": "cross-site"},
    )

    assert answer.status == 403
    assert "ce formulaire vient d’un autre site" in await answer.text()
    assert len((await owner.account.get(f"/api/tickets/{number}"))["messages"]) == 1


async def test_a_form_without_its_token_changes_nothing(owner, number):
    await owner.opens(number)
    answer = await owner.page.request.post(
        f"/mes-demandes/{number}", form={"text": "Bonjour", "answer": "send"}
    )

    assert answer.ok
    assert "ce formulaire n’était pas le vôtre" in await answer.text()
    assert len((await owner.account.get(f"/api/tickets/{number}"))["messages"]) == 1


async def fields_of(page: Page, action: str) -> dict[str, str]:
    """The fields of a form as the browser would send them now."""
    return await page.evaluate(
        """(action) => Object.fromEntries(
            new FormData(document.querySelector(`form[action="${action}"]`)))""",
        action,
    )


# --- The counter -------------------------------------------------------------------------------


CHARACTER = "Caractère {} : « {} » n’est ni un chiffre ni une lettre de A à Z."
WRONG_NUMBERS = {
    "PHBQ74K2M910XT": "Il manque 1 caractère : un numéro de série en compte 15.",
    "PHBQ74K2M910XTDD": "Il y a 1 caractère de trop : un numéro de série en compte 15.",
    "PHBQ74É2M910XTD": CHARACTER.format(7, "É"),
    "PHBQ74ß2M910XTD": CHARACTER.format(7, "ß"),
    "PHBQ74ı2M910XTD": CHARACTER.format(7, "ı"),
    "PHBQ74K２M910XTD": CHARACTER.format(8, "２"),
}


async def test_a_wrong_serial_number_is_named_by_character_and_place(
    seller, customer_account, product
):
    await seller.goes_on_with_sale(customer_account, product)
    for typed, words in WRONG_NUMBERS.items():
        await seller.serial_field.fill(typed)
        await seller.serial_field.press("Enter")

        await expect(seller.serial_field).to_have_accessible_description(spoken(words))
        await expect(seller.serial_field).to_have_value(re.compile(typed, re.IGNORECASE))
        await seller.page.keyboard.press("Control+Enter")
        await seller.reads_title("Nouvelle vente")


async def test_a_sale_in_the_future_is_refused_and_the_rest_kept(seller, customer_account, product):
    await seller.goes_on_with_sale(customer_account, product)
    await seller.types_serial_number("PHBQ74K2M910XTD")
    await expect(seller.date_field).to_be_visible()
    await seller.date_field.fill("31/12/2099")
    await seller.date_field.press("Enter")

    await expect(seller.main).to_contain_text("La date de vente ne peut pas être dans le futur.")
    await seller.page.keyboard.press("Control+Enter")
    await seller.reads_title("Nouvelle vente")
    await expect(seller.serial_field).to_have_value("PHBQ74K2M910XTD")
    sales = await seller.account.get(f"/api/sales?customer_id={customer_account.id}")
    assert sales["sales"] == []
