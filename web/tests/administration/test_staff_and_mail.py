"""What administrators do with staff accounts, and what staff read of mails."""

import json
import mailbox
import re
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from types import SimpleNamespace
from typing import Any, cast
from uuid import UUID

import httpx
import pytest
from starlette.requests import Request

from contracts.notifications.api import State
from contracts.tickets.api import MessageKind, StaffMessage, StaffThread, StaffTicket
from signed_in import claims_of
from web.clients.gateway import Gateway
from web.desk.desk import deliveries_of
from web.shared.forms import form_token

ADA = "0199b5a5-0000-7000-8000-000000000001"
PAUL = "0199b5a5-0000-7000-8000-000000000002"
LOST, WELCOME = (f"0199b5a5-0000-7000-8000-00000000000{n}" for n in (3, 4))
KEY = "0b6ba2a1-38b0-4fd4-8b09-4d2cb64e3a01"
NOW = "2026-11-24T10:42:00+01:00"
INES = {"first_name": "Inès", "last_name": "Neuve", "email": "ines@example.org", "role": "seller"}


def member(id: str, name: str, **more: Any) -> dict[str, Any]:
    first_name, last_name = name.split()
    return {
        "id": id,
        "first_name": first_name,
        "last_name": last_name,
        "email": f"{first_name.lower()}@example.org",
        "role": "seller",
        "enabled": True,
        "registered_at": NOW,
        "has_password": True,
        **more,
    }


def undelivered(id: str, **more: Any) -> dict[str, Any]:
    return {
        "id": id,
        "kind": "reply",
        "person_id": PAUL,
        "is_customer": True,
        "first_name": "Élodie",
        "last_name": "Marchand",
        "email": "elodie@exemple.org",
        "email_now": "elodie@example.org",
        "ticket_number": 4127,
        "attempts": 1,
        "reason": "550 no such <user>",
        "failed_at": NOW,
        "can_be_resent": True,
        **more,
    }


SENT_BY_ADA: dict[str, Any] = {
    "headers": {"Sec-Fetch-Site": "same-origin"},
    "session": "ada",
}


class Services:
    """The whole of the gateway; `asked` is what was to be changed."""

    def __init__(self) -> None:
        self.role = "administrator"
        self.has_ended = False
        self.refusal: dict[str, Any] | None = None
        self.asked: list[tuple[str, str, Any, str | None]] = []
        self.staff = [
            member(ADA, "Ada Gardienne", role="administrator"),
            member(PAUL, "Paul Morel"),
        ]
        self.mails: dict[str, Any] = {"mails": [], "count": 0}
        self.queue: dict[str, Any] = {
            "waiting": 0,
            "oldest_seconds": 0,
            "sent_last_day": 1204,
            "failed": 0,
        }

    @property
    def claims(self) -> dict[str, str]:
        return claims_of(self.role, "Ada Gardienne", ADA)

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if request.method != "GET":
            body = json.loads(request.content) if request.content not in (b"", b"null") else None
            key = request.headers.get("Idempotency-Key")
            self.asked.append((request.method, path, body, key))
            return self.changed(path)
        if path == "/api/identity/sessions/current":
            return httpx.Response(401 if self.has_ended else 204)
        answers = {
            "/api/identity/staff": {"staff": self.staff},
            "/api/notifications/undelivered": self.mails,
            "/api/notifications/queue": self.queue,
        }
        return httpx.Response(200, json=answers[path]) if path in answers else httpx.Response(503)

    def changed(self, path: str) -> httpx.Response:
        if self.refusal:
            problem = {"title": "", "detail": "", **self.refusal}
            return httpx.Response(self.refusal["status"], json=problem)
        if path.endswith("/links"):
            link = {"id": LOST, "purpose": "invitation", "expires_at": NOW}
            return httpx.Response(201, json=link)
        if path.endswith("/resend"):
            mail = {"mail_id": LOST, "kind": "reply", "state": "waiting"}
            return httpx.Response(200, json=mail | {"message_ids": [], "changed_at": NOW})
        return httpx.Response(201, json=member(PAUL, "Paul Morel"))


@pytest.fixture
def services() -> Services:
    return Services()


@pytest.fixture
async def ada(services, open_browser, tmp_path) -> AsyncGenerator[httpx.AsyncClient]:
    """Where mail can be sent, and is caught."""
    here = {"mail": True, "caught_mail": tmp_path / "mail"}
    async with open_browser(services, here, **SENT_BY_ADA) as browser:
        yield browser


@pytest.fixture
async def ada_without_mail(services, open_browser) -> AsyncGenerator[httpx.AsyncClient]:
    here = {"mail": False, "caught_mail": None}
    async with open_browser(services, here, **SENT_BY_ADA) as browser:
        yield browser


@pytest.fixture
def form(settings) -> dict[str, str]:
    secret = settings.web_secret.get_secret_value()
    return {"form_token": form_token(secret, UUID(ADA), "ada"), "form_key": KEY}


def plain(answer: httpx.Response) -> str:
    """With blanks that may break and lines that go on, as one reads it."""
    whole = re.sub(r'<wbr>|<span class="nowrap">([^<]*)</span>', r"\1", answer.text)
    return re.sub(r"[ \n]+", " ", whole.replace("\u00a0", " "))


# --- The staff's accounts ----------------------------------------------------------------------


async def test_the_list_tells_who_comes_and_who_has_yet_to_come(services, ada):
    services.staff += [
        member(LOST, "Inès Neuve", has_password=False),
        member(WELCOME, "Ali Parti", enabled=False),
    ]
    page = plain(await ada.get("/personnel"))

    assert '<a href="/personnel" aria-current="page">' in page
    assert "3 comptes actifs" in page
    assert page.index("Ada Gardienne") < page.index("Inès Neuve") < page.index("Ali Parti")
    assert page.count("Invitation envoyée</span>") == 1
    assert 'aria-label="Renvoyer le lien à Inès Neuve"' in page
    assert 'aria-label="Réactiver Ali Parti"' in page
    assert 'aria-label="Envoyer un lien de mot de passe à Ali Parti"' not in page


async def test_only_administrators_are_led_to_the_staff(services, ada):
    services.role = "technician"
    assert 'href="/personnel"' not in (await ada.get("/courrier")).text
    for address in ("/personnel", "/courrier/demo"):
        assert (await ada.get(address)).status_code == 403


async def test_somebody_is_invited_without_a_password(services, ada, form):
    assert 'type="password"' not in (await ada.get("/personnel")).text
    answer = await ada.post("/personnel", data=form | INES)

    assert answer.status_code == 303
    assert services.asked == [("POST", "/api/identity/staff", INES, KEY)]
    assert "Invitation envoyée : le lien est valable 24 heures." in plain(
        await ada.get("/personnel")
    )


async def test_where_no_mail_can_be_sent_a_password_is_chosen_at_once(
    services, ada_without_mail, form
):
    page = (await ada_without_mail.get("/personnel")).text
    assert 'name="password"' in page
    assert "nvitation" not in page
    assert "/lien" not in page

    password = {"password": "sept nuages lents"}
    await ada_without_mail.post("/personnel", data=form | INES | password)
    assert services.asked == [("POST", "/api/identity/staff", INES | password, KEY)]


async def test_a_refused_invitation_keeps_what_was_typed(services, ada, form):
    services.refusal = {
        "status": 409,
        "code": "email_taken",
        "errors": [{"field": "email", "code": "email_taken", "detail": ""}],
    }
    answer = await ada.post("/personnel", data=form | INES | {"role": "technician"})

    assert answer.status_code == 409
    assert "Un compte existe déjà avec cette adresse." in answer.text
    assert 'value="ines@example.org"' in answer.text
    assert '<option value="technician" selected>' in plain(answer).partition("<aside")[2]


async def test_the_last_administrator_stays_and_that_is_said(services, ada, form):
    services.refusal = {"status": 409, "code": "last_administrator"}
    answer = await ada.post(f"/personnel/{ADA}/role", data=form | {"role": "seller"})

    assert answer.status_code == 409
    assert re.search(r'role="alert">.*Il doit rester au moins un compte', answer.text)


async def test_disabling_is_asked_once_also_without_script(services, ada, form):
    question = await ada.post(f"/personnel/{PAUL}/desactivation", data=form)
    assert "Désactiver le compte de <bdi>Paul Morel</bdi>" in plain(question)
    assert services.asked == []

    await ada.post(f"/personnel/{PAUL}/desactivation", data=form | {"answer": "confirm"})
    await ada.post(f"/personnel/{PAUL}/activation", data=form)
    path = f"/api/identity/staff/{PAUL}"
    assert services.asked == [
        ("PATCH", path, {"enabled": False}, None),
        ("PATCH", path, {"enabled": True}, None),
    ]


async def test_each_link_is_a_submission_of_its_own(services, ada, form):
    page = (await ada.get("/personnel")).text
    keys = re.findall(r'name="form_key" value="([^"]+)"', page)
    assert len(keys) == len(set(keys)) == 3

    await ada.post(f"/personnel/{PAUL}/lien", data=form)
    assert services.asked == [("POST", f"/api/identity/staff/{PAUL}/links", None, KEY)]


# --- Mails that nobody received -----------------------------------------------------------------


async def test_a_lost_mail_is_told_with_what_can_be_done(services, ada, form):
    services.mails = {
        "mails": [
            undelivered(LOST),
            undelivered(
                WELCOME, kind="invitation", is_customer=False, ticket_number=None,
                can_be_resent=False, first_name="Inès", last_name="Neuve",
            ),
        ],
        "count": 2,
        "next": "a+b",
    }  # fmt: skip
    page = plain(await ada.get("/courrier"))

    assert "2 e-mails n’ont pas trouvé leur destinataire." in page
    for message in ("Réponse à une demande", "elodie@exemple.org", "550 no such &lt;user&gt;"):
        assert message in page
    assert (
        f'href="/clients/{PAUL}/modifier?retour=courrier" aria-label="Corriger l’adresse de Élodie'
        in page
    )
    assert 'aria-label="Corriger l’adresse de Inès' not in page
    assert 'aria-label="Renvoyer à Inès' not in page
    assert "/courrier?apres=a%2Bb" in page

    answer = await ada.post(f"/courrier/{LOST}/renvoi", data=form)
    assert answer.headers["Location"] == "/courrier"
    assert services.asked == [("POST", f"/api/notifications/mails/{LOST}/resend", None, None)]


async def test_a_mail_without_a_reason_is_not_sent_again(services, ada, form):
    services.refusal = {"status": 409, "code": "mail_not_resendable"}
    answer = await ada.post(f"/courrier/{LOST}/renvoi", data=form)

    assert answer.status_code == 409
    assert "n’a plus rien à annoncer" in answer.text


async def test_administrators_see_how_sending_goes(services, ada):
    services.queue |= {
        "waiting": 3,
        "oldest_seconds": 750,
        "last_trouble": "421 too busy",
        "last_trouble_at": NOW,
    }
    page = plain(await ada.get("/courrier"))
    for message in ("3 (le plus ancien depuis 12 min)", "1 204", "421 too busy", "Courrier (démo)"):
        assert message in page


async def test_others_see_the_list_alone(services, ada):
    services.role = "seller"
    page = (await ada.get("/courrier")).text
    assert "Envoi des e-mails" not in page
    assert "Courrier (démo)" not in page
    assert "Rien à rattraper" in page


async def test_where_nothing_is_sent_nothing_is_said_to_be_sent(ada_without_mail):
    page = plain(await ada_without_mail.get("/courrier"))
    assert "Aucun e-mail n’est envoyé d’ici." in page
    assert "pour l’instant" not in page


# --- The mail that was caught -------------------------------------------------------------------


async def test_without_a_catcher_there_is_no_such_page(ada_without_mail):
    for address in ("/courrier/demo", "/courrier/demo/1", "/courrier/demo/1/page"):
        assert (await ada_without_mail.get(address)).status_code == 404


async def test_who_was_an_administrator_a_moment_ago_reads_no_caught_mail(ada, services):
    assert (await ada.get("/courrier/demo")).status_code == 200
    services.has_ended = True
    for address in ("/courrier/demo", "/courrier/demo/1", "/courrier/demo/1/page"):
        assert "/connexion" in (await ada.get(address)).headers["Location"]


async def test_a_caught_mail_is_shown_in_a_frame_that_can_do_nothing(ada, tmp_path):
    assert "Aucun e-mail pour l’instant" in (await ada.get("/courrier/demo")).text
    mail = EmailMessage()
    mail["To"], mail["Subject"] = "elodie@example.org", "Votre <lien>"
    mail["Date"] = "Tue, 24 Nov 2026 09:42:00 +0000"
    mail.set_content("Ouvrez https://sav.example.org/lien/abc\nou <script>alert(1)</script>.\n")
    mail.add_alternative("<h1>Ouvrez</h1><script>alert(1)</script>", subtype="html")
    key = mailbox.Maildir(tmp_path / "mail").add(mail.as_bytes())

    listed = plain(await ada.get("/courrier/demo"))
    assert f"/courrier/demo/{key}" in listed
    assert "Votre &lt;lien&gt;" in listed
    assert "10 h 42" in listed
    shown = await ada.get(f"/courrier/demo/{key}")
    assert '<iframe class="caught-mail" sandbox' in shown.text
    assert '<a href="https://sav.example.org/lien/abc">' in plain(shown)
    assert "alert(1)" not in shown.text.replace("&lt;script&gt;alert(1)", "")
    assert "unsafe-inline" not in shown.headers["Content-Security-Policy"]
    framed = await ada.get(f"/courrier/demo/{key}/page")
    policy = framed.headers["Content-Security-Policy"].split("; ")
    assert {"default-src 'none'", "sandbox", "style-src 'unsafe-inline'"} <= set(policy)
    assert not any(rule.startswith("script-src") for rule in policy)
    assert (await ada.get("/courrier/demo/nothing")).status_code == 404


# --- What became of an answer's mail ------------------------------------------------------------


def asked_where(*, mail: bool) -> Request:
    app = SimpleNamespace(state=SimpleNamespace(settings=SimpleNamespace(mail=mail)))
    return cast("Request", SimpleNamespace(app=app))


def answered(at: datetime, kind: MessageKind = MessageKind.STAFF) -> StaffThread:
    """A request in which one thing was said; only what is looked at."""
    message = StaffMessage.model_construct(id=UUID(PAUL), kind=kind, sent_at=at)
    ticket = StaffTicket.model_construct(number=4127)
    return StaffThread.model_construct(ticket=ticket, messages=[message])


async def test_the_newest_mail_on_a_message_counts():
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.query.decode())
        newest, older = (
            {"mail_id": id, "kind": "reply", "state": state, "message_ids": [PAUL]}
            | {"changed_at": NOW}
            for id, state in ((LOST, "sent"), (WELCOME, "failed"))
        )
        return httpx.Response(200, json={"deliveries": [newest, older]})

    today = datetime.now(UTC)
    async with httpx.AsyncClient(
        transport=httpx.MockTransport(answer), base_url="http://gateway.test"
    ) as http:
        gateway = Gateway(http)
        known = await deliveries_of(asked_where(mail=True), gateway, answered(today))
        assert known == {UUID(PAUL): State.SENT}
        assert asked == ["ticket_number=4127"]
        for mail, thread in (
            (False, answered(today)),
            (True, answered(today - timedelta(days=91))),
            (True, answered(today, MessageKind.CUSTOMER)),
            (True, answered(today, MessageKind.NOTE)),
        ):
            assert await deliveries_of(asked_where(mail=mail), gateway, thread) == {}
        assert len(asked) == 1  # of what tells nothing, nobody is asked


async def test_a_silent_service_leaves_the_request_as_it_is():
    silent = httpx.MockTransport(lambda _: httpx.Response(503))
    async with httpx.AsyncClient(transport=silent, base_url="http://gateway.test") as http:
        gateway = Gateway(http)
        thread = answered(datetime.now(UTC))
        assert await deliveries_of(asked_where(mail=True), gateway, thread) == {}
