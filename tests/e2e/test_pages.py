"""Each kind of page: usable by everybody, at every width, and without script."""

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from e2e.pages import PAGE_STATES, at_rest
from e2e.people import IN_PROGRESS, RESOLVED, YOUR_TURN, Customer
from e2e.windows import TALL, Theme
from shop import Product, Shop

DESKTOP, PHONE = 1440, 390
WIDTHS = (1440, 1024, 768, 390, 320)
# What depends on colours; everything else is the same in the dark.
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


# One of each kind; every page in every state, at every zoom, is `./guichet test accessibility`.
KINDS = (
    "sign-in", "accessibility", "not-found", "link-password-refused", "my-notifications", "home",
    "my-products", "new-request-refused", "request-answered", "my-search", "account", "forbidden",
    "desk-replied", "desk-filters", "search-page", "quick-replies", "counter-handover",
    "counter-products", "counter-serial-sold", "sale", "sales", "customers", "customer-file",
    "staff", "mails",
)  # fmt: skip


@pytest.mark.parametrize("name", KINDS)
async def test_a_page_is_accessible_and_fits(windows, dataset, name):
    await is_for_everybody(await PAGE_STATES[name].open(windows, dataset, width=DESKTOP))


async def is_for_everybody(page: Page) -> None:
    """Accessible, and in every window nothing hangs out of its place."""
    await finds_no_violation(page)
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": TALL})
        await fits(page)


async def turns(page: Page, theme: Theme) -> None:
    """All at once: what changes its colour slowly is not in between any more."""
    await page.emulate_media(color_scheme=theme)
    await page.evaluate(
        "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => {"
        " document.getAnimations().forEach(each => each.finish()); done(); })))"
    )
    await at_rest(page)


async def finds_no_violation(page: Page, options: dict[str, Any] | None = None) -> None:
    await at_rest(page)
    # Half a megabyte that the page keeps: sent to it once, for it is looked at four times.
    is_there = await page.evaluate("'axe' in window")
    axe = Axe("") if is_there else Axe()
    found = await axe.run(page, options={"resultTypes": ["violations"], **(options or {})})
    assert found.violations_count == 0, found.generate_report()


async def fits(page: Page) -> None:
    """Nothing to scroll sideways, and every line of text within what holds it, uncut."""
    found = await page.evaluate(MISPLACED)
    width = page.viewport_size and page.viewport_size["width"]
    assert found == [], f"{page.url} at {width} pixels: {found[:5]}"


MISPLACED = r"""async () => {
    // The windows ask for less motion: what takes another place takes it at once.
    const moving = document.getAnimations().filter((each) => each instanceof CSSTransition);
    if (moving.length) return moving.map(({ effect }) => `${effect.target.className} slides into place`);
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const found = [];
    const page = document.scrollingElement;
    if (page.scrollWidth > page.clientWidth)
        found.push(`${page.scrollWidth} pixels of page in ${page.clientWidth} of window`);
    for (const box of document.querySelectorAll(".table-wrap, .desk__scroll, .desk__list, .desk__side, dialog[open]"))
        if (box.scrollWidth > box.clientWidth) found.push(`${box.className} has to be scrolled sideways`);
    // Where there is no room, each row of a table is a card: one cell below the other, each named.
    const isNarrow = (table) => table.closest(".table-wrap").clientWidth < 50 * parseFloat(getComputedStyle(document.documentElement).fontSize);
    for (const table of [...document.querySelectorAll(".table")].filter(isNarrow)) {
        if (table.tHead.offsetWidth > 1) found.push("the headings of a table are shown above cards");
        for (const row of table.tBodies[0].rows) {
            const cells = [...row.cells].filter((cell) => cell.checkVisibility());
            for (const [at, cell] of cells.entries()) {
                const quote = `« ${cell.textContent.trim().slice(0, 40)} »`;
                if (at && cell.offsetTop < cells[at - 1].offsetTop + cells[at - 1].offsetHeight - 1)
                    found.push(`${quote} stands beside another cell of its card`);
                if (cell.dataset.label ? getComputedStyle(cell, "::before").content === "none" : !cell.querySelector("a, strong, .address, button"))
                    found.push(`${quote} has no label in its card`);
            }
        }
    }
    const shown = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const range = document.createRange();
    const lines = (text, from, to) => {
        range.setStart(text, from);
        range.setEnd(text, to);
        return [...range.getClientRects()].filter((line) => line.width > 1);
    };
    while (shown.nextNode()) {
        const text = shown.currentNode, parent = text.parentElement;
        if (!text.data.trim() || !parent.checkVisibility({ visibilityProperty: true })) continue;
        if (parent.closest("svg, textarea, select, script, iframe, .skip, .visually-hidden")) continue;
        const rects = lines(text, 0, text.length);
        if (!rects.length) continue;
        const quote = `« ${text.data.trim().slice(0, 40)} »`;
        // What holds it: the block whose width ends its lines; a row that scrolls ends none.
        let block = parent;
        while (getComputedStyle(block).display.startsWith("inline") && !/block|flex|grid/.test(getComputedStyle(block).display)) block = block.parentElement;
        const held = block.getBoundingClientRect(), style = getComputedStyle(block);
        if (held.width <= 1) continue; // for assistive technology alone
        const piled = /[\u0300-\u036f]{5}/.test(text.data);
        const slack = style.whiteSpaceCollapse === "preserve" ? 10 : 1.5; // blanks hang at its end
        const cut = style.textOverflow === "ellipsis" && style.overflowX !== "visible";
        if (!cut && !piled && rects.some((line) => line.right > held.right + slack || line.left < held.left - slack))
            found.push(`${quote} hangs out of ${block.tagName}.${block.className}`);
        // A part that its own text has widened hangs out of what holds the part.
        const around = block.parentElement.getBoundingClientRect();
        if (!cut && !piled && !block.closest("thead") && around.width > 1 && rects.some((line) => line.right > around.right + 1.5 && line.right <= held.right + 1.5))
            found.push(`${quote} widens ${block.tagName}.${block.className} out of ${block.parentElement.className}`);
        // Accents that pile up are painted far beyond their line, unless something clips them there.
        if (piled) {
            let clip = parent;
            while (clip !== document.body && (getComputedStyle(clip).overflowY === "visible" || getComputedStyle(clip).display === "inline")) clip = clip.parentElement;
            const around = clip.getBoundingClientRect();
            if (clip !== block && around.top < Math.min(...rects.map((line) => line.top)) - 60 || clip !== block && around.bottom > Math.max(...rects.map((line) => line.bottom)) + 60)
                found.push(`${quote} is painted over what surrounds it`);
        }
        if (innerWidth < 352) continue; // too narrow for some numbers
        for (const { 0: whole, index } of text.data.matchAll(/V-\d{4}-\d+|\b[0-9A-Z]{15}\b|@[a-z]+\.(com|org|net)\b/g))
            if (lines(text, index, index + whole.length).some((line, _, [first]) => Math.abs(line.top - first.top) > 3))
                found.push(`${whole} is cut at the end of a line`);
    }
    return [...new Set(found)];
}"""


# --- Without JavaScript ------------------------------------------------------------------------


@pytest.fixture
async def plain_customer(windows, shop: Shop, product: Product) -> Customer:
    """At a browser without JavaScript, having bought something."""
    account = await shop.register("Odette", "Sansscript")
    await shop.sell(account, product)
    return await windows.customer(account, signed_in=False, javascript=False)


async def test_a_customer_needs_no_script_for_the_whole_life_of_a_request(
    plain_customer, product, technician_account
):
    she = plain_customer
    await she.signs_in()
    sale = await she.account.get("/api/sales/mine")
    await she.sees_among_their_products(product, sale["sales"][0]["serial_number"])
    number = await she.opens_request(product, "Plus de son", "Rien ne sort\ndes haut-parleurs.")
    await she.adds_precision("Ni au casque.")
    answer = {"text": "Le câble vert est-il branché ?"}
    await technician_account.post(f"/api/tickets/{number}/messages", answer)

    await she.opens_from_home("Plus de son")
    await she.sees_status(YOUR_TURN)
    await she.reads(IN_PROGRESS)
    await she.replies("Oui, il l’est.", to="Claire Vasseur")
    await she.presses("Marquer comme résolue")
    await she.reads("Une demande résolue ne se rouvre pas")
    await she.presses("Marquer comme résolue")
    await she.sees_message(f"Demande n° {number} résolue.")
    await she.sees_status(RESOLVED)
    await she.can_say_nothing_more()


async def test_a_customer_needs_no_script_for_her_account(plain_customer, mailbox):
    she = plain_customer
    await she.tries_to_sign_in(password="pas le bon mot")
    await she.is_warned("Adresse e-mail ou mot de passe incorrect.")
    await expect(she.field("Adresse e-mail")).to_have_value(she.account.email)
    await she.signs_in()
    await she.changes_password("neuf tortues lentes")
    new = f"plus.{she.account.email}"
    await she.changes_email(new)
    await she.confirms_email(mailbox, new)
    await she.signs_out()
    await she.signs_in()


async def test_a_technician_can_answer_and_resolve_without_script(
    windows, shop, product, technician_account, customer
):
    sale = await shop.sell(customer.account, product)
    await customer.sees_among_their_products(product, sale["serial_number"])
    number = await customer.opens_request(product, "Plus de son", "Rien ne sort.")
    he = await windows.staff(technician_account, javascript=False)
    await he.goes_to_queue("Ouvertes")
    await he.opens(number)
    await he.answers("Et maintenant ?", to=customer.account.name)
    await he.presses("Résoudre")
    await he.reads("Une demande résolue ne se rouvre pas.")
    await he.presses("Résoudre")
    await he.sees_message(f"Demande n° {number} résolue.")


async def test_the_counter_says_that_it_needs_script(windows, seller_account):
    seller = await windows.staff(seller_account, javascript=False)
    await seller.goes_to("/comptoir")

    await seller.reads("Le comptoir a besoin de JavaScript.")
