"""A customer's list: its address holds what it is narrowed to, but for what was typed."""

from dataclasses import dataclass, field
from uuid import UUID

import httpx
import pytest

from chassis.text.typography import typeset
from contracts.tickets.api import Home, OwnedProducts, Tickets
from signed_in import claims_of
from web.mine.tickets import Narrowed, narrowed
from web.shared import searches
from web.shared.browser.cookies import cookie_name
from web.shared.forms import Form, form_token

GONE = typeset(searches.GONE)

NOTHING = Home(
    awaiting=Tickets(tickets=[]),
    others=Tickets(tickets=[], counts={"all": 3, "awaiting_me": 0}, as_of="1"),
    owned=OwnedProducts(owned_products=[]),
)


@dataclass
class Services:
    """They find nothing for this customer, and remember what they were asked for."""

    claims: dict[str, str] = field(
        default_factory=lambda: claims_of("customer", "Nathalie Hélicon")
    )
    asked: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.params.get("q", ""))
        return httpx.Response(200, json=NOTHING.model_dump(mode="json"))


@pytest.fixture
async def nathalie(open_browser, settings):
    services = Services()
    async with open_browser(services, {}, headers={"Sec-Fetch-Site": "same-origin"}) as browser:
        person, secret = services.claims["sub"], settings.web_secret.get_secret_value()
        browser.cookies.set(cookie_name(settings, "session"), person)
        browser.token = form_token(secret, UUID(person), person)
        browser.asked = services.asked
        yield browser


def test_the_address_names_what_narrows_and_the_page():
    assert Narrowed("", "", "", "").address() == "/mes-demandes"
    to = Narrowed("écran & clé", "Xk3", "ouvertes", "")
    assert to.address() == "/mes-demandes?r=Xk3&statut=ouvertes"
    assert to.address("a=b").endswith("&apres=a%3Db")


def test_a_status_that_nobody_knows_narrows_nothing():
    to = narrowed(Form(values={"text": "x"}), "Xk3", "fermees", "")
    assert to == Narrowed("x", "Xk3", "", "")
    assert not narrowed(Form(), "Xk3", "", "").is_narrow


async def test_what_was_typed_stands_in_no_address(nathalie):
    sent = {"form_token": nathalie.token, "text": "Hélicon ", "statut": "ouvertes"}
    first = await nathalie.post("/mes-demandes", data=sent)
    assert first.status_code == 303
    address = first.headers["Location"]
    assert address.startswith("/mes-demandes?r=")
    assert address.endswith("&statut=ouvertes")
    assert "licon" not in address
    assert "licon" not in str(nathalie.cookies)
    page = await nathalie.get(address)
    assert 'value="Hélicon"' in page.text
    assert nathalie.asked == ["Hélicon"]
    emptied = await nathalie.post("/mes-demandes", data=sent | {"text": " "})
    assert emptied.headers["Location"] == "/mes-demandes?statut=ouvertes"
    gone = await nathalie.get("/mes-demandes?r=unknown")
    assert (gone.status_code, GONE in gone.text) == (200, True)


async def test_while_somebody_types_it_is_one_search_in_the_history(nathalie):
    by_script = {"HX-Request": "true"}
    sent = {"form_token": nathalie.token, "text": "Hé"}
    first = await nathalie.post("/mes-demandes", data=sent, headers=by_script)
    address = first.headers["HX-Replace-Url"]
    assert f'name="r" value="{address.partition("=")[2]}"' in first.text
    sent |= {"text": "Hélicon", "r": address.partition("=")[2], "statut": "resolues"}
    then = await nathalie.post("/mes-demandes", data=sent, headers=by_script)
    assert then.headers["HX-Replace-Url"] == f"{address}&statut=resolues"
    page = (await nathalie.get(address)).text
    assert 'value="Hélicon"' in page
    assert 'name="r"' not in page, "what another entry or tab shows is not typed over"
    without = await nathalie.post("/mes-demandes", data=sent)
    assert address not in without.headers["Location"]
