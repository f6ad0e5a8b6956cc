"""A customer's own requests: found again, never asked twice, never a word lost, always true."""

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from playwright.async_api import Locator, Page, Route, expect

from e2e.people import IN_PROGRESS, OPEN, RESOLVED, YOUR_TURN, Customer
from shop import Account, Product, Shop, new_request
from waiting import eventually


async def opens(account: Account, sale_id: str, subject: str) -> int:
    return (await account.post("/api/tickets", new_request(sale_id, subject=subject)))["number"]


async def answers(staff: Account, number: int, text: str) -> None:
    await staff.post(f"/api/tickets/{number}/messages", {"text": text})


@pytest.fixture
async def sales(shop: Shop, product: Product, customer_account: Account) -> list[Any]:
    """Two units that this test's customer bought, as tickets knows by now."""
    sold = [await shop.sell(customer_account, product) for _ in range(2)]

    async def both_are_known() -> None:
        owned = await customer_account.get("/api/tickets/owned-products")
        assert len(owned["owned_products"]) == len(sold)

    await eventually(both_are_known)
    return sold


@pytest.fixture
async def number(sales: list[Any], customer_account: Account) -> int:
    """A request of the customer about the first of them."""
    return await opens(customer_account, sales[0]["id"], "Le voyant reste rouge")


@asynccontextmanager
async def held_back(page: Page, address: str) -> AsyncGenerator[asyncio.Event]:
    """Forms to this address arrive only at the end; the event is set once one has left."""
    is_sent, released = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        if route.request.method == "POST":
            is_sent.set()
            await released.wait()
        await route.continue_()

    await page.route(address, hold)
    yield is_sent
    released.set()


def lines(customer: Customer, heading: str) -> Locator:
    return customer.page.get_by_role("region", name=heading).get_by_role("link")


# --- Finding them again ------------------------------------------------------------------------


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
async def test_what_waits_for_me_comes_first_and_back_shows_what_i_looked_for(
    windows, sales, number, customer_account, technician_account, javascript
):
    other = await opens(customer_account, sales[1]["id"], "Une touche colle au clavier")
    closed = await opens(customer_account, sales[1]["id"], "Écran éteint")
    await answers(technician_account, number, "Depuis quand ?")
    await customer_account.post(f"/api/tickets/{closed}/resolution", status=200)
    she: Customer = await windows.customer(customer_account, javascript=javascript)
    await she.goes_to("/mes-demandes")
    await expect(lines(she, "En attente de votre réponse (1)")).to_contain_text(["voyant"])
    await expect(lines(she, "Vos autres demandes")).to_contain_text(["touche"])
    await she.main.get_by_text("Demandes résolues (1)").click()
    await expect(lines(she, "Vos autres demandes")).to_contain_text(["touche", "Écran"])
    await expect(she.page).to_have_title("(1) Mes demandes · Guichet")

    async def applies(label: str, wanted: str) -> None:
        field = she.field(label)
        if label == "Chercher dans vos demandes":
            await field.fill(wanted)
        else:
            await field.select_option(wanted)
        if not javascript:
            await she.presses("Filtrer")

    await applies("Chercher dans vos demandes", "TOUCHES")
    await expect(lines(she, "Demandes trouvées")).to_contain_text(["touche"])
    await expect(she.page).to_have_url(re.compile(r"/mes-demandes\?r=[\w-]+$"))
    await lines(she, "Demandes trouvées").click()
    await she.reads_title("Une touche colle au clavier")
    await she.page.go_back()
    await expect(she.field("Chercher dans vos demandes")).to_have_value("TOUCHES")

    await applies("Chercher dans vos demandes", "zx81")
    await she.reads("Aucune demande ne correspond à")
    await she.follows("Effacer la recherche")
    await applies("Statut", "Résolues")
    await expect(lines(she, "Demandes trouvées")).to_contain_text(["Écran éteint"])
    if not javascript:  # else it is one entry of the history
        await she.page.go_back()
        await expect(she.field("Statut")).to_have_value("")
        await she.page.go_forward()
        await expect(she.field("Statut")).to_have_value("resolues")
    await she.goes_to(f"/mes-demandes?appareil={sales[1]['id']}&statut=ouvertes")
    await expect(lines(she, "Demandes trouvées")).to_contain_text([f"n° {other}"])
    await applies("Statut", "Tous les statuts")
    await expect(lines(she, "Demandes trouvées")).to_contain_text(["touche", "Écran"])


async def test_more_units_than_are_listed_are_found_by_their_serial_number(
    windows, shop, product, customer_account, sales
):
    """The list of units holds fifty; it says so, and tells what else it is narrowed to."""
    oldest = await shop.sell(customer_account, product, sold_on="2020-01-02")

    async def is_known() -> int:
        answer = await customer_account.call("POST", "/api/tickets", new_request(oldest["id"]))
        assert answer.status_code == 201, answer.text
        return answer.json()["number"]

    number = await eventually(is_known)
    she = await windows.customer(customer_account)
    await she.goes_to("/mes-demandes")
    units = she.field("Appareil").get_by_role("option")
    await expect(units).to_have_count(1 + len(sales) + 1)
    for _ in range(5):  # as many at once as sales has connections for
        await asyncio.gather(*(shop.sell(customer_account, product) for _ in range(10)))

    async def says_so() -> None:
        await expect(units.last).to_have_text(
            "Plus ancien ? Cherchez son n° de série", timeout=1_000
        )

    await she.looks_again_until("/mes-demandes", says_so)
    await expect(units).to_have_count(1 + 50 + 1)
    await expect(units.last).to_be_disabled()
    await she.field("Chercher dans vos demandes").fill(oldest["serial_number"])
    await expect(lines(she, "Demandes trouvées")).to_contain_text([f"n° {number}"])

    await she.goes_to(f"/mes-demandes?appareil={oldest['id']}")
    await expect(she.field("Appareil")).to_have_value(oldest["id"])
    await expect(lines(she, "Demandes trouvées")).to_contain_text([f"n° {number}"])


# --- Asking ------------------------------------------------------------------------------------


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
async def test_a_request_that_is_open_already_is_offered_first_and_never_forced(
    windows, product, sales, number, customer_account, javascript
):
    she: Customer = await windows.customer(customer_account, javascript=javascript)
    await she.goes_to("/mes-demandes")
    help_with = f"Demander de l’assistance pour {product.designation}, {sales[1]['serial_number']}"
    await she.follows(help_with)
    await expect(she.page.get_by_role("radio", name=sales[1]["serial_number"])).to_be_checked()
    await she.goes_to("/mes-appareils")
    mine = she.main.get_by_role("listitem").filter(has_text=sales[0]["serial_number"])
    await expect(mine.get_by_role("link")).to_contain_text(
        [f"Compléter la demande n° {number}", "Demander de l’assistance"]
    )
    await mine.get_by_role("link", name="Demander de l’assistance").click()
    offer = she.main.get_by_text(f"La demande n° {number} est déjà ouverte pour cet appareil.")
    await expect(offer).to_be_visible()
    await she.page.get_by_role("radio", name=sales[1]["serial_number"]).check()
    await expect(offer).to_be_hidden()

    await she.page.get_by_role("radio", name=sales[0]["serial_number"]).check()
    await she.fills("Le problème en une phrase", "Maintenant il clignote")
    await she.fills("Que se passe-t-il ?", "Deux fois par seconde.")
    await she.presses("La compléter")
    await she.reads_title("Le voyant reste rouge")
    text = "Maintenant il clignote\n\nDeux fois par seconde."
    await expect(she.field("Ajouter une précision")).to_have_value(text)
    await she.presses("Envoyer la précision")
    await she.reads_message("Vous", "Deux fois par seconde.")

    await she.goes_to(f"/mes-demandes/nouvelle?appareil={sales[0]['id']}")
    await expect(she.field("Que se passe-t-il ?")).to_have_value("")
    await she.fills("Le problème en une phrase", "Tout autre chose")
    await she.fills("Que se passe-t-il ?", "Une fissure.")
    await she.presses("Envoyer la demande")
    await she.reads_title("Tout autre chose")


async def test_what_another_tab_sends_takes_nothing_from_this_one(
    windows, number, customer_account
):
    she: Customer = await windows.customer(customer_account)
    tab = Customer(await she.page.context.new_page(), customer_account)
    windows.watch(tab.page)
    for each in (she, tab):
        await each.opens(number)
    for each, text in ((she, "Commencé ici"), (tab, "Envoyé là-bas")):
        await each.field("Ajouter une précision").press_sequentially(text)
        await each.sees_draft_saved()
    async with she.page.expect_response("**/brouillon"):
        await tab.presses("Envoyer la précision")
        await tab.reads_message("Vous", "Envoyé là-bas")
    await she.page.reload()
    await she.reads_message("Vous", "Envoyé là-bas")
    await expect(she.field("Ajouter une précision")).to_have_value("Commencé ici")


async def test_what_is_begun_waits_on_the_server_for_any_device(
    windows, sales, number, customer_account
):
    she: Customer = await windows.customer(customer_account)
    await she.goes_to("/mes-demandes/nouvelle")
    await she.page.get_by_role("radio", name=sales[1]["serial_number"]).check()
    await she.fills("Le problème en une phrase", "Commencé ici")
    await she.fills("Que se passe-t-il ?", "Fini là-bas ?")
    await she.sees_draft_saved()
    await she.opens(number)
    await she.field("Ajouter une précision").press_sequentially("À suivre")
    await she.sees_draft_saved()

    phone: Customer = await windows.customer(
        customer_account.elsewhere(), width=390, javascript=False
    )
    await phone.opens(number)
    await expect(phone.field("Ajouter une précision")).to_have_value("À suivre")
    await phone.presses("Envoyer la précision")
    await phone.reads_message("Vous", "À suivre")
    await phone.goes_to(f"/mes-demandes/nouvelle?appareil={sales[0]['id']}")
    await phone.reads("Vous avez commencé une autre demande")
    await expect(phone.field("Que se passe-t-il ?")).to_have_value("")
    await phone.follows("La reprendre")
    await phone.sees_message("Voici le brouillon")
    await expect(phone.page.get_by_role("radio", name=sales[1]["serial_number"])).to_be_checked()
    await expect(phone.field("Que se passe-t-il ?")).to_have_value("Fini là-bas ?")
    await phone.presses("Envoyer la demande")
    await phone.reads_title("Commencé ici")

    # What stands here was sent there: it is the same message, and sent once.
    await she.presses("Envoyer la précision")
    await expect(she.field("Ajouter une précision")).to_have_value("")
    await expect(she.main.get_by_text("À suivre")).to_have_count(1)
    await she.goes_to("/mes-demandes/nouvelle")
    await expect(she.field("Le problème en une phrase")).to_have_value("")


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
async def test_a_last_word_closes_a_request_and_a_request_to_follow_links_both(
    windows, number, customer_account, technician_account, javascript
):
    she: Customer = await windows.customer(customer_account, javascript=javascript)
    await she.opens(number)
    await she.fills("Ajouter une précision", "Le câble était")
    await she.presses("Marquer comme résolue")
    asked = she.page.get_by_role("dialog") if javascript else she.main
    await expect(asked).to_contain_text("une demande de suite la prolonge")
    await expect(asked.get_by_label("Un dernier mot")).to_have_value("Le câble était")
    await asked.get_by_label("Un dernier mot").fill("Le câble était débranché.")
    await asked.get_by_role("button", name="Marquer comme résolue").click()
    await she.reads_message("Vous", "Le câble était débranché.")
    await she.can_say_nothing_more()

    await she.follows("Créer une demande de suite")
    await she.reads_title("Demande de suite")
    await expect(she.field("Le problème en une phrase")).to_have_value("Le voyant reste rouge")
    await expect(she.page.get_by_role("radio")).to_have_count(0)
    await she.fills("Que se passe-t-il ?", "Il est rouge de nouveau.")
    await she.presses("Envoyer la demande")
    await she.sees_message("envoyée")
    following = int(she.page.url.rpartition("/")[2])
    await she.follows(f"demande n° {number}")
    await she.follows(f"la demande n° {following}")
    await she.sees_status(OPEN)
    received = await technician_account.get(f"/api/tickets/{following}")
    assert received["ticket"]["follows"] == number


# --- While it is read --------------------------------------------------------------------------


async def test_an_answer_joins_the_exchange_and_moves_nothing(
    windows, number, customer_account, technician_account
):
    she: Customer = await windows.customer(customer_account)
    home: Customer = await windows.customer(customer_account.elsewhere())
    await home.goes_to("/mes-demandes")
    await she.opens(number)
    await she.field("Ajouter une précision").press_sequentially("Je disais donc")
    await she.sees_draft_saved()
    field = she.page.locator("#text")
    before = await field.bounding_box()
    announced = await she.hears("#news")
    await answers(technician_account, number, "Débranchez-le.\n\n" + "Puis attendez.\n\n" * 9)

    await she.reads_message("Claire Vasseur", "Débranchez-le.")
    await she.sees_status(YOUR_TURN)
    # Some seconds later it has been seen, and goes away.
    assert await announced() == ["Claire Vasseur vient de répondre\u00a0: afficher"]
    await expect(field).to_be_focused()
    await expect(field).to_have_value("Je disais donc")

    async def stays() -> None:
        after = await field.bounding_box()
        assert before
        assert after
        assert abs(after["y"] - before["y"]) < 2

    await eventually(stays)
    await home.sees_message("1 nouvelle réponse")
    await expect(home.page).to_have_title("(1) Mes demandes · Guichet")
    await expect(lines(home, "Vos demandes")).to_have_count(1)
    shows = home.page.get_by_role("button", name="1 nouvelle réponse")
    async with held_back(home.page, "**/mes-demandes") as is_sent:
        await home.fills("Chercher dans vos demandes", "zx81")
        await is_sent.wait()
        await shows.click()
        await expect(lines(home, "En attente de votre réponse (1)")).to_have_count(1)
    await home.reads("Aucune demande ne correspond à")
    await home.fills("Chercher dans vos demandes", "")
    await expect(lines(home, "En attente de votre réponse (1)")).to_have_count(1)

    await she.presses("Envoyer la réponse")
    await she.is_warned("Claire Vasseur vient de répondre à cette demande.")
    await she.reads("Arrivé pendant que vous écriviez")
    await expect(she.page.locator("#text")).to_have_value("Je disais donc")
    await she.presses("Envoyer quand même")
    await she.reads_message("Vous", "Je disais donc")

    await she.page.locator("#text").press_sequentially("Trop tard")
    await technician_account.post(f"/api/tickets/{number}/resolution", status=200)
    await she.sees_status(RESOLVED)
    shows = home.page.get_by_role("button", name="Votre liste a changé : afficher")
    await expect(shows).to_be_visible()
    await home.fills("Chercher dans vos demandes", "zx81")
    await home.reads("Aucune demande ne correspond à")
    await expect(shows).to_have_count(0)  # it would show all of them below the search
    await she.finds_unsent("Trop tard")
    await she.can_say_nothing_more()


async def test_a_long_exchange_opens_at_what_is_new_and_earlier_words_come_on_demand(
    windows, number, customer_account, technician_account
):
    for count in range(30):
        await answers(technician_account, number, f"Réponse numéro {count + 1}.")
    address = f"{windows.base_url}/mes-appareils"
    word = {"text": f"Voyez « {address} »."}
    await customer_account.post(f"/api/tickets/{number}/messages", word)
    for count in range(30, 32):
        await answers(technician_account, number, f"Réponse numéro {count + 1}.")
    she: Customer = await windows.customer(customer_account)
    await she.goes_to("/mes-demandes")
    line = lines(she, "En attente de votre réponse (1)")
    await expect(line).to_contain_text([f"n° {number}"])
    await expect(line).to_contain_text(["En cours de traitement"])
    await line.click()
    await expect(she.main.get_by_text("Nouveau", exact=True)).to_be_in_viewport()
    await expect(she.main.get_by_text("Réponse numéro 31.")).to_be_in_viewport()
    await she.opens(number)
    await expect(she.main.get_by_text("Réponse numéro 31.")).to_be_in_viewport()
    await she.sees_status(IN_PROGRESS)
    await she.sees_status(YOUR_TURN)
    async with she.page.context.expect_page() as opened:
        await she.follows(address, exact=False)
    apart = await opened.value
    await apart.wait_for_url(address)
    assert await apart.evaluate("[window.opener, document.referrer]") == [None, ""]
    await apart.close()
    messages = she.main.get_by_role("article")
    await expect(messages).to_have_count(30)
    await she.follows("Messages précédents")
    await expect(messages).to_have_count(34)
    await expect(messages.first).to_contain_text("L’imprimante se bloque")
    await expect(she.page.get_by_role("link", name="Messages précédents")).to_have_count(0)

    plain: Customer = await windows.customer(customer_account.elsewhere(), javascript=False)
    await plain.opens(number)
    await plain.follows("Messages précédents")
    await expect(plain.main.get_by_role("article")).to_have_count(4)
    await plain.follows("Derniers messages")
    await plain.goes_to("/mes-demandes")
    await lines(plain, "En attente de votre réponse (1)").click()
    await expect(plain.main.get_by_text("Réponse numéro 32.")).to_be_in_viewport()
