"""What was typed comes back from every form of every page, whatever goes wrong with it."""

import html
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from signed_in import claims_of, token_for
from web.app import create_app
from web.shared.browser.cookies import cookie_name
from web.shared.forms import form_token
from web.shared.sealing import unseal

SECRET = "a secret that is long enough for every form"
WHO = uuid4()
KEY = "0b6ba2a1-38b0-4fd4-8b09-4d2cb64e3a01"
NAMES = {"first_name": "Élodie <i>", "last_name": "Marchand", "email": "elodie@example.org"}
QUESTION = {"subject": "Bourrage « bac 2 »", "description": "Dix pages.\nPuis plus & rien."}

# The forms of pages that are left for the answer, by role and address, and what is typed there.
FORMS: dict[tuple[str, str], dict[str, str]] = {
    ("customer", "/mes-demandes/nouvelle"): QUESTION,
    ("customer", "/mes-demandes/{number}"): {"text": "Toujours <pareil>."},
    ("customer", "/compte/adresse"): {"email": NAMES["email"]},
    ("administrator", "/personnel"): {**NAMES, "role": "seller"},
    ("administrator", "/personnel/{member_id}/role"): {"role": "technician"},
    ("administrator", "/ventes/{sale_id}/annulation"): {"reason": "Erreur de « client »"},
    ("administrator", "/demandes/{number}"): {"text": "Essayez <ceci>.", "minutes": "12"},
    ("administrator", "/demandes/{number}/priorite"): {"priority": "urgente"},
    ("administrator", "/demandes/{number}/messages/{message_id}/temps"): {"minutes": "25"},
    ("administrator", "/demandes/reponses-types"): {"title": "Reçu", "text": "Bien <reçu>"},
    ("administrator", "/demandes/reponses-types/{quick_reply_id}"): {
        "title": "Reçu",
        "text": "Oui",
    },
    ("administrator", "/clients/{customer_id}/modifier"): NAMES,
    ("administrator", "/clients/{customer_id}/lien"): {},
    ("administrator", "/courrier/{mail_id}/renvoi"): {},
    ("administrator", "/compte/notifications"): {"language": "fr", "new_requests": "on"},
}
# What a list is searched for, by whom.
SEARCHES = {
    "/mes-demandes": "customer",
    "/recherche": "administrator",
    "/clients": "administrator",
    "/ventes": "administrator",
}
# They hold nothing that anybody types, or nothing that is given back.
NOTHING_TYPED = {
    "/deconnexion",
    "/compte/adresse/renonciation",
    "/compte/mot-de-passe",  # passwords are to be typed again
    "/compte/raccourcis",
    "/compte/langue",
    "/langue",
    "/compte/sessions/{session_id}/fermeture",
    "/compte/sessions/fermeture",
    "/fichiers/joindre",  # a file is chosen again, and the text is the draft's
    "/fichiers/{file_id}/retrait",
    "/personnel/{member_id}/activation",
    "/personnel/{member_id}/desactivation",
    "/personnel/{member_id}/lien",
    "/desabonnement/{token}",
    "/lien/{secret}",
}
# Nobody is signed in there: tests of their own.
ANONYMOUS = {"/connexion", "/mot-de-passe-oublie"}
# Sent by a script, whose page stays open and keeps what was typed.
BY_SCRIPT = re.compile(
    r"/comptoir.*|/fichiers/ajout|.*/brouillon|.*/lu|/clients/{customer_id}/mot-de-passe"
)


def posted(routes: Any, prefix: str = "") -> Iterator[str]:
    for route in routes:
        included = getattr(route, "original_router", None)
        if included is not None:
            yield from posted(included.routes, prefix + route.include_context.prefix)
        elif "POST" in getattr(route, "methods", ()):
            yield re.sub(r"{(\w+):\w+}", r"{\1}", prefix + route.path)


def test_every_form_is_here(app):
    here = {address for _, address in FORMS} | {*SEARCHES} | NOTHING_TYPED | ANONYMOUS
    assert {each for each in posted(app.routes) if not BY_SCRIPT.fullmatch(each)} == here


# --- Troubles ---------------------------------------------------------------------------------

Answer = Callable[[httpx.Request], httpx.Response]


def away(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("nobody is there", request=request)


def silent(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("no answer in time", request=request)


def broken(_: httpx.Request) -> httpx.Response:
    raise RuntimeError("a fault of our own")


def says(status: int, code: str, **headers: str) -> Answer:
    problem = {"title": "", "status": status, "code": code, "detail": "", "errors": []}
    return lambda _: httpx.Response(
        status, json=problem, headers={name.replace("_", "-"): v for name, v in headers.items()}
    )


def bare(status: int) -> Answer:
    return lambda _: httpx.Response(status, text="Bad Gateway")


def signed_in(request: httpx.Request) -> httpx.Response:
    role = request.headers["Authorization"].split()[1]
    return token_for(claims_of(role, "Camille Test", WHO))


# By name: what identity makes of the session, and what any service answers; the status expected.
TROUBLES: dict[str, tuple[Answer, Answer, set[int]]] = {
    "identity is away": (away, away, {503}),
    "identity is silent": (silent, away, {503}),
    "identity is busy": (says(503, "busy", Retry_After="2"), away, {503}),
    "a service is away": (signed_in, away, {503}),
    "a service is silent": (signed_in, silent, {503}),
    "a row is held": (signed_in, says(503, "busy", Retry_After="2"), {503}),
    "a server ended": (signed_in, bare(502), {503}),
    "the gateway waited in vain": (signed_in, bare(504), {503}),
    "too many": (signed_in, says(429, "too_many", Retry_After="30"), {429}),
    "the situation forbids it": (signed_in, says(409, "refused"), {409}),
    "it is gone": (signed_in, says(404, "not_found"), {404}),
    "the role has gone": (signed_in, says(403, "forbidden"), {403}),
    "malformed": (signed_in, says(422, "invalid"), {422}),
    "we failed": (signed_in, broken, {500}),
    "we failed before the form was read": (broken, broken, {500}),
}


@pytest.fixture
def browsing(settings) -> Callable[..., AsyncGenerator[httpx.AsyncClient]]:
    async def opened(role: str, identity: Answer, services: Answer, **sent: str) -> Any:
        def answer(request: httpx.Request) -> httpx.Response:
            return (identity if request.url.path == "/api/identity/tokens" else services)(request)

        app: FastAPI = create_app(settings)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(
                transport=httpx.MockTransport(answer), base_url="http://gateway.test"
            ) as app.state.http,
            httpx.AsyncClient(
                transport=httpx.ASGITransport(app, raise_app_exceptions=False),
                base_url="http://guichet.test",
                cookies={cookie_name(settings, "session"): role},
                headers={"Sec-Fetch-Site": "same-origin", **sent},
            ) as browser,
        ):
            yield browser

    return opened


def address(path: str) -> str:
    return re.sub(r"{\w+}", str(uuid4()), path.replace("{number}", "7"))


def given_back(answer: httpx.Response) -> dict[str, str]:
    """The fields of the form in an answer, as a browser would send them again."""
    fields = re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', answer.text)
    fields += re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>\n?([^<]*)</textarea>', answer.text)
    return {name: html.unescape(value) for name, value in fields}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_what_was_typed_comes_back(browsing, trouble):
    identity, services, statuses = TROUBLES[trouble]
    for role in ("customer", "administrator"):
        token = form_token(SECRET, WHO, role)
        async for browser in browsing(role, identity, services):
            for path, typed in (
                (path, typed) for (who, path), typed in FORMS.items() if who == role
            ):
                secret = {"current_password": "sept tortues"} if "email" in typed else {}
                sent = {**typed, **secret, "form_key": KEY}
                answer = await browser.post(address(path), data=sent | {"form_token": token})
                where = f"{path}: {answer.status_code}"
                assert answer.status_code in statuses, where
                if answer.status_code in {429, 503}:
                    assert int(answer.headers["Retry-After"]) >= 1, where
                back = given_back(answer)
                assert {name: back.get(name) for name in typed} == typed, where
                assert (back.get("form_token"), back.get("form_key")) == (token, KEY), where
                assert "sept tortues" not in answer.text, where


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_search_comes_back_or_is_remembered(browsing, settings, trouble):
    """The page to which it leads is reloaded when the trouble is over."""
    identity, services, statuses = TROUBLES[trouble]
    for path, role in SEARCHES.items():
        async for browser in browsing(role, identity, services):
            sent = {"text": "Écran <noir>", "form_token": form_token(SECRET, WHO, role)}
            answer = await browser.post(path, data=sent)
            if answer.status_code != 303:
                assert answer.status_code in statuses, path
                assert given_back(answer)["text"] == sent["text"], path
                continue
            name = answer.headers["Location"].partition(f"{path}?r=")[2]
            cookie = cookie_name(settings, f"searches_{name}", path)
            remembered = unseal(SECRET, browser.cookies[cookie].partition(".")[2])
            assert remembered
            assert remembered.values["text"] == sent["text"], path


async def test_a_wait_is_said_to_programs_as_to_people(browsing):
    identity, services, _ = TROUBLES["too many"]
    async for browser in browsing("customer", identity, services):
        sent = QUESTION | {"form_token": form_token(SECRET, WHO, "customer")}
        answer = await browser.post("/mes-demandes/nouvelle", data=sent)
        assert answer.headers["Retry-After"] == "30"


async def test_what_another_session_typed_is_sealed_while_identity_is_away(browsing):
    async for browser in browsing("customer", away, away):
        sent = QUESTION | {"form_token": form_token(SECRET, WHO, "an earlier session")}
        answer = await browser.post("/mes-demandes/nouvelle", data=sent)
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "1"
        assert QUESTION["subject"] not in html.unescape(answer.text)
        sealed = unseal(SECRET, given_back(answer)["sealed"])
        assert sealed
        assert (sealed.owner, sealed.action) == (WHO, "/mes-demandes/nouvelle")
        assert sealed.values == QUESTION


@pytest.mark.parametrize("token", ["", "not one of ours", form_token("x" * 40, WHO, "customer")])
async def test_what_another_site_made_up_does_not_come_back(browsing, token):
    sent = {"text": "signed by nobody", "form_token": token}
    for trouble in ("identity is away", "we failed"):
        identity, services, _ = TROUBLES[trouble]
        async for browser in browsing("customer", identity, services):
            theirs = {"Sec-Fetch-Site": "cross-site", "Origin": "http://elsewhere.test"}
            answer = await browser.post("/mes-demandes/7", data=sent, headers=theirs)
            assert answer.status_code in {403, 500, 503}
            assert "signed by nobody" not in answer.text


async def test_a_form_of_ours_that_a_browser_calls_foreign_comes_back(browsing):
    """Behind a proxy that changes the host name, say."""
    async for browser in browsing("customer", signed_in, away):
        sent = QUESTION | {"form_token": form_token(SECRET, WHO, "customer")}
        origin = {"Origin": "http://elsewhere.test"}
        answer = await browser.post("/mes-demandes/nouvelle", data=sent, headers=origin)
        assert answer.status_code == 403
        assert QUESTION.items() <= given_back(answer).items()


async def test_whoever_is_not_signed_in_keeps_what_was_typed(browsing):
    async for browser in browsing("", away, away):
        typed = {"email": "elodie@example.org", "password": "sept parapluies oranges"}
        for path in ANONYMOUS:
            answer = await browser.post(path, data=typed)
            if answer.status_code != 404:  # without mail, nobody asks for a link
                assert answer.status_code == 503
                assert answer.headers["Retry-After"] == "1"
                assert given_back(answer)["email"] == typed["email"]


async def test_whoever_signs_out_while_identity_is_away_is_forgotten_by_the_browser(browsing):
    """Who uses a shared computer must be able to leave it."""
    async for browser in browsing("customer", away, away):
        mine = {"form_token": form_token(SECRET, WHO, "customer")}
        others = {"form_token": form_token(SECRET, WHO, "another session")}
        assert (await browser.post("/deconnexion", data=others)).status_code == 503
        theirs = {"Sec-Fetch-Site": "cross-site"}
        assert (await browser.post("/deconnexion", data=mine, headers=theirs)).status_code == 403
        answer = await browser.post("/deconnexion", data=mine)
        assert (answer.status_code, answer.headers["Location"]) == (303, "/connexion")
        gone = [each for each in answer.headers.get_list("Set-Cookie") if "_session=" in each]
        assert len(gone) == 1
        assert "Max-Age=0" in gone[0]
