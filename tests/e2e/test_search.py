"""The one search box: what it finds, for whom, and by the keyboard alone."""

import re
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Locator, Route, expect

from e2e.people import Customer, Person, Staff, spoken
from e2e.windows import Windows
from shop import Account, Product, Shop, new_request, serial_number
from waiting import eventually

# Words that nobody else's requests hold.
SUBJECT = "Bruit de fond au réveil"
SAID = "Les hélicons ronronnaient déjà hier, près du zébrinotron."
NOTE = "Le zébrinotron est en rappel constructeur, ne rien promettre."
HERS = "Un zébrinotron chez moi aussi"


@dataclass(kw_only=True)
class Case:
    """Two customers who write of the same thing, and a note that neither may see."""

    owner: Account
    other: Account
    number: int
    others: int
    unit: str
    others_unit: str
    sold: str
    others_sold: str
    cancelled: str
    product: Product


@pytest.fixture(scope="session")
async def case(shop: Shop, technician_account: Account) -> Case:
    # Its reference does not begin like a number of a request.
    product = await shop.product("10AAM9901")
    people = [await shop.register("Nathalie", "Hélicon"), await shop.register("Basile", "Voisin")]
    units = [serial_number(), serial_number()]
    numbers, sold = [], []
    for account, unit, subject, text in zip(
        people, units, (SUBJECT, HERS), (SAID, HERS), strict=True
    ):
        sale = await shop.sell(account, product, serial_number=unit)
        sold.append(sale["number"])
        numbers.append(await opens(account, sale["id"], subject=subject, description=text))
    mistaken = await shop.sell(people[0], product)
    await technician_account.post(
        f"/api/sales/{mistaken['id']}/cancellation", {"reason": "Erreur de saisie"}, status=200
    )
    await technician_account.post(f"/api/tickets/{numbers[0]}/notes", {"text": NOTE})
    return Case(
        owner=people[0],
        other=people[1],
        number=numbers[0],
        others=numbers[1],
        unit=units[0],
        others_unit=units[1],
        sold=sold[0],
        others_sold=sold[1],
        cancelled=mistaken["number"],
        product=product,
    )


async def opens(account: Account, sale_id: str, **more: Any) -> int:
    async def once_known() -> int:
        answer = await account.call("POST", "/api/tickets", new_request(sale_id, **more))
        assert answer.status_code == 201, answer.text
        return answer.json()["number"]

    return await eventually(once_known)


def box(person: Person) -> Locator:
    return person.page.get_by_role("combobox", name="N° de demande, n° de série")


def results(person: Person) -> Locator:
    return person.page.get_by_role("listbox", name="Résultats").get_by_role("option")


async def looks_for(person: Person, text: str) -> None:
    """Again where a service takes more than a moment: the list does without it, and says so."""
    pop = person.page.locator("#search-found:not([aria-busy])")

    async def is_answered_by_all() -> None:
        await box(person).fill("")
        await box(person).fill(text)
        await expect(pop.filter(has_text="résultat").or_(pop.filter(has_text=text))).to_be_visible()
        assert not await pop.filter(has_text="Sans réponse pour l’instant").count()

    await eventually(is_answered_by_all)


async def test_staff_find_numbers_people_and_words_by_the_keyboard_alone(technician, case):
    await technician.goes_to("/demandes")
    await technician.page.keyboard.press("Control+k")
    await expect(box(technician)).to_be_focused()
    await looks_for(technician, f"n°{case.number}")
    await expect(results(technician).first).to_contain_text(SUBJECT)
    await expect(results(technician).first).to_have_attribute("aria-selected", "true")

    await looks_for(technician, case.unit.lower())
    exact = technician.page.get_by_role("group", name="Par numéro").get_by_role("option")
    await expect(exact).to_contain_text([SUBJECT, "Vente du"])
    await looks_for(technician, f"n° de série : {case.unit[:5]}-{case.unit[5:]}")
    await expect(exact).to_contain_text([SUBJECT, "Vente du"])
    await looks_for(technician, case.cancelled.lower().replace("-", " "))
    await expect(exact).to_contain_text([f"{case.cancelled} Vente du"])
    await expect(exact).to_contain_text(["Vente annulée"])

    await looks_for(technician, "helicon nathalie")
    people = technician.page.get_by_role("group", name="Clients").get_by_role("option")
    await expect(people).to_contain_text(["Nathalie Hélicon"])
    await expect(people.locator("mark").first).to_have_text("Nathalie")
    received = spoken(f"1 demande à suivre : n° {case.number}")
    await expect(people.filter(has_text=received)).to_be_visible()
    about = technician.page.get_by_role("group", name="Dans les demandes").get_by_role("option")
    await looks_for(technician, "helicon 10AAM9901")
    await expect(about).to_contain_text([SUBJECT])

    await looks_for(technician, "RONRONNER hélicon")
    found = technician.page.get_by_role("group", name="Dans les demandes").get_by_role("option")
    await expect(found).to_contain_text(["ronronnaient déjà hier"])
    await expect(found.locator("mark").filter(has_text="hélicons")).to_be_visible()

    await looks_for(technician, "zebrinotron")
    await expect(found).to_have_count(2)
    await expect(found.filter(has_text="note interne")).to_contain_text("rappel constructeur")
    await box(technician).press("ArrowDown")
    await box(technician).press("ArrowUp")
    await box(technician).press("Escape")
    await expect(results(technician)).to_have_count(0)
    await box(technician).press("Escape")
    await expect(box(technician)).to_be_hidden()

    await technician.page.keyboard.press("Control+k")
    await looks_for(technician, case.unit)
    await box(technician).press("Enter")
    await expect(technician.page.get_by_role("heading", name=SUBJECT)).to_be_visible()
    assert case.unit not in technician.page.url


@pytest.mark.parametrize("width", [1440, 390], ids=["desktop", "phone"])
async def test_a_customer_finds_their_own_alone_and_no_note(windows, case, width):
    she: Customer = await windows.customer(case.owner, width=width)
    await she.goes_to("/mes-demandes")
    await she.page.get_by_role("link", name="Rechercher").click()
    await looks_for(she, "zebrinotron")
    await expect(results(she)).to_have_count(1)
    await expect(results(she)).to_contain_text(["Les hélicons ronronnaient"])
    others = (f"{case.others}", case.others_unit, case.others_sold)
    for text in ("rappel constructeur", HERS, "Basile Voisin", case.cancelled, *others):
        await looks_for(she, text)
        await expect(she.page.locator("#search-found")).to_contain_text("Rien ne correspond")

    await looks_for(she, case.unit[3:9])
    mine = she.page.get_by_role("group", name="Vos appareils").get_by_role("option")
    await expect(mine).to_contain_text([case.unit])
    await looks_for(she, f"Vente n° {case.sold.lower().replace('-', ' ')}")
    await expect(mine).to_have_count(1)
    await expect(mine).to_contain_text([case.unit])
    await looks_for(she, str(case.number))
    await results(she).first.click()
    await she.reads_title(SUBJECT)


async def test_a_customer_searches_without_script_and_finds_nothing_of_others(windows, case):
    he: Customer = await windows.customer(case.other, javascript=False)
    await he.goes_to("/mes-demandes")
    await he.follows("Rechercher : Demande, appareil, n° de série Ctrl K")
    label = "N° de demande, n° de série, appareil ou mots de l’échange"
    for text in (SUBJECT, "rappel constructeur", case.unit, f"n° {case.number}"):
        await he.fills(label, text)
        await he.presses("Rechercher")
        await expect(he.main.get_by_role("status")).to_have_text(
            spoken(f"Rien ne correspond à « {text} ».")
        )
    await he.fills(label, "zébrinotrons")
    await he.presses("Rechercher")
    await expect(he.main.get_by_role("link")).to_have_count(1)
    await expect(he.main.locator("mark").first).to_have_text("zébrinotron")
    assert "recherche" in he.page.url
    assert "z%C3%A9" not in he.page.url
    await he.main.get_by_role("link").click()
    await he.reads_title(HERS)


async def test_nobody_searches_without_being_signed_in_nor_in_anothers_name(windows, shop, case):
    """The page's token, the session and the role decide; nothing that is sent along does."""
    she: Customer = await windows.customer(case.other)
    await she.goes_to("/recherche")
    token = await she.page.locator('[name="form_token"]').first.get_attribute("value")
    asked: dict[str, Any] = {"text": "zebrinotron", "form_token": token or ""}
    for more in (
        {"staff": "1", "role": "technician", "customer_id": case.owner.id},
        {"after": "x"},
        {"limit": "1000", "kind": "note"},
    ):
        answer = await she.page.request.post("/recherche", form={**asked, **more})
        assert "ronronn" not in await answer.text()
        assert "constructeur" not in await answer.text()
    forged = {"X-Guichet-Person": case.owner.id}
    answer = await she.page.request.post("/recherche", form=asked, headers=forged)
    assert answer.status == 401
    stranger = await windows.visitor()
    answer = await stranger.page.request.post("/recherche", form=asked)
    assert "ronronn" not in await answer.text()

    body = {"text": "zebrinotron", "limit": 25}
    mine = await case.other.post("/api/tickets/search", body, status=200)
    assert [found["ticket"]["number"] for found in mine["found"]] == [case.others]
    for path, body in (
        ("/api/identity/customers/search", {"text": "Nathalie"}),
        ("/api/sales/search", {"text": case.unit}),
    ):
        assert (await case.other.call("POST", path, body)).status_code == 403


# --- Without an answer -------------------------------------------------------------------------


async def test_a_search_that_is_not_answered_says_why_where_it_was_asked(
    windows, technician, closed
):
    """The connection, tickets, or a page of the gateway's own: the text stays."""
    page = technician.page
    label = "N° de demande, n° de série, client, produit ou mots de l’échange"
    await technician.goes_to("/recherche")
    address, alert = page.url, technician.main.get_by_role("alert")
    await page.context.set_offline(True)
    await technician.fills(label, "zebrinotron")
    await technician.presses("Rechercher")
    await expect(alert).to_contain_text("Rien n’est envoyé. La connexion est coupée")
    await expect(page.locator("[aria-busy]")).to_have_count(0)

    await page.context.set_offline(False)
    await eventually(lambda: is_logged(windows))
    windows.complaints.clear()
    await technician.presses("Réessayer")
    await expect(alert).to_contain_text("momentanément")
    await expect(page.locator("#unsent-notice")).to_have_count(0)
    await expect(technician.field(label)).to_have_value("zebrinotron")
    assert page.url == address

    async def refuse(route: Route) -> None:
        if "hx-request" in route.request.headers:
            await route.fulfill(status=429, content_type="text/html", body="<h1>Trop</h1>")
        else:
            await route.continue_()

    await page.route("**/recherche", refuse)
    await technician.presses("Rechercher")  # and plainly, since the answer is no part of the page
    await page.wait_for_url("**/recherche?r=*")
    await expect(alert).to_contain_text("momentanément")
    await expect(technician.field(label)).to_have_value("zebrinotron")

    await technician.goes_to("/clients")
    await page.context.set_offline(True)
    await technician.fills("E-mail, nom ou prénom", "heli")
    await expect(alert).to_contain_text("La liste n’est pas à jour. La connexion est coupée.")
    await page.context.set_offline(False)
    windows.complaints.clear()
    await page.route("**/clients", refuse)
    await technician.fills("E-mail, nom ou prénom", "helicon")
    await expect(alert).to_contain_text("La liste n’est pas à jour. Le guichet ne répond pas")
    await expect(technician.field("E-mail, nom ou prénom")).to_be_focused()
    await expect(technician.main.get_by_role("table")).to_be_visible()
    await page.unroute("**/clients")
    await technician.presses("Réessayer")
    await expect(page).to_have_url(re.compile("r="))
    await expect(alert).to_have_count(0)

    pasted = "zébrinotron" * 7_000  # by mistake: more than any route takes
    await technician.fills("E-mail, nom ou prénom", pasted)
    await expect(alert).to_contain_text("La liste n’est pas à jour. Ce texte est trop long")
    await page.keyboard.press("Control+k")
    await box(technician).fill(pasted)
    await expect(page.locator("#search-found")).to_contain_text("Ce texte est trop long")


async def is_logged(windows: Windows) -> None:
    [logged] = windows.complaints
    assert "htmx:error: Failed to fetch" in logged


# --- Back --------------------------------------------------------------------------------------


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no script"])
async def test_back_shows_every_search_again(windows, case, technician_account, javascript):
    """Each with its own text and results; no address holds what was searched."""
    karim: Staff = await windows.staff(technician_account, javascript=javascript, zone="Asia/Tokyo")
    everywhere = "N° de demande, n° de série, client, produit ou mots de l’échange"
    sold = "Numéro de série, client, produit ou n° de vente"
    await karim.goes_to("/recherche")
    await marks_summary(karim)
    await searches(karim, everywhere, "zébrinotron rappel")
    await searches(karim, everywhere, "ronronner hélicon")
    await expect(summary_of(karim)).to_contain_text("1 résultat")
    if javascript:
        assert await is_same_summary(karim)
        await expect(karim.main.locator("time").first).to_contain_text("(Paris)")
    await leaves_and_comes_back(karim, everywhere, "ronronner hélicon", found=SUBJECT)
    await karim.page.go_back()
    await expect(karim.field(everywhere)).to_have_value("zébrinotron rappel")
    await expect(karim.main.get_by_role("link").first).to_contain_text("note interne")

    await karim.goes_to("/ventes")
    await searches(karim, sold, case.unit)
    await leaves_and_comes_back(karim, sold, case.unit, found="V-")
    await karim.goes_to("/clients")
    await marks_summary(karim)
    await searches(karim, "E-mail, nom ou prénom", "helicon nath")
    await expect(summary_of(karim)).to_contain_text("1 client correspond")
    assert not javascript or await is_same_summary(karim)
    await leaves_and_comes_back(karim, "E-mail, nom ou prénom", "helicon nath", found="Hélicon")

    she: Customer = await windows.customer(case.owner, javascript=javascript)
    mine = "N° de demande, n° de série, appareil ou mots de l’échange"
    await she.goes_to("/recherche")
    await searches(she, mine, "zebrinotron")
    await leaves_and_comes_back(she, mine, "zebrinotron", found=SUBJECT)
    await she.goes_to("/mes-demandes")
    await she.fills("Chercher dans vos demandes", "zebrinotron")
    if javascript:
        await she.page.wait_for_url("**/mes-demandes?r=*")
    else:
        await she.presses("Filtrer")
    assert "zebrinotron" not in she.page.url
    await leaves_and_comes_back(she, "Chercher dans vos demandes", "zebrinotron", found=SUBJECT)


async def searches(person: Person, label: str, text: str) -> None:
    before = person.page.url
    await person.fills(label, text)
    await person.presses("Rechercher")
    await person.page.wait_for_url(lambda address: address != before)
    await expect(person.field(label)).to_have_value(text)
    assert text.split(maxsplit=1)[0] not in person.page.url


def summary_of(person: Person) -> Locator:
    return person.main.get_by_role("status")


async def marks_summary(person: Person) -> None:
    """Screen readers speak what changes within the line that was there, and not a new line."""
    await summary_of(person).evaluate("line => { line.isStillThere = true }")


async def is_same_summary(person: Person) -> bool:
    return await summary_of(person).evaluate("line => line.isStillThere === true")


async def leaves_and_comes_back(person: Person, label: str, text: str, *, found: str) -> None:
    address = person.page.url
    await person.main.get_by_role("link").filter(has_text=found).first.click()
    await person.page.wait_for_url(lambda now: now != address)
    await person.page.go_back()
    await expect(person.page).to_have_url(address)
    await expect(person.field(label)).to_have_value(text)
    await expect(person.main.get_by_role("link").filter(has_text=found).first).to_be_visible()


async def test_back_opens_the_box_again_over_the_page_it_was_opened_on(windows, case, shop):
    """With what was typed there, which the history of this browser alone holds, for its reader."""
    she: Customer = await windows.customer(case.owner)
    await she.goes_to("/mes-demandes")
    await she.page.get_by_role("link", name="Rechercher").click()
    await looks_for(she, "zebrinotron")
    await box(she).press("Enter")
    await she.reads_title(SUBJECT)
    await she.page.go_back()
    await expect(box(she)).to_have_value("zebrinotron")
    await expect(results(she)).to_contain_text(["Les hélicons ronronnaient"])
    await box(she).press("Escape")  # closes the list
    await box(she).press("Escape")
    await expect(box(she)).to_be_hidden()
    await she.goes_to("/mes-appareils")
    await she.page.go_back()
    await expect(she.page.get_by_role("heading", name="Bonjour")).to_be_visible()
    await expect(box(she)).to_be_hidden()
