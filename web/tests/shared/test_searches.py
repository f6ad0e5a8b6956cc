"""The latest searches of a browser: as many as its cookie holds, for whoever searched."""

import random
from dataclasses import dataclass, field
from uuid import UUID

import httpx
import pytest

from chassis.text.typography import typeset
from signed_in import claims_of
from web.shared import searches
from web.shared.browser.cookies import Cookie, cookie_name
from web.shared.forms import form_token

GONE = typeset(searches.GONE)


@dataclass
class Searched:
    """Services that find nothing, and remember what they were asked for."""

    claims: dict[str, str] = field(default_factory=lambda: claims_of("seller", "Julien Morel"))
    status: int = 200
    asked: list[bytes] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.content)
        self.owners.append(request.url.path.split("/")[2])
        nothing = {"sales": [], "customers": [], "count": 0, "exact": [], "found": []}
        matches = {"count": 0, "products": []}
        products = {"text": "", "state": "searched", "on_sale": matches, "withdrawn": matches}
        return httpx.Response(self.status, json={**nothing, **products, "next": None})


@pytest.fixture
def julien() -> Searched:
    return Searched()


@pytest.fixture
async def at_the_counter(open_browser, settings, julien):
    async with open_browser(julien, {}, headers={"Sec-Fetch-Site": "same-origin"}) as browser:
        sign_in(browser, settings, julien)
        yield browser


def sign_in(browser, settings, person: Searched) -> None:
    browser.cookies.set(cookie_name(settings, "session"), person.claims["sub"])
    secret = settings.web_secret.get_secret_value()
    browser.token = form_token(secret, UUID(person.claims["sub"]), person.claims["sub"])


async def search(browser, path, **values) -> str:
    """The address that shows this search."""
    answer = await browser.post(path, data={"form_token": browser.token, **values})
    assert answer.status_code == 303
    return answer.headers["Location"]


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("/clients", {"text": "Hélicon"}),
        ("/ventes", {"text": "Hélicon", "sold_from": "2026-11-01"}),
        ("/recherche", {"text": "Hélicon"}),
    ],
)
async def test_a_search_is_shown_at_an_address_that_says_nothing(at_the_counter, path, values):
    address = await search(at_the_counter, path, **values)
    assert address.startswith(f"{path}?r=")
    assert len(address) < 30
    page = await at_the_counter.get(address)
    for value in values.values():
        assert f'value="{value}"' in page.text
    assert "Macro" not in page.text
    stored = page.request.headers["Cookie"]
    assert "lico" not in stored


async def test_with_script_a_search_is_answered_at_once_and_has_its_address(at_the_counter, julien):
    data = {"form_token": at_the_counter.token, "text": "Hélicon"}
    by_script = {"HX-Request": "true", "X-Guichet-Person": julien.claims["sub"]}
    page = await at_the_counter.post("/recherche", data=data, headers=by_script)
    address = page.headers["HX-Push-Url"]
    assert address.startswith("/recherche?r=")
    for shown in (page, await at_the_counter.get(address)):
        assert shown.status_code == 200
        assert 'value="Hélicon"' in shown.text
        assert "Rien ne correspond" in shown.text
    assert "<main" not in page.text
    assert "<main" in shown.text
    emptied = await at_the_counter.post("/recherche", data=data | {"text": " "}, headers=by_script)
    assert emptied.headers["HX-Push-Url"] == "/recherche"


async def test_a_search_that_is_refused_keeps_its_text_and_the_address(at_the_counter, julien):
    julien.status = 503
    data = {"form_token": at_the_counter.token, "text": "Hélicon"}
    page = await at_the_counter.post("/recherche", data=data, headers={"HX-Request": "true"})
    assert page.status_code == 503
    assert 'id="search-page"' in page.text
    assert 'value="Hélicon"' in page.text
    assert 'role="alert"' in page.text
    assert "HX-Push-Url" not in page.headers


async def test_a_text_without_a_letter_asks_for_no_names(at_the_counter, julien):
    by_script = {"HX-Request": "true"}
    for text, asked in (("Hélicon", 1), ("1042", 0), ("4103-27", 0)):
        julien.owners.clear()
        data = {"form_token": at_the_counter.token, "text": text}
        page = await at_the_counter.post("/recherche", data=data, headers=by_script)
        assert "Sans réponse" not in page.text
        assert julien.owners.count("catalog") == 1
        assert julien.owners.count("identity") == asked


async def test_nothing_searched_is_the_page_itself(at_the_counter):
    assert await search(at_the_counter, "/clients", text="  ") == "/clients"


def odd_text(n: int) -> str:
    """As long as a search may be, and hardly to be compressed."""
    draw = random.Random(n)
    return "".join(chr(draw.randint(0x4E00, 0x9FFF)) for _ in range(190))


async def test_two_tabs_that_search_at_once_keep_both(at_the_counter):
    """Neither request has the other's answer yet."""
    before = dict(at_the_counter.cookies)
    address = await search(at_the_counter, "/clients", text="Hélicon")
    both = dict(at_the_counter.cookies)
    at_the_counter.cookies.clear()
    at_the_counter.cookies.update(before)
    other = await search(at_the_counter, "/clients", text="Nathalie")
    at_the_counter.cookies.update(both)
    assert 'value="Hélicon"' in (await at_the_counter.get(address)).text
    assert 'value="Nathalie"' in (await at_the_counter.get(other)).text


async def test_the_newest_searches_are_kept_within_a_bound(at_the_counter):
    addresses = [
        await search(at_the_counter, "/ventes", text=f"{n} {odd_text(n)}") for n in range(30)
    ]
    stored = [each for each in at_the_counter.cookies.jar if f"_{Cookie.SEARCHES}_" in each.name]
    assert sum(len(each.value) for each in stored) <= 3_600
    assert f'value="29 {odd_text(29)[:20]}' in (await at_the_counter.get(addresses[-1])).text
    assert f'value="27 {odd_text(27)[:20]}' in (await at_the_counter.get(addresses[-3])).text
    gone = await at_the_counter.get(addresses[0])
    assert gone.status_code == 200
    assert GONE in gone.text


async def test_nobody_else_sees_it_in_the_same_browser(at_the_counter, settings, julien):
    address = await search(at_the_counter, "/clients", text="Hélicon")
    julien.claims = Searched().claims
    sign_in(at_the_counter, settings, julien)
    page = await at_the_counter.get(address)
    assert GONE in page.text
    assert "Hélicon" not in page.text
    assert not any("licon" in asked.decode() for asked in julien.asked[-1:])


async def test_a_list_that_changes_while_somebody_types_is_one_search(at_the_counter):
    """Its address comes with it, and stays the same."""
    data = {"form_token": at_the_counter.token, "text": "Hé"}
    first = await at_the_counter.post("/clients", data=data, headers={"HX-Request": "true"})
    assert "<main" not in first.text
    address = first.headers["HX-Replace-Url"]
    data |= {"text": "Hélicon", "r": address.partition("=")[2]}
    then = await at_the_counter.post("/clients", data=data, headers={"HX-Request": "true"})
    assert then.headers["HX-Replace-Url"] == address
    page = (await at_the_counter.get(address)).text
    assert 'value="Hélicon"' in page
    assert 'name="r"' not in page, "what another entry or tab shows is not typed over"
    data["r"] = "odd\r\nname"
    odd = await at_the_counter.post("/clients", data=data, headers={"HX-Request": "true"})
    assert odd.headers["HX-Replace-Url"].startswith("/clients?r=")
    assert "odd" not in odd.headers["HX-Replace-Url"]


def test_over_tls_a_cookie_of_one_page_is_not_bound_as_browsers_refuse(settings):
    over_tls = settings.model_copy(update={"public_url": "https://guichet.example.org"})
    assert cookie_name(over_tls, Cookie.SEARCHES, "/clients").startswith("__Secure-guichet_")
    assert cookie_name(over_tls, Cookie.SEARCHES).startswith("__Host-guichet_")


async def test_what_is_found_while_typing_comes_as_text(at_the_counter, julien):
    """A browser takes compressed pages; rows within an answer are none."""
    answer = await at_the_counter.post(
        "/recherche",
        data={"form_token": at_the_counter.token, "text": "Hélicon"},
        headers={"X-Guichet-Person": julien.claims["sub"], "Accept-Encoding": "gzip"},
    )
    assert answer.status_code == 200
    assert "Rien ne correspond à « Hélicon »" in answer.json()["html"].replace("\u00a0", " ")
