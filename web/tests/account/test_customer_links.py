"""A customer who is sent a link instead of the keyboard: what is offered, asked and said."""

import json
import re
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

import httpx
import pytest

from signed_in import claims_of
from web.shared.browser.cookies import cookie_name
from web.shared.forms import form_token

SELLER = "0199b5a5-0000-7000-8000-000000000001"
CUSTOMER = "0199b5a5-0000-7000-8000-000000000002"
SALE = "0199b5a5-0000-7000-8000-000000000003"
NOW = "2026-11-24T10:42:00+01:00"
KEY = "0b6ba2a1-38b0-4fd4-8b09-4d2cb64e3a01"
FILE = f"/clients/{CUSTOMER}"
SENT = "Un lien a été envoyé à elodie@example.org : valable 24 heures."
NOT_CHOSEN = "Lien envoyé, mot de passe pas encore choisi"
SENT_BY_JULIEN: dict[str, Any] = {
    "headers": {"Sec-Fetch-Site": "same-origin"},
    "session": "julien",
}


class Services:
    """The whole of the gateway; `asked` are the posts to identity that change something."""

    def __init__(self) -> None:
        self.has_password = True
        self.refusal: tuple[int, str] | None = None
        self.asked: list[tuple[str, Any, str | None]] = []

    @property
    def customer(self) -> dict[str, Any]:
        return {
            "id": CUSTOMER,
            "first_name": "Élodie",
            "last_name": "Marchand",
            "email": "elodie@example.org",
            "enabled": True,
            "registered_at": NOW,
            "version": 1,
            "has_password": self.has_password,
        }

    @property
    def sale(self) -> dict[str, Any]:
        return {
            "id": SALE,
            "number": "V-2026-00413",
            "customer_id": CUSTOMER,
            "seller_id": SELLER,
            "seller_name": "Julien Morel",
            "product": {"id": SALE, "reference": "10AAM9901", "designation": "Écran"},
            "serial_number": "PHBQ74K2M910XTD",
            "sold_on": "2026-11-24",
            "recorded_at": NOW,
        }

    @property
    def claims(self) -> dict[str, str]:
        return claims_of("seller", "Julien Morel", SELLER)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.method == "POST":
            body = json.loads(request.content) if request.content not in (b"", b"null") else None
            self.asked.append((path, body, request.headers.get("Idempotency-Key")))
            return self.changed(path)
        answers = {
            f"/api/identity/customers/{CUSTOMER}": self.customer,
            "/api/identity/customers": {"customers": [self.customer], "count": 1},
            f"/api/sales/{SALE}": self.sale,
            "/api/sales": {"sales": []},
            "/api/sales/draft": {},
        }
        if path in answers:
            return httpx.Response(200, json=answers[path])
        return httpx.Response(503)

    def changed(self, path: str) -> httpx.Response:
        if self.refusal:
            status, code = self.refusal
            return httpx.Response(
                status, json={"title": "", "status": status, "code": code, "detail": ""}
            )
        if path.endswith("/links"):
            link = {"id": SALE, "purpose": "invitation", "expires_at": NOW}
            return httpx.Response(201, json=link)
        return httpx.Response(201, json=self.customer)


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
async def seller(services, open_browser) -> AsyncGenerator[httpx.AsyncClient]:
    """Where mail can be sent."""
    async with open_browser(services, {"mail": True}, **SENT_BY_JULIEN) as browser:
        yield browser


@pytest.fixture
async def seller_without_mail(services, open_browser) -> AsyncGenerator[httpx.AsyncClient]:
    async with open_browser(services, {"mail": False}, **SENT_BY_JULIEN) as browser:
        yield browser


@pytest.fixture
def form(settings) -> dict[str, str]:
    """What every form of the seller's pages carries."""
    secret = settings.web_secret.get_secret_value()
    return {"form_token": form_token(secret, UUID(SELLER), "julien"), "form_key": KEY}


ELODIE = {"first_name": "Élodie", "last_name": "Marchand", "email": "elodie@example.org"}


def plain(html: str) -> str:
    """With blanks that may break, as one reads it."""
    whole = re.sub(r'<wbr>|<span class="nowrap">([^<]*)</span>', r"\1", html)
    return whole.replace("\u00a0", " ")


# --- At the counter ----------------------------------------------------------------------------


async def test_a_customer_is_registered_without_a_password_and_a_link_is_on_its_way(
    services, seller, form
):
    services.has_password = False
    answer = (await seller.post("/comptoir/clients/invitation", data=form | ELODIE)).json()

    assert answer["customer"]["id"] == CUSTOMER
    assert SENT in plain(answer["html"])
    assert services.asked == [("/api/identity/customers", ELODIE, KEY)]


async def test_after_a_hand_over_that_was_cut_a_link_is_sent_all_the_same(services, seller, form):
    answer = (await seller.post("/comptoir/clients/invitation", data=form | ELODIE)).json()

    assert SENT in plain(answer["html"])
    path = f"/api/identity/customers/{CUSTOMER}/links"
    assert services.asked[1:] == [(path, None, KEY)]


async def test_that_no_mail_can_be_sent_is_said_beside_the_button(services, seller, form):
    services.refusal = (409, "mail_unavailable")
    answer = (await seller.post("/comptoir/clients/invitation", data=form | ELODIE)).json()

    assert "Aucun e-mail ne peut être envoyé d’ici." in answer["fields"]["link"]
    assert not answer["unsure"]


async def test_an_empty_password_at_the_hand_over_is_no_wish_for_a_link(services, seller, form):
    await seller.post("/comptoir/clients/creation", data=form | ELODIE)
    assert services.asked == [("/api/identity/customers", ELODIE | {"password": ""}, KEY)]


async def test_the_link_is_offered_only_where_mail_can_be_sent(seller, seller_without_mail):
    offered = (await seller.get("/comptoir")).text
    not_offered = (await seller_without_mail.get("/comptoir")).text

    assert "Envoyer un lien au client" in offered
    assert "data-send-link" not in not_offered
    assert "lien, valable" not in plain(not_offered)
    assert "Passer le clavier" in not_offered


# --- In the customer's file --------------------------------------------------------------------


async def test_a_link_is_sent_from_the_file_and_said_once(services, seller, form):
    page = (await seller.get(FILE)).text
    assert re.search(rf'<form[^>]* action="{FILE}/lien"', page)
    assert "Envoyer un lien" in page
    assert NOT_CHOSEN not in page

    answer = await seller.post(f"{FILE}/lien", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, FILE)
    assert services.asked == [(f"/api/identity/customers/{CUSTOMER}/links", None, KEY)]
    assert SENT in plain((await seller.get(FILE)).text)
    assert SENT not in plain((await seller.get(FILE)).text)


async def test_the_file_says_that_no_password_is_chosen_yet_and_offers_another_link(
    services, seller
):
    services.has_password = False
    page = (await seller.get(FILE)).text

    assert NOT_CHOSEN in page
    assert "Renvoyer le lien" in page
    assert "Envoyer un lien" not in page
    assert "Nouveau mot de passe" in page


async def test_without_mail_the_file_offers_the_keyboard_alone(services, seller_without_mail):
    assert "Envoyer un lien" not in (await seller_without_mail.get(FILE)).text
    services.has_password = False
    page = (await seller_without_mail.get(FILE)).text

    assert "Mot de passe pas encore choisi" in page
    assert "lien" not in page.partition("<main")[2].partition("<dialog")[0].casefold().replace(
        "client", ""
    )


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (409, "mail_unavailable", "Aucun e-mail ne peut être envoyé d’ici."),
        (409, "account_disabled", "Ce compte est désactivé."),
        (429, "too_many_links", "Trop de liens\u00a0: le prochain peut partir dans 1 minute."),
    ],
)
async def test_a_link_that_is_refused_is_explained_in_the_file(
    services, seller, form, status, code, expected
):
    services.refusal = (status, code)
    answer = await seller.post(f"{FILE}/lien", data=form)

    assert answer.status_code == status
    assert re.search(rf'role="alert">.*{expected}', answer.text)


# --- On the confirmation -----------------------------------------------------------------------


async def test_the_confirmation_says_how_a_password_is_chosen_that_is_not_yet(
    services, seller, settings
):
    session, message = (cookie_name(settings, name) for name in ("session", "done"))
    done = {"Cookie": f"{session}=julien; {message}=sale_recorded"}
    page = (await seller.get(f"/ventes/{SALE}", headers=done)).text
    assert "Élodie peut déjà demander de l’aide" in page
    assert "Mot de passe" not in page

    services.has_password = False
    page = plain((await seller.get(f"/ventes/{SALE}", headers=done)).text)
    assert "Élodie pourra demander de l’aide" in page
    assert "une fois son mot de passe choisi." in page
    assert "Mot de passe : à choisir par le lien envoyé à cette adresse." in page


async def test_where_no_mail_can_be_sent_the_confirmation_promises_no_link(
    services, seller_without_mail
):
    services.has_password = False
    page = (await seller_without_mail.get(f"/ventes/{SALE}")).text
    assert "envoyé" not in page
