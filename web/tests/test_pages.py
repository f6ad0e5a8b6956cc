"""Pages that need no service, and every page when the services are silent."""

import re
from collections.abc import Iterable
from typing import ClassVar
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from signed_in import claims_of
from web.live import stream as live
from web.shared.assets import SHEET
from web.shared.browser.cookies import cookie_name
from web.shared.forms import form_token
from web.shared.sealing import SealedForm, unseal

SOMEBODY = "0199b5a5-0000-7000-8000-000000000001"


async def test_every_answer_carries_the_policy_and_is_kept_by_nobody(browser):
    for path in ("/connexion", "/nulle-part", "/"):
        headers = (await browser.get(path)).headers
        policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"


async def test_head_is_answered_wherever_get_is(browser):
    for path in ("/connexion", "/nulle-part", "/", "/health/ready", "/lien/rien"):
        got, head = await browser.get(path), await browser.head(path)
        assert (head.status_code, head.content) == (got.status_code, b"")
        assert head.headers["Content-Security-Policy"] == got.headers["Content-Security-Policy"]


async def test_a_stream_begins_at_once_and_tells_proxies_to_pass_it_on(app, browser):
    """Before anybody is asked who it is for: gateway and identity are away here."""
    answer = await browser.get("/en-direct")
    assert answer.headers["Cache-Control"] == "no-cache, no-transform"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert answer.text.startswith(live.BEGUN)
    head = await browser.head("/en-direct")
    assert (head.status_code, head.content) == (200, b"")


async def test_static_files_are_kept_for_ever_under_an_address_of_their_content(browser):
    page = (await browser.get("/connexion")).text
    addresses = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', page))
    assert any(address.endswith("/guichet.css") for address in addresses)
    for address in addresses:
        answer = await browser.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"


async def test_the_stylesheet_finds_its_fonts_beside_it(browser):
    page = (await browser.get("/connexion")).text
    [sheet] = re.findall(r'href="(/static/[^"]+/guichet\.css)"', page)
    fonts = re.findall(r'url\("([^"]+)"\)', (await browser.get(sheet)).text)
    assert len(fonts) == 6
    for font in fonts:
        answer = await browser.get(f"{sheet.rpartition('/')[0]}/{font}")
        assert answer.headers["Content-Type"] == "font/woff2"


def test_every_stylesheet_is_part_of_the_one_that_is_sent(app):
    assert {name for name in app.state.assets.files if name.endswith(".css")} == {SHEET}


async def test_an_address_of_another_version_still_gets_the_file(browser):
    answer = await browser.get("/static/0123456789abcdef/shared/styles/guichet.css")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-cache"
    assert (await browser.get("/static/x/../settings.py")).status_code == 404
    assert (await browser.get("/static/x/settings.py")).status_code == 404


async def test_nobody_signed_in_is_led_to_sign_in_and_back(browser):
    assert (await browser.get("/")).headers["Location"] == "/connexion"
    answer = await browser.get("/demandes?vue=ouvertes&apres=x")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/connexion?next=/demandes%3Fvue%3Douvertes%26apres%3Dx"
    page = (await browser.get(answer.headers["Location"])).text
    assert 'value="/demandes?vue=ouvertes&amp;apres=x"' in page


async def test_a_module_of_an_open_page_is_told_that_the_session_ended_and_led_nowhere(browser):
    headers = {"X-Guichet-Person": SOMEBODY}
    for answer in (
        await browser.get("/mes-demandes", headers=headers),
        await browser.post("/mes-demandes/4127", data={"text": "x"}, headers=headers),
    ):
        assert answer.status_code == 401
        assert answer.headers["Guichet-Session"] == "ended"
        assert answer.text == ""
    assert (await browser.get("/session")).json() == {"person": None}
    asked = (await browser.get("/connexion", headers=headers)).text
    assert asked.startswith("<form")
    refused = await browser.post("/connexion", data={"email": "", "password": ""}, headers=headers)
    assert refused.status_code == 422
    assert refused.text.startswith("<form")


async def test_what_is_to_be_said_waits_for_a_whole_page(browser, settings):
    done = cookie_name(settings, "done")
    browser.cookies.set(done, "session_expired")
    for header in ({"X-Guichet-Person": SOMEBODY}, {"HX-Request": "true"}):
        part = await browser.get("/connexion", headers=header)
        assert done not in part.headers.get("Set-Cookie", "")
    whole = await browser.get("/connexion")
    assert "Votre session a expiré" in whole.text
    assert f'{done}=""' in whole.headers["Set-Cookie"]


async def test_the_queue_that_refreshes_itself_leads_nobody_away(browser):
    answer = await browser.get("/demandes/file", headers={"HX-Request": "true"})
    assert answer.status_code == 204


async def test_what_is_typed_survives_the_end_of_the_session_but_passwords_do_not(
    browser, settings
):
    typed = {"text": "Ligne 1\r\nLigne 2 <b>", "form_token": f"{SOMEBODY}.old", "answer": "send"}
    answer = await browser.post("/mes-demandes/4127", data=typed)
    assert answer.status_code == 401
    assert "Votre session a expiré" in answer.text
    assert "Ligne" not in answer.text  # the next person at this browser may be another one
    [sealed] = re.findall(r'name="sealed" value="([^"]+)"', answer.text)
    stored = unseal(settings.web_secret.get_secret_value(), sealed)
    assert stored == SealedForm(
        owner=UUID(SOMEBODY),
        action="/mes-demandes/4127",
        values={"text": "Ligne 1\r\nLigne 2 <b>", "answer": "send"},
    )

    secrets = {"current_password": "ancien secret", "new_password": "nouveau secret"}
    referer = {"Referer": "http://guichet.test/compte?x=1"}
    answer = await browser.post("/compte/mot-de-passe", data=secrets, headers=referer)
    assert answer.headers["Location"] == "/connexion?next=/compte"
    assert "secret" not in answer.text


async def test_what_we_did_not_seal_is_not_given_back(browser):
    typed = {"email": "", "password": "", "sealed": "gAAAAAB" + "x" * 80}
    answer = await browser.post("/connexion", data=typed)
    assert answer.status_code == 422
    assert 'name="sealed"' not in answer.text


async def test_another_sites_form_is_refused_before_anything_else(browser):
    headers = {"Origin": "http://elsewhere.test"}
    for path in ("/connexion", "/mes-demandes/4127"):
        answer = await browser.post(path, data={"text": "x"}, headers=headers)
        assert answer.status_code == 403, path
        assert "Ce formulaire vient d’un autre site" in answer.text


async def test_nobody_is_signed_in_by_a_form_of_unknown_origin(browser):
    del browser.headers["Sec-Fetch-Site"]
    answer = await browser.post("/connexion", data={"email": "a@example.org", "password": "x"})
    assert answer.status_code == 403


async def test_an_unknown_address_says_so(browser):
    for path in ("/nulle-part", "/demandes/abc", "/mes-demandes/-1", f"/demandes/{'9' * 5000}"):
        answer = await browser.get(path)
        assert answer.status_code == 404, path
        assert "Page introuvable" in answer.text
    answer = await browser.get("/<script>alert(1)</script>")
    assert "<script>alert" not in answer.text


async def test_a_form_sent_to_a_page_without_one_is_told_so_and_led_to_it(browser):
    answer = await browser.post("/mes-appareils", data={"text": "x"})
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET"
    assert "Cette page ne reçoit pas de formulaire" in answer.text
    assert "Demande refusée" not in answer.text
    assert 'href="/mes-appareils"' in answer.text


# --- When the services are silent --------------------------------------------------------------


async def test_signing_in_says_that_the_counter_is_closed_and_keeps_the_address(browser):
    typed = {"email": "lea@example.org", "password": "un secret bien long"}
    answer = await browser.post("/connexion", data=typed)
    assert answer.status_code == 503
    assert "Le guichet est momentanément fermé" in answer.text
    assert 'value="lea@example.org"' in answer.text
    assert "un secret" not in answer.text


async def test_signing_in_with_nothing_asks_nobody(browser):
    answer = await browser.post("/connexion", data={"email": " ", "password": ""})
    assert answer.status_code == 422
    assert "Indiquez l’adresse e-mail." in answer.text
    assert "Indiquez le mot de passe." in answer.text
    assert len(re.findall(r"\sautofocus", answer.text)) == 1


def prefix_of(included: BaseRoute) -> str:
    """Under which a router was included; FastAPI has no public name for it."""
    return getattr(included, "include_context").prefix  # noqa: B009


def addresses_of_forms(routes: Iterable[BaseRoute], prefix: str = "") -> set[str]:
    """Every address that a form, or a script, sends something to."""
    found = set()
    for route in routes:
        if isinstance(route, APIRoute):
            if "POST" in (route.methods or ()):
                path = re.sub(r"{\w+:number}", "12", prefix + route.path)
                found.add(re.sub(r"{[^}]+}", SOMEBODY, path))
        elif isinstance(part := getattr(route, "original_router", None), APIRouter):
            found |= addresses_of_forms(part.routes, prefix + prefix_of(route))
    return found


class Silence:
    claims: ClassVar[dict[str, str]] = {}

    def answer(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(503)


async def test_an_address_that_a_form_is_sent_to_can_be_opened_again(app, open_browser):
    """Refused, a form is shown under it: reloaded or kept, it leads to the page of the form."""
    addresses = addresses_of_forms(app.routes)
    assert {"/compte/adresse", "/compte/mot-de-passe", "/mes-demandes/12"} <= addresses
    led = {}
    async with open_browser(Silence(), {"mail": True}) as browser:
        for address in addresses:
            answer = await browser.get(address)
            assert answer.status_code in {200, 204, 303, 503}, f"{address}: {answer.status_code}"
            led[address] = answer.headers.get("Location", "/connexion").partition("?")[0]
    assert led["/compte/adresse"] == "/compte"
    assert led[f"/personnel/{SOMEBODY}/role"] == "/personnel"
    assert led[f"/clients/{SOMEBODY}/lien"] == f"/clients/{SOMEBODY}"
    # Each to a page above it, which is one.
    for address, above in led.items():
        if above != "/connexion":
            assert address.startswith(above)
            assert led.get(above, "/connexion") == "/connexion"


@pytest.mark.parametrize("path", ["/", "/mes-demandes", "/mes-appareils", "/compte", "/demandes"])
async def test_a_page_is_closed_for_the_moment(browser, session_cookie, path):
    answer = await browser.get(path, headers=session_cookie)
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert "Le guichet est momentanément fermé" in answer.text
    assert "Set-Cookie" not in answer.headers  # the session may well be good


async def test_a_failure_of_our_own_is_a_page_too(app, session_cookie, monkeypatch):
    """Even where nobody expected it, people get words, and the log gets the reason."""
    # As if the start had gone wrong.
    monkeypatch.setattr(app.state, "http", None, raising=False)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://guichet.test") as outside:
        answer = await outside.get("/compte", headers=session_cookie)
    assert answer.status_code == 500
    assert answer.headers["Content-Security-Policy"]
    assert "Le guichet est momentanément fermé" in answer.text


class SignedIn:
    """As somebody with this role; the services say nothing else."""

    def __init__(self, role: str) -> None:
        self.claims = claims_of(role, "A B", SOMEBODY)

    def answer(self, _: httpx.Request) -> httpx.Response:
        return httpx.Response(503)


@pytest.mark.parametrize(
    ("role", "path", "whose"),
    [
        *(("customer", path, "au personnel") for path in ("/comptoir", "/demandes", "/clients")),
        *(("seller", path, "aux clients") for path in ("/mes-demandes", "/mes-appareils")),
        ("technician", "/mes-demandes/nouvelle", "aux clients"),
        ("seller", "/personnel", "aux administrateurs"),
        ("technician", "/courrier/demo", "aux administrateurs"),
    ],
)
async def test_whoever_may_not_see_a_page_is_told_whose_it_is(open_browser, role, path, whose):
    """Who may is said for every page in tests/attacks/access.py."""
    async with open_browser(SignedIn(role), {}, "session") as browser:
        answer = await browser.get(path)
    assert answer.status_code == 403
    assert f"Cette page est réservée {whose}." in answer.text
    assert 'href="/personnel"' not in answer.text


class Flooded:
    """A gateway that lets nothing more through for two minutes."""

    claims: ClassVar = claims_of("customer", "A B", SOMEBODY)

    def answer(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers={"Retry-After": "125"})


async def test_too_many_at_once_is_told_with_when_it_goes_on(open_browser, settings):
    """Outside a form of its own, and what was typed comes back."""
    ours = {"headers": {"Sec-Fetch-Site": "same-origin"}}
    secret = settings.web_secret.get_secret_value()
    typed = {
        "form_token": form_token(secret, UUID(SOMEBODY), "session"),
        "complete": "7",
        "description": "Elle clignote en rouge.",
    }
    async with open_browser(Flooded(), {}, "session", **ours) as browser:
        page = await browser.get("/mes-demandes")
        resumed = await browser.post("/mes-demandes/nouvelle", data=typed)
    for answer in (page, resumed):
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "125")
        assert "Réessayez dans 3 minutes" in answer.text.replace("\u00a0", " ")
        assert "fermé" not in answer.text
    assert "Elle clignote en rouge." in resumed.text
