"""What comes by mail: links that choose a password or confirm an address, and the end of mails."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from signed_in import claims_of
from web.shared.browser.cookies import cookie_name

SOMEBODY = "0199b5a5-0000-7000-8000-000000000001"
NOW = "2026-11-24T10:42:00+01:00"
SECRET = "kQm1-a-secret-that-came-by-mail"
LINK, END = f"/lien/{SECRET}", "/desabonnement/nathalie.reply.signed"
CHOSEN = {"password": "neuf tortues lentes"}
EMAIL = "Zoé+sav@example.org"


class Services:
    """The whole of the gateway; `asked` are the posts to it."""

    def __init__(self) -> None:
        self.purpose = "password"
        self.wanted = True
        self.refuses = False
        self.refusals: dict[str, tuple[int, str]] = {}
        self.asked: list[tuple[str, Any]] = []

    @property
    def claims(self) -> dict[str, str]:
        return claims_of("customer", "Zoé Petit", SOMEBODY)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        body = json.loads(request.content) if request.content else None
        self.asked.append((path, body))
        if path in self.refusals:
            status, code = self.refusals[path]
            fields = {"title": "", "status": status, "code": code, "detail": ""}
            return httpx.Response(status, json=fields, headers={"Retry-After": "290"})
        return httpx.Response(200, json=self.answer_to(path, body))

    def answer_to(self, path: str, body: Any) -> Any:
        if path.endswith("/links/read"):
            known = {"first_name": "Zoé", "last_name": "Petit", "email": EMAIL}
            known |= {"purpose": self.purpose, "role": "customer", "expires_at": NOW}
            return known | {"refuses": self.refuses}
        if path.endswith("/links/use"):
            return {"purpose": self.purpose, "email": EMAIL, "refused": self.refuses}
        if path == "/api/identity/sessions":
            account: dict[str, Any] = {
                "id": SOMEBODY,
                "first_name": "Zoé",
                "last_name": "Petit",
                "email": EMAIL,
            }
            account |= {"role": "customer", "enabled": True, "registered_at": NOW}
            opened = {"token": "of-zoe", "expires_at": NOW, "browser": "known-here"}
            return opened | {"account": account}
        if path.endswith("/unsubscriptions"):
            self.wanted = body["wanted"]
        return {"kind": "reply", "language": "fr", "wanted": self.wanted}


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
def session_name(settings) -> str:
    return cookie_name(settings, "session")


@pytest.fixture
async def reader(services, open_browser) -> AsyncGenerator[httpx.AsyncClient]:
    """Nobody who is signed in, where mail can be sent, at a browser that tells nothing of itself."""
    async with open_browser(services, {"mail": True}) as browser:
        yield browser


@pytest.fixture
async def reader_without_mail(services, open_browser) -> AsyncGenerator[httpx.AsyncClient]:
    async with open_browser(services, {"mail": False}) as browser:
        yield browser


def plain(html: str) -> str:
    """With blanks that may break, as one reads it."""
    return html.replace("\u00a0", " ")


# --- A link -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [LINK, END, f"{LINK}/more"])
async def test_an_address_that_came_by_mail_is_told_to_nobody(reader, path):
    headers = (await reader.get(path)).headers
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Robots-Tag"] == "noindex, nofollow"
    assert headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("purpose", "title", "button"),
    [
        ("password", "Nouveau mot de passe", "Enregistrer le mot de passe"),
        ("invitation", "Bienvenue Zoé", "Enregistrer le mot de passe"),
        ("email", "Confirmez votre adresse", "Confirmer cette adresse"),
    ],
)
async def test_looking_at_a_link_says_what_it_is_for_and_uses_nothing(
    services, reader, purpose, title, button
):
    services.purpose = purpose
    page = (await reader.get(LINK)).text

    assert title in page
    assert "Zoé" in page
    assert button in page
    assert services.asked == [("/api/identity/links/read", {"secret": SECRET})]


# A page without a referrer is sent from « null », and plain HTTP knows no Sec-Fetch-Site.
@pytest.mark.parametrize("headers", [{"Origin": "null"}, {"Sec-Fetch-Site": "same-origin"}, {}])
@pytest.mark.parametrize(
    ("purpose", "expected"),
    [
        ("password", "password_chosen_here"),
        ("invitation", "first_password_chosen"),
    ],
)
async def test_whoever_chooses_a_password_on_our_page_is_signed_in(
    services, reader, session_name, headers, purpose, expected
):
    services.purpose = purpose
    await reader.get(LINK)
    answer = await reader.post(LINK, data=CHOSEN, headers=headers)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/mes-demandes")
    assert services.asked[-2:] == [
        ("/api/identity/links/use", {"secret": SECRET, **CHOSEN}),
        ("/api/identity/sessions", {"email": EMAIL, **CHOSEN, "browser": ""}),
    ]
    assert reader.cookies[session_name] == "of-zoe"
    assert reader.cookies[session_name.replace("session", "done")] == expected


@pytest.mark.parametrize("refused", [False, True])
async def test_elsewhere_a_password_is_chosen_and_then_signed_in_with(
    services, reader, session_name, refused
):
    """Another site's form may lead somebody into an account of its own: not with our cookie."""
    if refused:
        await reader.get(LINK)
        services.refusals["/api/identity/sessions"] = (429, "too_many_attempts")
    answer = await reader.post(LINK, data=CHOSEN)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/connexion")
    assert session_name not in reader.cookies

    page = (await reader.get("/connexion")).text
    assert f'value="{EMAIL}"' in page
    assert "Mot de passe enregistré. Connectez-vous avec lui." in page


async def test_another_sites_page_uses_no_link(services, reader):
    headers = {"Sec-Fetch-Site": "cross-site", "Origin": "null"}
    assert (await reader.post(LINK, data=CHOSEN, headers=headers)).status_code == 403
    assert services.asked == []


async def test_signing_in_again_ends_the_earlier_session_and_shows_the_browser(
    services, reader, session_name
):
    typed = {"email": EMAIL, "password": "au hasard, un mot"}
    here = {"Sec-Fetch-Site": "same-origin"}
    closing = (f"/api/identity/sessions/{SOMEBODY}", None)
    await reader.post("/connexion", data=typed, headers=here)
    assert closing not in services.asked
    await reader.post("/connexion", data=typed, headers=here)
    assert closing in services.asked
    assert reader.cookies[session_name] == "of-zoe"

    reader.cookies.set(
        session_name.replace("session", "browser"), "x" * 3000, domain="guichet.test"
    )
    await reader.post("/connexion", data=typed, headers=here)
    shown = [body["browser"] for path, body in services.asked if path.endswith("/sessions")]
    assert shown == ["", "known-here", ""]


@pytest.mark.parametrize("shown", [False, True])
async def test_whoever_was_signed_in_at_this_browser_is_not_any_more(
    services, reader, session_name, shown
):
    reader.cookies.set(session_name, "somebody's", domain="guichet.test")
    if shown:
        await reader.get(LINK)
    await reader.post(LINK, data=CHOSEN)
    assert (f"/api/identity/sessions/{SOMEBODY}", None) in services.asked
    assert reader.cookies.get(session_name) == ("of-zoe" if shown else None)


async def test_an_address_is_confirmed_without_any_password(services, reader):
    services.purpose = "email"
    answer = await reader.post(LINK)
    assert answer.headers["Location"] == "/compte"
    assert services.asked[-1] == ("/api/identity/links/use", {"secret": SECRET, "password": None})

    led = await reader.get("/compte")
    page = (await reader.get(led.headers["Location"])).text
    assert "Adresse e-mail confirmée." in page
    assert f'value="{EMAIL}"' in page


async def test_the_old_address_is_kept_by_one_button_without_script(services, reader):
    services.purpose, services.refuses = "email", True
    looked = (await reader.get(LINK)).text
    assert "Garder mon adresse" in looked
    assert services.asked == [("/api/identity/links/read", {"secret": SECRET})]

    answer = await reader.post(LINK)

    assert services.asked[-1] == ("/api/identity/links/use", {"secret": SECRET, "password": None})
    assert answer.status_code == 200
    assert "Votre adresse reste la même" in answer.text
    assert 'href="/mot-de-passe-oublie"' in answer.text


async def test_a_password_that_is_missing_or_refused_is_said_beside_its_field(services, reader):
    answer = await reader.post(LINK)
    assert answer.status_code == 422
    assert "Indiquez le mot de passe." in answer.text

    services.refusals["/api/identity/links/use"] = (422, "password_too_common")
    answer = await reader.post(LINK, data=CHOSEN)
    assert answer.status_code == 422
    assert "trop facile à deviner" in answer.text
    assert CHOSEN["password"] not in answer.text


@pytest.mark.parametrize(
    ("status", "code", "title"),
    [
        (404, "link_unknown", "Ce lien n’existe pas"),
        (409, "link_used", "Ce lien a déjà servi"),
        (409, "link_expired", "Ce lien n’est plus valable"),
    ],
)
@pytest.mark.parametrize("step", ["read", "use"])
async def test_a_link_that_opens_nothing_says_why_and_offers_another(
    services, reader, reader_without_mail, status, code, title, step
):
    services.refusals[f"/api/identity/links/{step}"] = (status, code)
    answer = await reader.post(LINK, data=CHOSEN)
    assert answer.status_code == status
    assert title in answer.text
    assert "Demander un nouveau lien" in answer.text
    assert "Demander un nouveau lien" not in (await reader_without_mail.post(LINK)).text


# --- Asking for one ---------------------------------------------------------------------------


async def test_a_forgotten_password_is_offered_only_where_mail_can_be_sent(
    services, reader, reader_without_mail
):
    assert "/mot-de-passe-oublie" in (await reader.get("/connexion")).text
    assert "/mot-de-passe-oublie" not in (await reader_without_mail.get("/connexion")).text
    assert (await reader_without_mail.get("/mot-de-passe-oublie")).status_code == 404


async def test_after_too_many_attempts_a_link_is_another_way(services, reader, reader_without_mail):
    services.refusals["/api/identity/sessions"] = (429, "too_many_attempts")
    typed = {"email": EMAIL, "password": "au hasard, un mot"}
    here = {"Origin": "http://guichet.test"}
    answer = await reader.post("/connexion", data=typed, headers=here)
    assert "Réessayez dans 5 minutes ou demandez un lien par e-mail." in answer.text
    answer = await reader_without_mail.post("/connexion", data=typed, headers=here)
    assert "Réessayez dans 5 minutes." in answer.text


# --- The end of mails ---------------------------------------------------------------------------


async def test_one_click_in_a_mail_program_ends_such_mails(services, reader):
    services.refusals = {}
    for headers in ({}, {"Origin": "https://mail.example.com", "Sec-Fetch-Site": "cross-site"}):
        services.wanted = True
        one_click = {"List-Unsubscribe": "One-Click"}
        answer = await reader.post(END, data=one_click, headers=headers)
        assert answer.status_code == 200
        assert "Vous ne recevez plus d’e-mail à chaque réponse" in answer.text
        assert services.wanted is False


async def test_looking_at_the_page_ends_nothing_and_its_buttons_end_it_and_take_it_back(
    services, reader
):
    page = (await reader.get(END)).text
    assert "Ne plus en recevoir" in page
    assert services.wanted is True

    page = (await reader.post(END)).text
    assert 'name="wanted" value="on"' in page
    assert "Vous êtes désabonné" in (await reader.get(END)).text

    page = (await reader.post(END, data={"wanted": "on"})).text
    assert "Vous recevez de nouveau un e-mail à chaque réponse" in page
    assert services.wanted is True


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_address_that_we_have_not_signed_is_explained(services, reader, method):
    for path in ("unsubscriptions", "unsubscriptions/read"):
        services.refusals[f"/api/notifications/{path}"] = (404, "unsubscription_unknown")
    answer = await reader.request(method, END)
    assert answer.status_code == 404
    assert "Ce lien n’est pas complet" in answer.text
    assert "Mes notifications" in answer.text
