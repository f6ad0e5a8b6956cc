"""The technicians' desk: queues, an exchange, what others do meanwhile, and nothing lost."""

import asyncio
import re
from datetime import datetime
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.async_api import Locator, Page, Route, expect

from e2e.people import OPEN, RESOLVED, WAITING, Staff, spoken
from e2e.test_pages import finds_no_violation, fits, turns
from e2e.windows import TALL, THEMES
from shop import Account, Product, Shop, new_request
from waiting import eventually

SHOP = ZoneInfo("Europe/Paris")


@pytest.fixture(scope="session")
async def she(shop: Shop, product: Product) -> Account:
    """A customer who owns something."""
    account = await shop.register("Nathalie", "Rousseau")
    await shop.sell(account, product)

    async def knows() -> None:
        assert (await account.get("/api/tickets/owned-products"))["owned_products"]

    await eventually(knows)
    return account


@pytest.fixture(scope="session")
async def karim(shop: Shop) -> Account:
    """A colleague of Claire's."""
    return await shop.hire("technician", "Karim", "Benali")


async def asks(customer: Account, subject: str = "Bourrage papier récurrent") -> int:
    """Through the API; the number of the new request."""
    [owned, *_] = (await customer.get("/api/tickets/owned-products"))["owned_products"]
    body = new_request(owned["sale_id"], subject=subject)
    return (await customer.post("/api/tickets", body))["number"]


async def says(author: Account, number: int, text: str) -> None:
    await author.post(f"/api/tickets/{number}/messages", {"text": text})


@pytest.fixture
async def number(she: Account) -> int:
    """A new request of hers."""
    return await asks(she)


async def opens(who: Staff, number: int, anchor: str = "") -> None:
    await who.goes_to(f"/demandes/{number}{anchor}")
    await expect(who.exchange).to_be_visible()


# Of a mark: its sign, and its colours.
LOOKS = """(mark) => [
    mark.querySelector("use").getAttribute("href"),
    getComputedStyle(mark).color + " on " + getComputedStyle(mark).backgroundColor,
]"""

# Of the sign of a queue's line: its colour to what is around it, and its tick's to its own.
CONTRASTS = """(line) => {
    const pen = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
        .getContext("2d", { willReadFrequently: true });
    const paint = (color) => {
        pen.fillStyle = color;
        pen.fillRect(0, 0, 1, 1);
        const light = [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3).map((part) =>
            part <= 10 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
        return 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2];
    };
    const ratio = (one, other) =>
        (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    const sign = line.querySelector(".qitem__stub .icon");
    const tick = sign.appendChild(document.createElementNS(sign.namespaceURI, "g"));
    tick.style.color = "var(--surface)";  // as the drawing has it
    const [circle, stroke] = [sign, tick].map((part) => getComputedStyle(part).color);
    tick.remove();
    let around;
    for (const part of [document.body, line, line.querySelector(".qitem__stub")])
        around = paint(getComputedStyle(part).backgroundColor);
    return [ratio(paint(circle), around), ratio(paint(stroke), paint(circle))];
}"""


def answer_to(who: Staff, customer: Account) -> Locator:
    return who.page.get_by_role("textbox", name=f"Votre réponse à {customer.name}")


def news(who: Staff) -> Locator:
    return who.page.get_by_role("status").filter(has_text="vient de")


async def top_of(part: Locator) -> float:
    box = await part.bounding_box()
    assert box is not None
    return box["y"]


async def stays(part: Locator, top: float, *, within: float) -> None:
    """Where it was; a page that has to grow for that does so with its next frames."""

    async def is_there() -> None:
        assert await top_of(part) == pytest.approx(top, abs=within)

    await eventually(is_there)


async def messages_of(who: Account, number: int) -> list[str]:
    return [each["text"] for each in (await who.get(f"/api/tickets/{number}"))["messages"]]


# --- The queue --------------------------------------------------------------------------------

# What a line says by itself: neither its number nor what people have written.
OWN_WORDS = """line => {
  const own = line.cloneNode(true);
  for (const given of own.querySelectorAll("[dir=auto], .no")) given.remove();
  return own.textContent;
}"""


async def test_the_queue_is_narrowed_and_sorted_in_the_address_bar(
    technician, she, karim, product, number
):
    await technician.account.call("PUT", f"/api/tickets/{number}/priority", {"priority": "urgent"})
    await says(karim, number, "Depuis quand ?")

    async def is_known() -> None:
        names = await technician.account.get("/api/tickets/staff")
        assert karim.id in [member["id"] for member in names["staff"]]

    await eventually(is_known)
    await technician.goes_to("/demandes?vue=en-cours")
    await technician.page.locator("summary", has_text="Filtrer").click()
    filters = technician.page.locator("[data-filters]")
    await filters.get_by_role("combobox", name="Produit").press_sequentially(product.reference)
    await filters.get_by_role("option").filter(has_text=product.designation).click()
    await filters.get_by_label("Priorité").select_option("Urgente")
    await filters.get_by_label("Réponse de").select_option(karim.id)
    opened_on = datetime.now(SHOP).date()
    await filters.get_by_label("Ouverte du").fill(opened_on.isoformat())
    await filters.get_by_role("button", name="Filtrer").click()

    line = technician.line(number)
    await expect(line).to_contain_text("Urgente")
    await expect(line).to_contain_text(product.designation)
    moments = re.findall(
        r"\d\s(?:min|h|j)\b|aujourd’hui|hier|\d/\d|\b20\d\d", await line.evaluate(OWN_WORDS)
    )
    assert len(moments) == 1, "since when, and no date beside it"
    await expect(technician.page).to_have_url(re.compile("priorite=urgente.*du=.*par="))
    await technician.page.get_by_text("Récentes", exact=True).click()
    await technician.follows("Les plus urgentes d’abord")
    await expect(technician.page).to_have_url(re.compile("tri=priorite"))
    await expect(line).to_be_visible()

    # The counts are those of what is left, each filter has its name, and each can be taken off.
    counts = technician.queue.get_by_role("navigation", name="Files").get_by_role("link")
    await expect(counts).to_have_text(
        ["0 À traiter", "0 Ouvertes", "1 En cours", "1 dont attente client", "0 Résolues"],
        use_inner_text=True,
    )
    tools = technician.page.get_by_label("Filtres, tri et légende")
    await tools.get_by_role("link", name="Non lues").click()
    await technician.reads("Aucune demande ne correspond.")
    for named in (
        "Non lues",
        product.designation,
        "Priorité urgente",
        f"Ouverte du {opened_on:%d/%m/%Y}",
        "Réponse de Karim Benali",
    ):
        await tools.get_by_role(
            "link", name=f"{named} : retirer ce filtre".replace(" :", "\u00a0:")
        ).click()
    await expect(tools.get_by_role("link", name="retirer ce filtre")).to_have_count(0)
    await expect(technician.page).to_have_url(re.compile(r"\?vue=en-cours&tri=priorite$"))
    await tools.get_by_label("Légende").first.click()
    await expect(tools.get_by_role("region", name="Légende")).to_contain_text(
        "dont celles en attente du client"
    )
    await finds_no_violation(technician.page)


async def test_what_nobody_has_opened_is_marked_and_counted_in_the_title(
    technician, windows, she, karim, number
):
    await technician.goes_to("/demandes?vue=ouvertes&tri=recentes")
    line = technician.line(number)
    await expect(line).to_contain_text("message que personne n’a ouvert")
    await expect(technician.page).to_have_title(re.compile(r"^\(\d+\+?\) Demandes"))

    colleague = await windows.staff(karim)
    await opens(colleague, number, "?vue=ouvertes&tri=recentes")

    await expect(line).not_to_contain_text("message que personne n’a ouvert")

    # Also when the customer has resolved it before anybody looked: its tick is seen.
    ended = await asks(she)
    await she.post(f"/api/tickets/{ended}/resolution", status=200)
    await technician.goes_to("/demandes?vue=resolues")
    line = technician.line(ended)
    await expect(line).to_contain_text("message que personne n’a ouvert")
    for theme in THEMES:
        await turns(technician.page, theme)
        assert min(await line.evaluate(CONTRASTS)) >= 3, theme


async def test_further_requests_come_below_and_the_arrows_walk_the_queue(technician, she, product):
    for _ in range(26):
        last = await asks(she, "Une de plus")
    await technician.goes_to("/demandes?vue=ouvertes&tri=recentes")
    lines = technician.queue.get_by_role("listitem")
    first = lines.first.get_by_role("link")
    await expect(first).to_contain_text(f"n° {last}")
    following = technician.queue.get_by_role("link", name="Suivantes")
    await technician.goes_to(await following.get_attribute("href") or "")  # also a page by itself
    await expect(lines.first).to_contain_text(f"n° {last - 25}")
    await technician.goes_to("/demandes?vue=ouvertes&tri=recentes")
    await following.click()
    await expect(lines.nth(25)).to_be_visible()
    await expect(lines.nth(25).get_by_role("link")).to_be_focused()

    # What is opened from further down leaves the queue as it is, also when there is news.
    await lines.nth(25).get_by_role("link").click()
    await technician.has_opened(last - 25)
    await asks(she, "Encore une")
    news = technician.queue.get_by_role("button", name="1 nouvelle demande : afficher")
    await expect(news).to_be_visible()
    await expect(technician.queue.get_by_text("Sortie de cette file")).to_have_count(0)

    await first.focus()
    await technician.page.keyboard.press("ArrowDown")
    await technician.page.keyboard.press("ArrowDown")
    await technician.page.keyboard.press("ArrowUp")
    await technician.page.keyboard.press("Enter")
    await expect(technician.page).to_have_url(re.compile(f"/demandes/{last - 1}"))


# --- One request ------------------------------------------------------------------------------


async def test_a_request_opened_from_the_queue_comes_alone_and_back_and_reload_find_it(
    technician, she
):
    first, second = await asks(she), await asks(she)
    await technician.goes_to("/demandes?vue=ouvertes&tri=recentes")
    asked: list[str] = []
    technician.page.on(
        "request",
        lambda sent: asked.append(urlsplit(sent.url).path) if sent.method == "GET" else None,
    )
    for number in (first, second):
        await technician.line(number).click()
        await technician.has_opened(number)
    assert {f"/demandes/{number}/ouverte" for number in (first, second)} <= set(asked)
    assert not {f"/demandes/{number}" for number in (first, second)} & set(asked)

    await technician.page.go_back()
    await technician.has_opened(first)
    await answer_to(technician, she).fill("Un début de réponse")
    await technician.line(second).click()
    await technician.has_opened(second)
    await expect(answer_to(technician, she)).to_have_value("")
    await technician.page.go_back()
    await technician.has_opened(first)
    await expect(answer_to(technician, she)).to_have_value("Un début de réponse")
    await technician.page.reload()
    await technician.has_opened(first)
    await expect(answer_to(technician, she)).to_have_value("Un début de réponse")
    await technician.page.go_back()
    await expect(technician.page).to_have_url(re.compile(r"/demandes\?vue=ouvertes"))
    await expect(technician.exchange).to_have_count(0)


async def test_who_what_and_which_number_stand_above_a_request_at_every_width(
    technician, shop, product
):
    """And all that is known around it: beside it, or in a drawer where there is no room."""
    neighbour = await shop.register("Bartholomäus-Maximilian-Jr.", "Wolfeschlegelsteinhausenber")
    await shop.sell(neighbour, product)
    ended = await eventually(lambda: asks_once_owned(neighbour))
    resolution = {"text": "Mettez à jour le micrologiciel."}
    await technician.account.post(f"/api/tickets/{ended}/resolution", resolution, status=200)
    number, other = await asks(neighbour, "W" * 100), await asks(neighbour, "e" + "\u0301" * 60)
    await says(technician.account, number, "Depuis quand ?")
    owned = (await technician.account.get(f"/api/tickets/{number}"))["ticket"]["product"]

    page = technician.page
    await opens(technician, number)
    head = page.locator(".desk__head")
    opener = page.get_by_role("button", name="Client et produit")
    beside = page.get_by_role("complementary", name="Contexte")
    drawer = page.get_by_role("dialog", name="Client et produit")
    for width in (390, 640, 768, 900, 1024, 1200, 1280, 1440):
        await page.set_viewport_size({"width": width, "height": TALL})
        await fits(page)
        tops = []
        for part in (neighbour.name, owned["designation"], owned["serial_number"]):
            await expect(head.get_by_text(part)).to_be_in_viewport()
            tops.append(await top_of(head.get_by_text(part)))
        assert max(tops) - min(tops) < 6, f"one line at {width}"
        if width >= 1280:
            await expect(opener).to_be_hidden()
            await expect(beside).to_be_in_viewport()
            continue
        await expect(beside).to_be_hidden()
        await opener.press("Enter")
        await expect(drawer.get_by_role("button", name="Fermer")).to_be_focused()
        await expect(beside).to_be_in_viewport()
        await expect(beside).to_contain_text(owned["serial_number"])
        await fits(page)
        await page.keyboard.press("Shift+Tab")
        assert await page.evaluate(
            "!document.activeElement || document.activeElement === document.body"
            " || document.getElementById('drawer').contains(document.activeElement)"
        )
        if width == 768:
            await finds_no_violation(page)
        await page.keyboard.press("Escape")
        await expect(drawer).to_be_hidden()
        await expect(opener).to_be_focused()

    await expect(beside).to_contain_text("Vendu le")
    hers = beside.get_by_role("region", name="Autres demandes du client")
    await expect(hers.get_by_role("link", name="e\u0301").first).to_have_attribute(
        "href", re.compile(f"/demandes/{other}")
    )
    same = beside.get_by_role("region", name="Même référence")
    await expect(same).to_contain_text("Claire Vasseur : Mettez à jour le micrologiciel.")
    await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await beside.get_by_role("button", name="Copier le numéro de série").click()
    await expect(beside.get_by_role("button", name="Numéro de série copié")).to_be_visible()
    copied = await page.evaluate("navigator.clipboard.readText()")
    assert copied == owned["serial_number"]


async def test_who_role_time_mail_and_minutes_stand_on_one_line_above_a_message(
    technician, shop, number
):
    colleague = await shop.hire("administrator", "Maximiliennealexandrinejoséphine", "Bonnet-Roy")
    reply = {"text": "Depuis quand ?", "minutes": 75}
    sent = await colleague.post(f"/api/tickets/{number}/messages", reply)
    await colleague.call("PUT", f"/api/tickets/messages/{sent['id']}/minutes", {"minutes": 225})
    heads = technician.exchange.locator(".msg__who")

    async def is_mailed() -> None:
        await expect(heads.last).to_contain_text("e-mail remis", timeout=1_000)

    await technician.looks_again_until(f"/demandes/{number}", is_mailed)
    for part in ("administrateur", "e-mail remis", "3 h 45 (corrigé)"):
        await expect(heads.last).to_contain_text(spoken(part))
    for width in (1024, 1440):
        await technician.page.set_viewport_size({"width": width, "height": TALL})
        heights = await heads.evaluate_all("heads => heads.map((head) => head.offsetHeight)")
        assert max(heights) < 30, width
        name = await heads.last.locator(".msg__name").bounding_box()
        assert name is not None
        assert name["width"] > 80, f"who it is can be read at {width}"


async def asks_once_owned(customer: Account) -> int:
    owned = (await customer.get("/api/tickets/owned-products"))["owned_products"]
    assert owned
    return await asks(customer)


async def test_a_long_exchange_opens_at_its_end_and_older_messages_come_above(
    technician, she, number
):
    for turn in range(31):
        await says(she, number, f"Mot {turn}")
    await opens(technician, number)
    last = technician.exchange.get_by_text("Mot 30", exact=True)
    await expect(last).to_be_in_viewport()
    await expect(technician.exchange.get_by_role("article")).to_have_count(30)

    oldest_shown = technician.exchange.get_by_text("Mot 1", exact=True)
    await oldest_shown.scroll_into_view_if_needed()
    before = await top_of(oldest_shown)
    await technician.follows("Messages plus anciens")

    await expect(technician.exchange.get_by_role("article")).to_have_count(32)
    await stays(oldest_shown, before, within=60)  # the link has gone


async def test_a_priority_is_set_beside_the_subject_and_no_customer_learns_of_it(
    technician, windows, she, number
):
    await opens(technician, number)
    await technician.page.get_by_text("Priorité normale").click()
    await technician.presses("Haute")

    await technician.sees_message("Priorité changée.")
    await expect(technician.page.get_by_text("Priorité haute")).to_be_visible()
    customer = await windows.customer(she)
    await customer.opens(number)
    await customer.reads_nothing_of("riorité")

    for priority in ("urgent", "low"):
        path = f"/api/tickets/{await asks(she)}/priority"
        await technician.account.call("PUT", path, {"priority": priority})
    await technician.goes_to("/demandes?vue=ouvertes&tri=recentes")
    for theme in THEMES:
        await turns(technician.page, theme)
        marks = [
            await technician.queue.locator(f".qitem .prio--{priority}").first.evaluate(LOOKS)
            for priority in ("urgent", "high", "low")
        ]
        for looks in zip(*marks, strict=True):
            assert len(set(looks)) == 3, f"sign and colours differ, {theme}: {marks}"


# --- Writing ----------------------------------------------------------------------------------


async def test_a_note_is_another_thing_than_a_reply_and_no_customer_sees_it(
    technician, windows, she, number
):
    await opens(technician, number)
    await technician.page.get_by_text("Note interne", exact=True).click()
    await technician.page.get_by_role("textbox", name="Votre note interne").fill("Déjà vu en mars.")
    await expect(technician.page.get_by_role("button", name="Répondre", exact=True)).to_be_hidden()
    await technician.page.keyboard.press("Control+Enter")

    await technician.sees_message("Note interne ajoutée.")
    note = technician.exchange.get_by_role("article", name="Note interne de Claire Vasseur")
    await expect(note).to_contain_text("Déjà vu en mars.")
    await technician.sees_status(OPEN)
    customer = await windows.customer(she)
    await customer.opens(number)
    await customer.reads_nothing_of("Déjà vu")


async def test_the_keyboard_answers_and_goes_on_to_the_next_request(technician, she):
    first, second = await asks(she), await asks(she)
    await opens(technician, first, "?vue=ouvertes&tri=recentes")
    text = answer_to(technician, she)
    await text.fill("Le câble est-il branché ?")
    await text.press("Control+Enter")

    await technician.sees_message("Réponse envoyée à Nathalie Rousseau.")
    await technician.sees_status(WAITING)
    await expect(technician.page).to_have_url(re.compile(f"/demandes/{first}"))
    following = technician.page.get_by_role("link", name="Demande suivante")
    await expect(following).to_be_focused()
    await technician.page.keyboard.press("Enter")
    await expect(technician.page).to_have_url(re.compile(f"/demandes/{second}"))

    await answer_to(technician, she).fill("Voilà qui est fait.")
    await technician.page.keyboard.press("Control+Shift+Enter")
    dialog = technician.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("Votre réponse est envoyée à Nathalie Rousseau")
    await technician.page.keyboard.press("Escape")
    await expect(dialog).to_be_hidden()
    await technician.page.keyboard.press("Control+Shift+Enter")
    await technician.page.keyboard.press("Enter")
    await technician.sees_message(f"Demande n° {second} résolue.")
    await technician.sees_status(RESOLVED)


async def test_a_quick_reply_is_kept_once_and_shown_with_its_values_before_it_is_sent(
    technician, she, product, number
):
    title = f"Rouleau {number}"
    await technician.goes_to("/demandes/reponses-types")
    await technician.fills("Titre", title)
    await technician.fills("Texte", "Bonjour {prenom}, la demande n° {numéro de demande} avance.")
    await technician.presses("Ajouter")
    await technician.sees_message_beside("Texte", "« prenom » n’est pas une variable")
    await technician.fills("Texte", "Bonjour {prénom}, la demande n° {numéro de demande} avance.")
    await technician.presses("Ajouter")
    await technician.sees_message("Réponse type ajoutée.")

    await opens(technician, number)
    await answer_to(technician, she).press("Control+;")
    box = technician.page.get_by_role("combobox", name="Filtrer les réponses types")
    await expect(box).to_be_focused()
    await box.press_sequentially(f"ROULEAU {number}")
    offered = technician.page.get_by_role("listbox", name="Réponses types").get_by_role("option")
    await expect(offered.and_(technician.page.locator(":visible"))).to_have_count(1)
    await finds_no_violation(technician.page)
    await box.press("Enter")
    await expect(answer_to(technician, she)).to_have_value(
        f"Bonjour Nathalie, la demande n° {number} avance."
    )

    await technician.goes_to("/demandes/reponses-types")
    await technician.follows(title)
    await technician.presses("Supprimer")
    await technician.page.get_by_role("dialog").get_by_role("button", name="Supprimer").click()
    await technician.sees_message("Réponse type supprimée.")
    await technician.reads_nothing_of(title)


async def test_time_spent_counts_only_while_somebody_works_and_is_corrected_with_a_trace(
    technician, windows, she, karim, number
):
    await technician.page.clock.install()
    await opens(technician, number)
    minutes = technician.page.get_by_label("Temps passé, en minutes")
    await expect(minutes).to_have_value("1")
    for _ in range(4):
        await technician.page.keyboard.press("Shift")  # a sign of somebody, and no text yet
        await technician.page.clock.run_for(50_000)
    await expect(minutes).to_have_value("4")
    await technician.page.clock.run_for(5 * 60_000)  # away from the keyboard
    await expect(minutes).to_have_value("5")
    await answer_to(technician, she).fill("Voilà qui est fait.")
    await minutes.fill("beaucoup")
    await technician.presses("Répondre")
    await expect(minutes).to_have_attribute("aria-invalid", "true")
    await expect(answer_to(technician, she)).to_have_value("Voilà qui est fait.")
    await minutes.fill("10")
    await technician.presses("Répondre")
    await technician.sees_message("Réponse envoyée")

    colleague = await windows.staff(karim)
    await opens(colleague, number)
    await colleague.exchange.get_by_role("link", name="10 min passées, corriger").click()
    await colleague.fills("Temps passé, en minutes", "25")
    await colleague.presses("Corriger")
    await colleague.sees_message("Temps passé corrigé.")
    await colleague.exchange.get_by_role("link", name="25 min (corrigé)").click()
    await colleague.reads("10 min → 25 min")
    customer = await windows.customer(she)
    await customer.opens(number)
    await customer.reads_nothing_of("25 min")


@pytest.mark.parametrize("javascript", [True, False], ids=["script", "no-script"])
async def test_time_spent_is_kept_by_a_note_when_a_request_is_resolved_without_a_reply(
    windows, technician_account, she, number, javascript
):
    he = await windows.staff(technician_account, javascript=javascript)
    await opens(he, number)
    await he.page.get_by_label("Temps passé, en minutes").fill("12")
    await he.presses("Résoudre")
    if javascript:
        dialog = he.page.get_by_role("dialog", name=f"Résoudre la demande n° {number} ?")
        await dialog.get_by_role("button", name="Résoudre", exact=True).click()
    else:
        await he.reads_title("Résoudre une demande")
        await he.presses("Résoudre")
    await he.sees_message(f"Demande n° {number} résolue.")
    note = he.exchange.get_by_role("article", name=f"Note interne de {he.account.name}")
    await expect(note).to_contain_text("Résolue sans autre réponse.")
    await expect(note).to_contain_text("12 min")
    thread = await she.get(f"/api/tickets/{number}")
    assert [thread["ticket"]["status"], len(thread["messages"])] == ["resolved", 1]


# --- Never lost -------------------------------------------------------------------------------


async def draft_of(who: Account, number: int) -> str:
    return (await who.get(f"/api/tickets/{number}/draft"))["text"]


async def test_what_is_being_written_is_there_on_any_device(technician, windows, she, number):
    await opens(technician, number)
    await technician.page.get_by_text("Note interne", exact=True).click()
    note = technician.page.get_by_role("textbox", name="Votre note interne")
    await note.press_sequentially("À demander : le numéro")

    async def saved() -> None:
        assert await draft_of(technician.account, number) == "À demander : le numéro"

    await eventually(saved)
    await technician.sees_draft_saved()
    elsewhere = await windows.staff(technician.account.elsewhere(), width=390)
    await opens(elsewhere, number)
    restored = elsewhere.page.get_by_role("textbox", name="Votre note interne")
    await expect(restored).to_have_value("À demander : le numéro")
    await restored.fill("")

    async def forgotten() -> None:
        assert await draft_of(technician.account, number) == ""

    await eventually(forgotten)


async def test_a_page_where_nobody_typed_leaves_alone_what_was_typed_elsewhere(
    technician, windows, she, number
):
    await opens(technician, number)
    minutes = technician.page.get_by_label("Temps passé, en minutes")
    await expect(minutes).not_to_have_value("")
    elsewhere = await windows.staff(technician.account.elsewhere(), width=390)
    await opens(elsewhere, number)
    await answer_to(elsewhere, she).press_sequentially("Depuis mon téléphone")
    await elsewhere.sees_draft_saved()
    drafts: list[str] = []
    technician.page.on(
        "request", lambda sent: drafts.append(sent.url) if "/brouillon" in sent.url else None
    )

    await minutes.evaluate("field => field.value = '7'")  # as the clock does
    await technician.page.evaluate("dispatchEvent(new Event('online'))")
    await technician.goes_to("/comptoir")

    assert [each for each in drafts if "/demandes/" in each] == []
    assert await draft_of(technician.account, number) == "Depuis mon téléphone"


async def test_an_answer_lost_on_its_way_back_is_sent_once_and_leaves_no_draft(
    technician, she, number
):
    async def cut_after_the_server_heard(route: Route) -> None:
        await route.fetch()
        await route.abort()

    await opens(technician, number)
    text = answer_to(technician, she)
    await text.fill("Une seule fois.")
    path = f"**/demandes/{number}?*"
    await technician.page.route(path, cut_after_the_server_heard)
    await technician.presses("Répondre")
    await technician.is_warned("Réponse non envoyée. La connexion est coupée")
    await technician.page.unroute(path)
    await technician.page.get_by_label("Temps passé, en minutes").evaluate(
        "field => field.value = '9'"
    )
    await technician.presses("Réessayer")

    await technician.sees_message("Réponse envoyée")
    assert (await messages_of(she, number))[1:] == ["Une seule fois."]
    await expect(text).to_have_value("")
    assert await draft_of(technician.account, number) == ""


async def test_an_ended_session_asks_to_sign_in_over_the_page_and_nothing_is_lost(
    windows, shop, she, number
):
    technician = await windows.staff(await shop.hire("technician", "Mehdi", "Roussel"))
    await opens(technician, number)
    await end_session(technician)
    text = answer_to(technician, she)
    await text.fill("Rien ne se perd.")
    await technician.presses("Répondre")
    dialog = technician.page.get_by_role("dialog", name="Votre session a expiré")
    await expect(dialog).to_be_visible()
    await finds_no_violation(technician.page)
    await technician.signs_in_over_the_page(technician.account, password="pas le bon mot")
    await expect(dialog).to_contain_text("Adresse e-mail ou mot de passe incorrect.")
    await expect(text).to_have_value("Rien ne se perd.")
    await technician.signs_in_over_the_page(technician.account)

    await technician.sees_message("Réponse envoyée à Nathalie Rousseau.")
    assert (await messages_of(she, number))[1:] == ["Rien ne se perd."]


async def end_session(who: Staff) -> None:
    """As its last hour would: the browser still has the cookie, nobody knows it any more."""
    [cookie] = await who.page.context.cookies()
    await who.page.context.add_cookies([{**cookie, "value": "unknown-to-anybody"}])


async def test_a_cut_connection_is_shown_and_the_reply_is_recorded_once(technician, she, number):
    await opens(technician, number)
    text = answer_to(technician, she)
    await text.fill("Une seule fois.")
    await technician.page.context.set_offline(True)
    await technician.presses("Répondre")
    await technician.is_warned("Réponse non envoyée. La connexion est coupée")
    await technician.sees_message("La connexion est coupée.")
    await expect(text).to_have_value("Une seule fois.")
    await finds_no_violation(technician.page)

    await technician.page.context.set_offline(False)
    await technician.page.get_by_role("button", name="Réessayer").dblclick()

    await technician.sees_message("Réponse envoyée")
    assert (await messages_of(she, number))[1:] == ["Une seule fois."]
    assert await draft_of(technician.account, number) == ""
    await expect(text).to_have_value("")


async def test_sending_stops_once_when_somebody_wrote_since_and_shows_what_was_missed(
    technician, windows, she, karim, number
):
    await opens(technician, number)
    text = answer_to(technician, she)
    await text.fill("Changez le rouleau.")
    customer = await windows.customer(she)
    await customer.opens(number)
    await customer.adds_precision("Le rouleau est neuf.")
    await says(karim, number, "Essayez le bac 1.")
    await expect(news(technician)).to_contain_text("Karim Benali vient de répondre")
    await text.press("Control+Enter")

    missed = technician.page.get_by_role("alert").filter(has_text="Pas encore envoyé.")
    await expect(missed).to_contain_text("Deux messages sont arrivés")
    await expect(missed).to_contain_text("Le rouleau est neuf.")
    await expect(missed).to_contain_text("Essayez le bac 1.")
    await expect(text).to_have_value("Changez le rouleau.")
    await finds_no_violation(technician.page)
    await says(she, number, "Et encore un mot.")
    await technician.presses("Envoyer quand même")
    await technician.sees_message("Réponse envoyée")
    assert (await messages_of(she, number))[-1] == "Changez le rouleau."


# --- Live -------------------------------------------------------------------------------------


async def test_two_tabs_of_one_browser_share_a_stream_and_announce_what_is_new(technician, she):
    streams: list[str] = []
    technician.page.context.on(
        "request", lambda each: "/en-direct?" in each.url and streams.append(each.url)
    )
    path = "/demandes?vue=ouvertes&tri=recentes"
    await asks(she)
    await technician.goes_to(path)
    other = await technician.page.context.new_page()
    await other.goto(path)
    tabs: tuple[Page, ...] = (technician.page, other)
    shown = [await page.get_by_role("region", name="File").inner_text() for page in tabs]

    first, second = await asks(she), await asks(she)

    for page, before in zip(tabs, shown, strict=True):
        queue = page.get_by_role("region", name="File des demandes")
        button = queue.get_by_role("button", name="2 nouvelles demandes : afficher")
        await expect(button).to_be_visible()
        await expect(queue).not_to_contain_text(f"n° {second}")
        assert before.splitlines()[-1] in await queue.inner_text()
        await button.click()
        for number in (first, second):
            await expect(queue).to_contain_text(f"n° {number}")
    assert len(streams) == 1


async def test_a_new_request_is_announced_where_it_comes_last_and_nothing_leaves_that_stays(
    technician, she
):
    """The queue by default: the longest wait first, and more of it than one page shows."""
    await asyncio.gather(*(asks(she) for _ in range(27)))
    await technician.goes_to("/demandes")
    first = await technician.queue.get_by_role("listitem").first.inner_text()
    oldest = int(re.findall(r"n°\s(\d+)", first)[0])

    number = await asks(she)
    await technician.queue.get_by_role("button", name="1 nouvelle demande : afficher").click()

    await expect(technician.page).to_have_url(re.compile("tri=recentes"))
    await expect(technician.line(number)).to_be_visible()
    await technician.goes_to("/demandes?vue=ouvertes")
    await says(she, number, "Toujours là ?")
    await expect(technician.line(oldest)).to_be_visible()
    await expect(technician.queue).not_to_contain_text("Sortie de cette file")


@pytest.mark.parametrize("width", [1440, 390])
async def test_a_customer_and_a_technician_see_each_other_write(
    windows, technician_account, she, number, width
):
    technician = await windows.staff(technician_account, width=width, zone="Europe/Brussels")
    await opens(technician, number, "?vue=ouvertes&tri=recentes")
    text = answer_to(technician, she)
    await text.fill("Depuis quand")
    before = await top_of(text)
    customer = await windows.customer(she, zone="America/Montreal")
    await customer.opens(number)
    await customer.adds_precision("C’est revenu ce matin.")
    # Hours are the shop's; only a browser whose clock shows another has to be told whose.
    hers = customer.page.get_by_role("article").last.get_by_role("time")
    await expect(hers).to_have_text(re.compile(r"aujourd’hui, \d+\sh\s\d\d \(Paris\)$"))

    await expect(news(technician)).to_contain_text("Nathalie Rousseau vient de répondre")
    await technician.reads_message(she.name, "C’est revenu ce matin.")
    await stays(text, before, within=1)
    await expect(text).to_have_value("Depuis quand")
    await news(technician).get_by_role("button", name="Afficher").click()
    await text.press("Control+Enter")  # what was shown is no longer missed
    await technician.sees_message("Réponse envoyée")
    await technician.sees_status(WAITING)
    await expect(technician.exchange.get_by_role("time").first).not_to_contain_text("Paris")
    await expect(hers).to_contain_text("(Paris)")  # of what has come meanwhile
    await expect(customer.page.get_by_role("article").last).to_contain_text("Claire Vasseur")

    await customer.goes_to(f"/mes-demandes/{number}")
    await customer.resolves()
    await technician.sees_status(RESOLVED)
    await expect(news(technician)).to_contain_text("Nathalie Rousseau vient de résoudre")


async def test_after_a_lost_connection_the_page_catches_up(technician, she):
    await asks(she)
    async with technician.page.expect_response("**/en-direct?*"):  # else there is nothing to lose
        await technician.goes_to("/demandes?vue=ouvertes&tri=recentes")
    await technician.page.context.set_offline(True)
    await technician.sees_message("La connexion est coupée.")
    number = await asks(she)
    await technician.page.context.set_offline(False)

    await technician.queue.get_by_role("button", name="1 nouvelle demande : afficher").click()
    await expect(technician.line(number)).to_be_visible()
    await expect(technician.page.get_by_text("La connexion est coupée.")).to_be_hidden()


# --- Single letters ---------------------------------------------------------------------------


async def test_single_letters_act_only_for_those_who_switched_them_on(windows, shop, she):
    technician = await windows.staff(await shop.hire("technician", "Sophie", "Lambert"))
    first, second = await asks(she), await asks(she)
    path = "?vue=ouvertes&tri=recentes"
    await opens(technician, second, path)
    await technician.page.keyboard.press("j")
    await expect(technician.page).to_have_url(re.compile(f"/demandes/{second}"))

    await technician.goes_to("/compte")
    await technician.presses("Activer les raccourcis d’une lettre")
    await technician.sees_message("Raccourcis d’une lettre activés")
    await opens(technician, second, path)
    await technician.page.keyboard.press("j")
    await expect(technician.page).to_have_url(re.compile(f"/demandes/{first}"))
    await technician.page.keyboard.press("k")
    await expect(technician.page).to_have_url(re.compile(f"/demandes/{second}"))
    await technician.page.keyboard.press("r")
    text = answer_to(technician, she)
    await expect(text).to_be_focused()
    await technician.page.keyboard.type("jkrn")
    await expect(text).to_have_value("jkrn")
    await text.blur()
    await technician.page.keyboard.press("?")
    await expect(technician.page.get_by_role("dialog")).to_contain_text("demande suivante")
    await technician.page.keyboard.press("Escape")
    await technician.page.keyboard.press("e")
    await expect(technician.page.get_by_role("dialog")).to_contain_text("Résoudre la demande")
