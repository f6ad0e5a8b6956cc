"""In which language a page is: the person's, this browser's, what it asks for, the setting."""

import html
import re
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from chassis.text.translations import Catalogue
from local.workshop import words
from signed_in import claims_of
from web.shared.text import language
from web.shared.text.language import NAMES, translations

FRENCH, ENGLISH = "Mot de passe oublié", "Forgotten password"


@dataclass
class Silent:
    """Services that answer nothing but who is signed in."""

    claims: dict[str, str] = field(default_factory=lambda: claims_of("seller", "Julien Morel"))

    def answer(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(204 if request.url.path.endswith("/language") else 503)


@pytest.mark.parametrize(
    ("asked", "house", "title"),
    [
        ("", "fr", FRENCH),
        ("", "en", ENGLISH),
        ("fr-FR,fr;q=0.9,en;q=0.8", "en", FRENCH),
        ("en-GB,en;q=0.9,fr;q=0.8", "fr", ENGLISH),
        ("de-DE,en;q=0.5", "fr", ENGLISH),
        ("de-DE", "fr", FRENCH),
    ],
)
async def test_before_sign_in_the_browser_decides_then_the_setting(
    open_browser, asked, house, title
):
    headers = {"Accept-Language": asked} if asked else {}
    async with open_browser(
        Silent(), {"mail": True, "language": house}, headers=headers
    ) as browser:
        page = await browser.get("/mot-de-passe-oublie")
        assert title in page.text
        assert f'<html lang="{"fr" if title == FRENCH else "en"}" dir="ltr"' in page.text


async def test_what_a_browser_was_switched_to_comes_before_what_it_asks_for(open_browser):
    headers = {"Accept-Language": "fr", "Sec-Fetch-Site": "same-origin"}
    async with open_browser(Silent(), {"mail": True}, headers=headers) as browser:
        form = {"language": "en", "next": "/mot-de-passe-oublie"}
        switched = await browser.post("/langue", data=form)
        assert (switched.status_code, switched.headers["location"]) == (303, form["next"])
        assert ENGLISH in (await browser.get("/mot-de-passe-oublie")).text
        for tag, next in (("xx", "https://elsewhere.example/"), ("", "//elsewhere.example")):
            back = await browser.post("/langue", data={"language": tag, "next": next})
            assert back.headers["location"] == "/connexion"
        assert ENGLISH in (await browser.get("/mot-de-passe-oublie")).text


@pytest.mark.parametrize("chosen", ["en", "xx"])
async def test_a_persons_choice_comes_before_all(open_browser, chosen):
    services = Silent(claims_of("seller", "Julien Morel") | {"locale": chosen})
    headers = {"Accept-Language": "fr"}
    async with open_browser(services, {}, session="somebody", headers=headers) as browser:
        page = (await browser.get("/clients")).text
        assert ("Guichet is closed" in page) == (chosen == "en")
        assert ("Guichet fermé" in page) == (chosen == "xx")


def test_every_language_is_offered_by_its_own_name():
    assert NAMES == {"fr": "Français", "en": "English"}
    assert tuple(NAMES) == translations.languages


# --- A language that nobody has written --------------------------------------------------------

TAG = re.compile(r"<[^<>]*>")
READ_ALOUD = re.compile(r"\b(?:aria-label|placeholder|title|alt)=\"([^\"]*)\"")
WORD = re.compile(r"[^\W\d_]{3,}")
# A name, an address, a language in itself, and what no language translates.
AS_IT_IS = {"Guichet", "Français", "English", "Julien", "Morel", "nulle", "part"}


def pseudo(text: str) -> str:
    """Two fifths longer, with a mark that only a translation has."""
    return f"⟦{text}{'~' * (2 * len(text) // 5)}⟧"


@pytest.fixture
def invented(tmp_path, monkeypatch):
    """Arabic, whose words are made of the French ones, from right to left."""
    catalog = words.template(Path(language.__file__).parents[2])
    translated = Catalog(locale="ar")
    for message in catalog:
        if isinstance(message.id, str) and message.id:
            translated.add(message.id, pseudo(message.id), context=message.context)
        elif message.id:
            texts = tuple(pseudo(message.id[1]) for _ in range(translated.num_plurals))
            translated.add(message.id, texts, context=message.context)
    file = tmp_path / "ar.po"
    with file.open("wb") as target:
        write_po(target, translated)
    monkeypatch.setitem(translations.catalogues, "ar", Catalogue("ar", file))


@pytest.mark.parametrize(
    "path",
    [
        "/connexion",
        "/mot-de-passe-oublie",
        "/nulle-part",
        "/accessibilite",
        "/clients",
        "/comptoir",
    ],
)
async def test_a_further_language_costs_no_code(open_browser, invented, path):
    headers = {"Accept-Language": "ar"}
    session = "somebody" if path in {"/clients", "/comptoir"} else ""
    async with open_browser(Silent(), {"mail": True}, session=session, headers=headers) as browser:
        page = (await browser.get(path)).text
    assert '<html lang="ar" dir="rtl"' in page
    body = page[page.index("<body") :]
    shown = " ".join([TAG.sub(" ", body), *READ_ALOUD.findall(body)])
    foreign = html.unescape(shown)
    while "⟦" in foreign and (left := re.sub("⟦[^⟦⟧]*⟧", "", foreign)) != foreign:  # one in another
        foreign = left
    assert set(WORD.findall(foreign)) <= AS_IT_IS
