"""What the counter's page asks while a sale is entered, and what it is answered."""

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from contracts.catalog.api import Matches, Product, ProductSearch, SearchState
from contracts.sales.api import years_before
from shop import today
from signed_in import claims_of
from web.counter.new_sale.products import summary_of, the_one
from web.shared.forms import form_token

SELLER = "0199b5a5-0000-7000-8000-000000000001"
CUSTOMER = "0199b5a5-0000-7000-8000-000000000002"
SALE = "0199b5a5-0000-7000-8000-000000000003"
PRODUCT = "0199b5a5-0000-7000-8000-000000000004"
KEY = "0b6ba2a1-38b0-4fd4-8b09-4d2cb64e3a01"
UNIT = "PHBQ74K2M910XTD"


@dataclass
class Counter:
    """The counter's page in a browser, signed in as a seller."""

    browser: httpx.AsyncClient
    form: dict[str, str]

    async def __call__(self, path: str, **typed: str) -> dict[str, Any]:
        answer = await self.browser.post(path, data=self.form | typed)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def page(self, query: str = "") -> str:
        return (await self.browser.get(f"/comptoir{query}")).text


class Services:
    """The gateway, as far as the counter asks it: one sale that is known, one draft."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.refusal = ""
        self.is_silent = False
        self.unresolved: list[dict[str, Any]] = []
        self.draft: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []

    @property
    def claims(self) -> dict[str, str]:
        return claims_of("seller", "Julien Morel", SELLER)

    def sale(self, serial_number: str = UNIT) -> dict[str, Any]:
        return {
            "id": SALE,
            "number": "V-2026-00413",
            "customer_id": CUSTOMER,
            "seller_id": SELLER,
            "seller_name": "Awa Diallo",
            "product": {"id": PRODUCT, "reference": "10AAM9901", "designation": "Écran"},
            "serial_number": serial_number,
            "sold_on": "2026-03-12",
            "recorded_at": "2026-03-12T10:42:00+01:00",
        }

    def answer(self, request: httpx.Request) -> httpx.Response:
        path, body = request.url.path, None
        if request.method in {"POST", "PUT"}:
            body = json.loads(request.content)
            self.asked.append((path, body))
        if self.is_silent:
            return httpx.Response(503)
        if self.refusal and body:
            problem = {"title": "", "status": 409, "code": self.refusal, "detail": ""}
            return httpx.Response(409, json=problem)
        customer = {
            "id": CUSTOMER,
            "first_name": "Marc",
            "last_name": "Rousseau",
            "email": "marc@example.org",
            "enabled": True,
            "registered_at": "2026-03-12T10:42:00+01:00",
            "version": 1,
        }
        answers = {
            "/api/sales": self.sale(),
            "/api/sales/draft": self.draft,
            "/api/sales/serial-checks": {"serial_number": UNIT} | self.found,
            "/api/identity/customers": {"customers": [customer], "count": 1},
            f"/api/identity/customers/{CUSTOMER}": customer,
            "/api/sales/purchase-counts": {"counts": [{"customer_id": CUSTOMER, "count": 4}]},
            "/api/tickets/unresolved": {"customers": self.unresolved},
        }
        return httpx.Response(200, json=answers[path]) if path in answers else httpx.Response(503)


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
async def ask(services, open_browser, settings) -> AsyncGenerator[Counter]:
    secret = settings.web_secret.get_secret_value()
    form = {"form_token": form_token(secret, UUID(SELLER), "julien"), "form_key": KEY}
    sent = {
        "headers": {"Sec-Fetch-Site": "same-origin"},
        "session": "julien",
    }
    async with open_browser(services, {}, **sent) as browser:
        yield Counter(browser, form)


def plain(html: str) -> str:
    """With blanks that may break, as one reads it."""
    return html.replace("\u00a0", " ")


# --- The serial number -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "words", "bad"),
    [
        ("PHBQ74K-M910XTD", "Caractère 8 : « - » n’est ni un chiffre ni une lettre de A à Z.", 7),
        ("PHBQ74é2M910XTD", "Caractère 7 : « é »", 6),
        ("PHBQ74ß2M910XTD", "Caractère 7 : « ß »", 6),
        ("PHBQ74ı2M910XTD", "Caractère 7 : « ı »", 6),
        ("PHBQ74K２M910XT", "Caractère 8 : « ２ »", 7),
        ("PHBQ74😀M910XTD", "Caractère 7 : « 😀 »", 6),
        ("PHBQ 74K2M910XT", "Caractère 5 : une espace n’est ni un chiffre", 4),
        ("PHBQ\u00a074K2M910XT", "Caractère 5 : une espace n’est", 4),
        ("PHBQ\u200b74K2M910XT", "Caractère 5 : un caractère invisible n’est", 4),
        (f"{UNIT}{UNIT}é", "Caractère 31 : « é »", 30),
        ("PHBQ74K2M91", "Il manque 4 caractères : un numéro de série en compte 15.", None),
        (f"{UNIT}12", "Il y a 2 caractères de trop : un numéro de série en compte 15.", None),
        ("", "Indiquez le numéro de série : il compte 15 caractères.", None),
    ],
)
async def test_a_wrong_number_is_refused_naming_the_character_and_its_place(
    ask, services, typed, words, bad
):
    answer = await ask("/comptoir/numeros", serial_number=typed, product_id=PRODUCT)

    assert (answer["state"], answer["bad"]) == ("refused", bad)
    assert words in plain(answer["html"])
    assert services.asked == []


@pytest.mark.parametrize(
    ("typed", "scanned", "words"),
    [
        (f"]C1{UNIT}", "", "La douchette met « ]C1 » devant le numéro : ce préfixe est retiré."),
        (f"]d2{UNIT.lower()}", "true", "La douchette met « ]d2 » devant le numéro"),
        ("PHBA\u00e8'K\u00e9?ç&àXTD", "true", "La douchette semble réglée sur un autre clavier."),
        (
            "$C&PHBA\u00e8'K\u00e9?ç&àXTD",
            "true",
            "La douchette semble réglée sur un autre clavier.",
        ),
    ],
)
async def test_what_a_scanner_meant_is_shown_for_confirmation(ask, typed, scanned, words):
    answer = await ask(
        "/comptoir/numeros", serial_number=typed, scanned=scanned, product_id=PRODUCT
    )

    assert answer["state"] == "asks"
    assert f"{words} " in plain(answer["message"]) + " "
    assert f"Numéro lu : {UNIT}. C’est bien celui de l’étiquette ?" in plain(answer["message"])
    assert f'data-use="{UNIT}"' in answer["html"]


async def test_a_prefix_before_a_wrong_number_is_taken_off_and_the_rest_refused(ask):
    answer = await ask("/comptoir/numeros", serial_number="]C1PHBQ74é", product_id=PRODUCT)

    assert (answer["state"], answer["serial_number"], answer["bad"]) == ("refused", "PHBQ74é", 6)


async def test_a_unit_that_was_sold_names_when_to_whom_and_by_whom(ask, services):
    services.found = {"sale": services.sale(), "look_alike": services.sale()}
    answer = await ask("/comptoir/numeros", serial_number=UNIT, product_id=PRODUCT)

    assert answer["state"] == "sold"
    assert plain(answer["message"]) == (
        "Cet appareil est déjà vendu : le 12 mars 2026 à Marc Rousseau, par Awa Diallo."
    )
    assert f'href="/ventes/{SALE}"' in answer["html"]


async def test_the_same_number_of_another_product_warns_and_stops_nobody(ask, services):
    services.found = {"same_number": services.sale()}
    answer = await ask("/comptoir/numeros", serial_number=UNIT, product_id=PRODUCT)

    assert answer["state"] == "free"
    assert plain(answer["message"]) == (
        "Ce numéro est aussi celui d’un autre appareil vendu le 12 mars 2026."
    )
    assert f'href="/ventes/{SALE}"' in answer["html"]


@pytest.mark.parametrize(
    ("typed", "sold", "words"),
    [
        ("PHBO74K2M910XTD", "PHB074K2M910XTD", "le chiffre 0 là où celui-ci a la lettre O"),
        ("PHBQ74K2M910XTD", "PHBQ74K2M9I0XTD", "la lettre I là où celui-ci a le chiffre 1"),
    ],
)
async def test_a_number_that_reads_like_a_sold_one_is_asked_about_once(
    ask, services, typed, sold, words
):
    services.found = {"look_alike": services.sale(sold), "same_number": services.sale(typed)}
    answer = await ask("/comptoir/numeros", serial_number=typed, product_id=PRODUCT)

    assert answer["state"] == "asks"
    assert words in plain(answer["message"])
    for number in (typed, sold):
        assert f'data-use="{number}"' in answer["html"]
    again = {"serial_number": typed, "product_id": PRODUCT}
    for sure in ({"confirmed": typed}, {"scanned": "true"}):
        assert (await ask("/comptoir/numeros", **again, **sure))["state"] == "free"


# --- The day -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("{tomorrow:%d%m%Y}", "La date de vente ne peut pas être dans le futur."),
        ("31/12/2099", "La date de vente ne peut pas être dans le futur."),
        ("demain", "Cette date n’est pas lisible. Écrivez par exemple"),
        ("31/2", "Cette date n’est pas lisible."),
        ("3/3/1999", "ne peut pas être avant le {oldest:%d/%m/%Y}."),
        ("3/3/0202", "La date de vente ne peut pas être avant le"),
    ],
)
async def test_a_day_that_cannot_be_is_refused_for_what_is_wrong(ask, services, typed, words):
    days = {"tomorrow": today() + timedelta(days=1), "oldest": years_before(today(), 10)}
    for path in ("/comptoir/dates", "/comptoir"):
        answer = await ask(path, sold_on=typed.format(**days), day_confirmed="1999-03-03")
        assert words.format(**days) in plain(answer["fields"]["sold_on"])
        assert "day" not in answer
    assert services.asked == []


async def test_a_day_is_told_in_all_its_forms_with_four_digits_of_the_year(ask):
    answer = await ask("/comptoir/dates", sold_on=f"{today():%d%m%y}")

    assert (answer["day"], answer["short"]) == (today().isoformat(), f"{today():%d/%m/%Y}")
    assert answer["words"].endswith(f" {today().year}")
    assert "Aujourd’hui, " in answer["fields"]["sold_on"]
    assert answer["asks"] is False


async def test_a_day_of_more_than_a_year_ago_is_asked_about_once(ask, services):
    a_year_ago = years_before(today(), 1)
    assert (await ask("/comptoir/dates", sold_on=f"{a_year_ago:%d%m%Y}"))["asks"] is False
    day = a_year_ago - timedelta(days=1)
    typed = {"sold_on": f"{day:%d/%m/%Y}"}
    for path in ("/comptoir/dates", "/comptoir"):
        answer = await ask(path, **typed)
        assert f'data-confirm-day="{day.isoformat()}"' in answer["fields"]["sold_on"]
    assert services.asked == []
    confirmed = typed | {"day_confirmed": day.isoformat()}
    assert (await ask("/comptoir/dates", **confirmed))["asks"] is False

    assert (await ask("/comptoir", **confirmed))["location"] == f"/ventes/{SALE}"
    assert services.asked[-1][1]["sold_on"] == day.isoformat()


# --- The draft, and the sale -------------------------------------------------------------------


async def test_whatever_the_page_sends_is_kept_and_shown_again(ask, services):
    typed = {"serial_number": "PHBQ", "a_field_of_tomorrow": "abc"}
    assert (await ask("/comptoir/brouillon", **typed, email=""))["saved"] is True
    [(_, stored)] = services.asked
    assert (stored["key"], stored["content"], stored["negligible"]) == (KEY, typed, False)
    services.draft = stored | {"saved_at": "2026-11-24T10:42:00+01:00"}

    assert 'value="PHBQ"' in await ask.page()


@pytest.mark.parametrize(
    ("typed", "negligible"),
    [
        ({"customer_text": "rouss", "product_text": "noctua", "sold_on": "hier"}, True),
        ({"customer_text": "rouss", "serial_number": "P"}, False),
        ({"customer_id": CUSTOMER}, False),
        ({"creating_customer": "true"}, False),
        ({"a_field_of_tomorrow": "abc"}, False),
    ],
)
async def test_searches_alone_are_negligible(ask, services, typed, negligible):
    await ask("/comptoir/brouillon", **typed)
    assert services.asked[0][1]["negligible"] is negligible


async def test_another_sale_that_was_begun_is_told_with_its_customer(ask, services):
    services.refusal = "draft_of_another_sale"
    services.draft = {"key": KEY, "content": {"customer_id": CUSTOMER}}
    answer = await ask("/comptoir/brouillon", serial_number="PHBQ")

    assert answer["saved"] is False
    assert "Une autre vente est commencée pour Marc Rousseau" in plain(answer["notice"])


async def test_a_silence_is_no_answer_about_the_draft(ask, services):
    """The page tries again, and sets nothing aside."""
    services.is_silent = True
    answer = await ask.browser.post(
        "/comptoir/brouillon", data=ask.form | {"serial_number": "PHBQ"}
    )

    assert answer.status_code == 503
    assert "json" not in answer.headers["Content-Type"]


async def test_the_customer_chosen_is_shown_with_purchases_and_requests(ask, services):
    services.unresolved = [{"customer_id": CUSTOMER, "count": 2, "numbers": [1051, 1044]}]
    answer = await ask(f"/comptoir/clients/{CUSTOMER}")

    assert answer["sub"] == "marc@example.org · 4 achats, 2 demandes à suivre"


async def test_only_what_the_contract_lists_is_recorded(ask, services):
    typed = {"customer_id": CUSTOMER, "product_id": PRODUCT, "serial_number": UNIT}
    await ask("/comptoir", **typed, customer_text="rouss", withdrawn_confirmed="", sold_on="")

    assert services.asked == [("/api/sales", typed | {"sold_on": today().isoformat()})]


async def test_a_customer_is_created_under_a_name_of_its_own(ask):
    for address, title in (("?nouveau=1", "Nouveau client"), ("", "Nouvelle vente")):
        page = await ask.page(address)
        assert f"<title>{title}" in page
        assert f">{title}</h1>" in page


async def test_the_product_field_says_that_a_part_of_the_reference_is_enough(ask):
    page = " ".join((await ask.page()).split())
    assert (
        'id="product-hint">Au moins 3 lettres ou chiffres : le modèle, la marque, la référence, ou'
        " une partie.</p>" in plain(page)
    )
    assert ">modèle, marque ou référence, ou une partie</small>" in page
    assert 'aria-describedby="product-hint" placeholder="Désignation ou référence"' in page


# --- The products that match -------------------------------------------------------------------


def products(count: int, *, on_sale: bool = True) -> list[Product]:
    return [
        Product(
            id=UUID(int=number + 100 * on_sale),
            reference=f"R{number}",
            designation="Écran",
            on_sale=on_sale,
            version=1,
        )
        for number in range(count)
    ]


def search(on_sale: int, withdrawn: int, *, exact: int = 0, shown: bool = False) -> ProductSearch:
    return ProductSearch(
        text="écran",
        state=SearchState.SEARCHED,
        exact=products(exact),
        on_sale=Matches(count=on_sale, products=products(on_sale if on_sale < 10 else 0)),
        withdrawn=Matches(
            count=withdrawn, products=products(withdrawn, on_sale=False) if shown else []
        ),
    )


@pytest.mark.parametrize(
    ("on_sale", "withdrawn", "sentence"),
    [
        (10, 17, "10 produits correspondent, et 17 retirés de la vente. Continuez à taper : la liste s’affiche à moins de 10."),
        (128, 1, "128 produits correspondent, et 1 retiré de la vente. Continuez à taper : la liste s’affiche à moins de 10."),
        (10, 0, "10 produits correspondent. Continuez à taper : la liste s’affiche à moins de 10."),
        (1001, 1001, "Plus de 1 000 produits correspondent, et plus de 1 000 retirés de la vente. Continuez à taper : la liste s’affiche à moins de 10."),
        (9, 17, "9 produits correspondent à « écran », et 17 retirés de la vente"),
        (1, 0, "1 produit correspond à « écran »"),
        (0, 17, "Aucun produit en vente ne correspond à « écran », et 17 retirés de la vente. Continuez à taper : la liste s’affiche à moins de 10."),
        (0, 3, "Aucun produit en vente ne correspond à « écran », et 3 retirés de la vente."),
        (0, 0, "Aucun produit ne correspond à « écran ». Vérifiez l’orthographe ou essayez la référence."),
    ],
)  # fmt: skip
def test_how_many_match_is_said_in_one_sentence(on_sale, withdrawn, sentence):
    assert plain(summary_of(search(on_sale, withdrawn), "écran")) == sentence


@pytest.mark.parametrize(
    ("found", "is_one"),
    [
        (search(1, 0), True),
        (search(0, 1, shown=True), True),
        (search(1, 1), False),
        (search(2, 0), False),
        (search(0, 0), False),
        (search(128, 3, exact=1), True),
        (search(1, 0, exact=2), False),
    ],
)
def test_enter_takes_a_product_unseen_only_when_no_other_can_be_meant(found, is_one):
    assert (the_one(found) is not None) is is_one
