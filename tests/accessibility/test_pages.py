"""Every page in every state: for axe, zoom, spacing, forced colours, the keyboard, its structure."""

from typing import Any

import pytest
from playwright.async_api import Page

from e2e.pages import CLOSED_STATES, PAGE_STATES, PageState, nothing
from e2e.test_pages import COLOURS, DESKTOP, PHONE, WIDTHS, finds_no_violation, fits, turns
from e2e.windows import TALL, THEMES

STATES = PAGE_STATES
ZOOMED = (640, 320)  # CSS pixels that 1280 are at 200 and at 400 %
MOST_STOPS = 150  # of Tab, on the longest page


async def opened(windows: Any, dataset: Any, name: str, width: int = DESKTOP) -> Page:
    return await STATES[name].open(windows, dataset, width=width)


@pytest.mark.parametrize("name", STATES)
async def test_axe_finds_nothing_at_any_zoom_in_either_theme(windows, dataset, name):
    await holds_at_every_zoom(STATES[name], windows, dataset)


async def test_axe_finds_nothing_while_a_service_is_away(windows, dataset, closed):
    for state in CLOSED_STATES.values():
        await holds_at_every_zoom(state, windows, dataset)


async def holds_at_every_zoom(state: PageState, windows: Any, dataset: Any) -> None:
    page = await state.open(windows, dataset, width=DESKTOP)
    for width in WIDTHS:
        await page.set_viewport_size({"width": width, "height": TALL})
        await fits(page)
    for width in (DESKTOP, PHONE, *ZOOMED):
        await page.set_viewport_size({"width": width, "height": TALL})
        for theme in THEMES:
            await turns(page, theme)
            await finds_no_violation(page, options=COLOURS if theme == "dark" else None)


@pytest.mark.parametrize("name", STATES)
async def test_titles_headings_landmarks_and_language_are_there(windows, dataset, name):
    page = await opened(windows, dataset, name)
    assert await page.evaluate(STRUCTURE) == []


STRUCTURE = r"""() => {
    const found = [];
    const all = (selector) => [...document.querySelectorAll(selector)].filter((each) => each.checkVisibility());
    const expect = (holds, words) => holds || found.push(words);
    expect(document.doctype?.name === "html", "no document type");
    expect(document.documentElement.lang === "fr", "not declared French");
    expect(/^.{3,} · Guichet$/.test(document.title), `the title is « ${document.title} »`);
    const headings = all("h1, h2, h3, h4");
    expect(headings.filter((each) => each.localName === "h1").length === 1, "not one h1");
    const open = document.querySelector("dialog[open]");
    headings.filter((each) => !open || !open.contains(each)).reduce((before, each) => {
        expect(+each.localName[1] <= before + 1, `« ${each.textContent.trim()} » leaves out a level`);
        return +each.localName[1];
    }, 0);
    expect(document.querySelectorAll("main").length === 1, "not one main");
    expect(document.querySelector("footer a[href='/accessibilite']"), "the foot does not lead to the declaration");
    const skip = document.querySelector("a.skip");
    expect(document.getElementById(skip?.hash.slice(1))?.localName === "main", "no link skips to main");
    expect([...document.querySelectorAll("a[href], button")].filter((each) => !each.closest("[hidden]"))[0] === skip,
        "something stands before the link that skips");
    if (document.body.dataset.reader)
        expect(document.querySelector("nav") && document.querySelector("header [href='/recherche']"), "menu or search are missing");
    for (const table of document.querySelectorAll("table"))
        expect(table.caption?.textContent.trim(), "a table has no caption");
    for (const group of document.querySelectorAll("fieldset"))
        expect(group.querySelector(":scope > legend")?.textContent.trim(), "a group has no legend");
    return found;
}"""


async def test_no_two_pages_have_the_same_title(windows, dataset):
    """But for a page that a form leads back to, and an error of another address."""
    titles: dict[str, str] = {}
    for name, state in STATES.items():
        if state.prepare is not nothing or state.status != 200 or "?" in state.address:
            continue
        page = await opened(windows, dataset, name)
        address, title = page.url, await page.title()
        assert titles.setdefault(title, address).partition("?")[0] == address.partition("?")[0]
        await page.close()


@pytest.mark.parametrize("name", STATES)
async def test_nothing_is_lost_with_wide_spacing_or_without_styles(windows, dataset, name):
    """WCAG 1.4.12: its spacing of lines, paragraphs, letters and words; then no style at all."""
    page = await opened(windows, dataset, name)
    await page.evaluate(WIDE_SPACING)
    for width in (DESKTOP, PHONE):
        await page.set_viewport_size({"width": width, "height": TALL})
        await fits(page)
    assert await page.evaluate(WITHOUT_STYLES) == []


# Through the style sheets' own objects: the policy forbids any other style.
WIDE_SPACING = """() => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }
        p { margin-block-end: 2em !important; }`);
    document.adoptedStyleSheets = [sheet];
}"""
WITHOUT_STYLES = r"""() => {
    const words = () => {
        const shown = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
        while (shown.nextNode())
            if (shown.currentNode.data.trim() && shown.currentNode.parentElement.checkVisibility()) found.push(shown.currentNode.data.trim());
        return found;
    };
    const before = words();
    document.adoptedStyleSheets = [];
    for (const sheet of document.styleSheets) sheet.disabled = true;
    const after = new Set(words());
    return before.filter((each) => !after.has(each));
}"""


@pytest.mark.parametrize("name", STATES)
async def test_controls_keep_their_outlines_in_forced_colours(windows, dataset, name):
    page = await opened(windows, dataset, name)
    await page.emulate_media(forced_colors="active")
    assert await page.evaluate(WITHOUT_OUTLINE) == []


WITHOUT_OUTLINE = r"""() => [...document.querySelectorAll(".btn, .input, .combo input, select, textarea")]
    .filter((each) => each.checkVisibility() && each.getBoundingClientRect().width > 1)
    .filter((each) => {
        const has = (element) => { const style = getComputedStyle(element); return parseFloat(style.borderTopWidth) > 0 && style.borderTopStyle !== "none"; };
        return !has(each) && !has(each.parentElement) && !has(each.parentElement.parentElement);
    })
    .map((each) => `${each.localName}.${each.className} « ${each.textContent.trim().slice(0, 30)} » has no outline`)"""


@pytest.mark.parametrize("name", STATES)
async def test_targets_are_large_enough(windows, dataset, name):
    """24 pixels, or as far from others (WCAG 2.5.8); 44 on a phone for what a form is sent by."""
    page = await opened(windows, dataset, name)
    assert await page.evaluate(SMALL_TARGETS, [24, TARGETS]) == []
    await page.set_viewport_size({"width": PHONE, "height": TALL})
    assert await page.evaluate(SMALL_TARGETS, [24, TARGETS]) == []
    assert await page.evaluate(SMALL_TARGETS, [44, ".btn--primary, .dock a"]) == []


TARGETS = "a[href], button, input:not([type=hidden]), select, textarea, summary, [role=option]"
SMALL_TARGETS = r"""([least, selector]) => {
    const open = document.querySelector("dialog[open]") ?? document.body;
    const boxes = [...open.querySelectorAll(selector)]
        .filter((each) => each.checkVisibility({ visibilityProperty: true }) && !each.closest(".visually-hidden, .skip"))
        .map((each) => [each, (each.closest("label") ?? each).getBoundingClientRect()])
        .filter(([each, box]) => box.width > 1 && !each.classList.contains("visually-hidden"));
    const inline = (each) => getComputedStyle(each).display === "inline" && [...each.parentElement.childNodes]
        .some((near) => near.nodeType === 3 && near.data.trim());
    const near = (a, b) => {  // does a circle of 24 pixels around the middle of `a` touch `b`
        const x = a.x + a.width / 2, y = a.y + a.height / 2;
        const dx = Math.max(b.left - x, 0, x - b.right), dy = Math.max(b.top - y, 0, y - b.bottom);
        return Math.hypot(dx, dy) < 12;
    };
    return boxes.filter(([each, box]) => (box.height < least - 0.5 || box.width < least - 0.5) && !inline(each))
        .filter(([each, box]) => least > 24 || boxes.some(([other, theirs]) => other !== each && !each.contains(other) && !other.contains(each) && near(box, theirs)))
        .map(([each, box]) => `${each.localName}.${each.className} « ${(each.ariaLabel ?? each.textContent).trim().slice(0, 30)} »: ${Math.round(box.width)} by ${Math.round(box.height)}`);
}"""


@pytest.mark.parametrize("name", STATES)
async def test_tab_reaches_everything_with_a_visible_focus_and_leaves(windows, dataset, name):
    """From the top through the page, each stop seen, until the browser takes the focus back."""
    page = await opened(windows, dataset, name)
    is_dialog = await page.locator("dialog[open]").count()
    await page.evaluate(FROM_THE_TOP)
    for _ in range(MOST_STOPS):
        await page.keyboard.press("Tab")
        stop = await page.evaluate(STOP)
        if stop in {"left", "again"}:
            break
        assert stop == "seen", f"{page.url}: {stop}"
    else:
        pytest.fail(f"{page.url}: {MOST_STOPS} times Tab did not leave the page")
    if not is_dialog:
        assert await page.evaluate(NEVER_REACHED) == []


# A field that has taken the focus by itself would be where Tab goes on from.
FROM_THE_TOP = """() => {
    const first = document.querySelector("dialog[open]") ? null : document.querySelector(".skip");
    first?.focus();
    window.stops = new Set(first ? [first] : []);
}"""
STOP = r"""() => {
    const at = document.activeElement;
    if (!at || at === document.body) return "left";
    if (stops.has(at)) return "again";
    stops.add(at);
    if (at.localName === "iframe") return "seen";
    const box = at.getBoundingClientRect();
    const name = `${at.localName}.${at.className} « ${(at.ariaLabel ?? at.textContent).trim().slice(0, 40)} »`;
    const seen = (element) => { const style = getComputedStyle(element); return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2 || style.boxShadow !== "none"; };
    let around = at, shown = false;
    for (let up = 0; up < 4 && around && !shown; up++, around = around.parentElement) shown = seen(around);
    if (!shown) return `${name} does not show that it has the focus`;
    if (box.bottom <= 0 || box.top >= innerHeight || box.right <= 0 || box.left >= innerWidth) return `${name} has the focus outside of the window`;
    return "seen";
}"""
NEVER_REACHED = r"""() => [...document.querySelectorAll("a[href], button, input:not([type=hidden], [type=radio]), select, textarea, summary")]
    .filter((each) => each.checkVisibility({ visibilityProperty: true }) && !each.disabled && each.tabIndex >= 0 && !each.closest("[inert]"))
    .filter((each) => !stops.has(each))
    .map((each) => `Tab never comes to ${each.localName}.${each.className} « ${each.textContent.trim().slice(0, 40)} »`)"""


REFUSED = [name for name in STATES if "refused" in name or "serial-" in name or "email-" in name]


@pytest.mark.parametrize("name", REFUSED)
async def test_errors_are_bound_to_their_fields(windows, dataset, name):
    """Every error that is shown is the description of a field that says it is wrong, and back."""
    page = await opened(windows, dataset, name)
    assert await page.evaluate(LOOSE_ERRORS) == []


LOOSE_ERRORS = r"""() => {
    const described = (each) => (each.getAttribute("aria-describedby") ?? "").split(" ").map((id) => document.getElementById(id));
    const fields = [...document.querySelectorAll("[aria-invalid=true]")].filter((each) => each.checkVisibility());
    const found = fields.filter((each) => !described(each).some((text) => text?.textContent.trim()))
        .map((each) => `${each.id} is wrong and does not say why`);
    for (const error of document.querySelectorAll(".field__error")) {
        if (!error.checkVisibility() || !error.textContent.trim()) continue;
        if (![...document.querySelectorAll("[aria-describedby]")].some((each) => described(each).some((text) => text?.contains(error) || error.contains(text))))
            found.push(`« ${error.textContent.trim()} » belongs to no field`);
    }
    return found;
}"""
