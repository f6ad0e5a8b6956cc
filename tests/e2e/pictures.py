"""Pictures of every page and mail, to lay beside the mock-ups; no test, run only by its name:

pytest tests/e2e/pictures.py --pictures FOLDER
"""

from pathlib import Path

import pytest

from contracts.notifications.api import Kind
from e2e.dataset import PLAIN, Cast, Dataset
from e2e.pages import CLOSED_STATES, PAGE_STATES, PageState, at_rest
from e2e.rendered_mails import rendered
from e2e.windows import THEMES, Windows
from notifications.words import translations

WIDTHS = (1440, 1024, 390)


@pytest.fixture(scope="session")
def cast() -> Cast:
    return PLAIN


@pytest.fixture(scope="session")
def folder(request: pytest.FixtureRequest) -> Path:
    named = request.config.getoption("--pictures")
    assert named, "where to? --pictures FOLDER"
    folder = Path(named)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.mark.parametrize("name", PAGE_STATES)
@pytest.mark.parametrize("width", WIDTHS)
async def test_take_pictures(windows, dataset, folder, name, width):
    await take(PAGE_STATES[name], windows, dataset, folder / f"{name}.{width}")


@pytest.mark.parametrize("name", CLOSED_STATES)
@pytest.mark.parametrize("width", WIDTHS)
async def test_take_pictures_while_closed(windows, dataset, closed, folder, name, width):
    await take(CLOSED_STATES[name], windows, dataset, folder / f"{name}.{width}")


async def take(state: PageState, windows: Windows, dataset: Dataset, file: Path) -> None:
    page = await state.open(windows, dataset, width=int(file.suffix[1:]))
    # A dialog covers the window and not what lies below it.
    whole = not await page.locator("dialog[open]").count()
    for theme in THEMES:
        await page.emulate_media(color_scheme=theme)
        await at_rest(page)
        picture = file.with_name(f"{file.name}.{theme}.png")
        await page.screenshot(path=picture, full_page=whole, animations="disabled")


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("language", translations.languages)
async def test_take_pictures_of_mails(chromium, folder, kind, language):
    page = await chromium.new_page()
    await page.set_content(rendered(kind, language))
    for width in (700, 390):
        await page.set_viewport_size({"width": width, "height": 900})
        file = folder / f"mail-{kind}.{language}.{width}.png"
        await page.screenshot(path=file, full_page=True)
    await page.close()
