"""Files of messages: chosen, dropped, pasted, over lines that break, on two devices, without script."""

import base64
import io
import re

import pytest
from axe_playwright_python.async_playwright import Axe
from PIL import Image
from playwright.async_api import FilePayload, Locator, Page, expect

from e2e.people import Customer, Staff
from shop import Account, Product, Shop, new_request
from waiting import eventually

PDF = b"%PDF-1.7\n1 0 obj<<>>endobj\n" + b"0" * 2_500_000 + b"\n%%EOF"
PART = re.compile(r"/fichiers/[0-9a-f-]{36}$")


def picture(colour: str = "navy", size: tuple[int, int] = (1200, 900)) -> bytes:
    written = io.BytesIO()
    Image.new("RGB", size, colour).save(written, "JPEG")
    return written.getvalue()


def files(**named: bytes) -> list[FilePayload]:
    kinds = {"pdf": "application/pdf", "jpg": "image/jpeg", "html": "text/html"}
    return [
        {
            "name": name.replace("_", "."),
            "mimeType": kinds[name.rpartition("_")[2]],
            "buffer": content,
        }
        for name, content in named.items()
    ]


# What a browser does when files are dropped or pasted, which no key or pointer of a test can.
GIVE = """([name, kind, content]) => {
    const bytes = Uint8Array.from(atob(content), (sign) => sign.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], name, { type: "image/png" }));
    const target = document.querySelector("textarea[name=text]");
    const event = kind === "drop"
        ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
        : new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
    target.dispatchEvent(event);
}"""


async def give(page: Page, how: str, name: str, content: bytes) -> None:
    await page.evaluate(GIVE, [name, how, base64.b64encode(content).decode()])


def rows(who: Customer | Staff) -> Locator:
    return who.page.get_by_role("list", name="Fichiers joints").get_by_role("listitem")


def chooser(who: Customer | Staff) -> Locator:
    return who.page.locator("[data-attach] input[type=file]")


def shown(who: Customer | Staff) -> Locator:
    return who.page.locator(".pictures img")


async def is_accessible(page: Page) -> None:
    found = await Axe().run(page, options={"resultTypes": ["violations"]})
    assert not found.response["violations"], found.generate_report()


@pytest.fixture
async def number(shop: Shop, product: Product, customer_account: Account) -> int:
    sold = await shop.sell(customer_account, product)

    async def is_known() -> None:
        owned = await customer_account.get("/api/tickets/owned-products")
        assert owned["owned_products"]

    await eventually(is_known)
    return (await customer_account.post("/api/tickets", new_request(sold["id"])))["number"]


async def test_a_customer_sends_pictures_that_a_technician_opens_and_answers_with_a_document(
    windows, number, customer_account, technician_account
):
    she: Customer = await windows.customer(customer_account, width=390)
    await she.goes_to(f"/mes-demandes/{number}")
    await she.reads("10 fichiers au plus, 25 Mo chacun")
    await chooser(she).set_input_files(files(plaque_jpg=picture(), page_html=b"<html><script>"))
    await expect(rows(she)).to_contain_text(["plaque.jpg", "Ce type de fichier n’est pas accepté."])
    await expect(rows(she).locator("img")).to_have_count(1)
    await is_accessible(she.page)
    await she.presses("Retirer page.html")
    await give(she.page, "drop", "vue 2.jpg", picture("teal"))
    await give(she.page, "paste", "vue 3.jpg", picture("olive", (600, 1200)))
    await expect(rows(she).locator("img")).to_have_count(3)
    await she.fills("Ajouter une précision", "Voici trois vues.")
    await she.presses("Envoyer la précision")
    await expect(shown(she)).to_have_count(3)
    await is_accessible(she.page)

    he: Staff = await windows.staff(technician_account)
    await he.goes_to(f"/demandes/{number}")
    await expect(shown(he)).to_have_count(3)
    await expect(he.page.get_by_role("region", name="Fichiers").get_by_role("link")).to_have_count(
        3
    )
    await he.page.get_by_role("link", name="plaque.jpg").first.click()
    viewer = he.page.get_by_role("dialog")
    await expect(viewer.get_by_role("status")).to_have_text("plaque.jpg, image 1 sur 3")
    await he.page.keyboard.press("ArrowRight")
    await expect(viewer.get_by_role("status")).to_contain_text("image 2 sur 3")
    await he.page.keyboard.press("+")
    await he.page.keyboard.press("r")
    await expect(viewer.get_by_role("button", name="Réduire")).to_be_enabled()
    await expect(viewer.locator("img[data-turned=true]")).to_be_visible()
    await is_accessible(he.page)
    await he.page.keyboard.press("Escape")
    await expect(viewer).to_have_count(0)
    await chooser(he).set_input_files(files(notice_pdf=PDF))
    await he.page.locator("#text").fill("Suivez la notice.")
    await he.page.locator(".composer button[value=send]").click()  # it waits for the file
    await expect(he.page.locator("[data-done]")).to_be_visible()
    await she.goes_to(f"/mes-demandes/{number}")
    async with she.page.expect_download() as download:
        await she.page.get_by_role("link", name=re.compile("notice.pdf")).click()
    assert (await (await download.value).path()).read_bytes() == PDF


async def test_a_line_that_breaks_goes_on_where_it_stopped_and_another_device_has_the_file(
    windows, number, customer_account
):
    she: Customer = await windows.customer(customer_account)
    await she.goes_to(f"/mes-demandes/{number}")
    offsets: list[str] = []

    async def breaks_once(route):
        if route.request.method == "PATCH":
            offsets.append(route.request.headers["upload-offset"])
            if len(offsets) == 2:
                await route.abort()
                return
        await route.continue_()

    await she.page.route(PART, breaks_once)
    await chooser(she).set_input_files(files(notice_pdf=PDF))
    await expect(rows(she)).to_contain_text(["2,4 Mo"], timeout=20_000)
    mebibyte = 1024 * 1024
    assert offsets == ["0", str(mebibyte), str(mebibyte), str(2 * mebibyte)]
    windows.complaints.clear()  # the browser's own, about the line

    phone: Customer = await windows.customer(customer_account, width=390)
    await phone.goes_to(f"/mes-demandes/{number}")
    await expect(rows(phone)).to_contain_text(["notice.pdf"])
    await she.fills("Ajouter une précision", " ")
    await she.presses("Envoyer la précision")  # refused: and nothing of it is lost
    await expect(rows(she)).to_contain_text(["notice.pdf"])
    await phone.fills("Ajouter une précision", "La notice.")
    await phone.presses("Envoyer la précision")
    await expect(phone.page.get_by_role("link", name=re.compile("notice.pdf"))).to_be_visible()
    await she.goes_to(f"/mes-demandes/{number}")
    await expect(rows(she)).to_have_count(0)


async def test_an_ordinary_field_takes_files_without_script(windows, number, customer_account):
    she: Customer = await windows.customer(customer_account, javascript=False)
    await she.goes_to(f"/mes-demandes/{number}")
    await she.fills("Ajouter une précision", "La plaque :")
    await she.presses("Joindre des fichiers")
    await she.field("Un fichier").set_input_files(files(notice_pdf=PDF)[0])
    await she.presses("Joindre ce fichier")
    await she.reads("notice.pdf")
    await she.field("Un fichier").set_input_files(files(page_html=b"<html>")[0])
    await she.presses("Joindre ce fichier")
    await she.reads("Ce type de fichier n’est pas accepté.")
    await she.page.get_by_role("button", name="Retirer page.html").click()
    await she.reads_nothing_of("page.html")
    await she.follows("Revenir à mon message", exact=False)
    await expect(she.field("Ajouter une précision")).to_have_value("La plaque :")
    await she.presses("Envoyer la précision")
    await expect(she.page.get_by_role("link", name=re.compile("notice.pdf"))).to_be_visible()


async def test_an_address_of_a_file_is_its_reader_s_alone(
    windows, number, customer_account, technician_account, shop
):
    she: Customer = await windows.customer(customer_account)
    await she.goes_to(f"/mes-demandes/{number}")
    await chooser(she).set_input_files(files(plaque_jpg=picture()))
    await expect(rows(she).locator("img")).to_have_count(1)
    await she.fills("Ajouter une précision", "La plaque.")
    await she.presses("Envoyer la précision")
    address = await shown(she).first.get_attribute("src")
    assert address
    own = await she.page.request.get(address)
    assert (own.status, own.headers["content-type"]) == (200, "image/jpeg")
    assert own.headers["content-security-policy"] == "default-src 'none'; sandbox"
    again = await she.page.request.get(address, headers={"If-None-Match": own.headers["etag"]})
    assert again.status == 304
    assert (await she.page.request.get(address[:-1] + "x")).status == 404
    late = re.sub(r"\?\d+-", "?1-", address)
    assert (await she.page.request.get(late)).status == 404
    he: Staff = await windows.staff(technician_account)
    assert (await he.page.request.get(address)).status == 404
    nobody = await windows.visitor()
    await nobody.goes_to(address)
    await expect(nobody.page).to_have_url(re.compile("/connexion"))
    windows.complaints.clear()  # of the 404s
