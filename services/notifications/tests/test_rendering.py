"""What a mail holds: both languages, every kind, and nothing that somebody smuggles in."""

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import Address
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest

from contracts.notifications.api import Kind
from notifications import words
from notifications.models import ON_TICKETS, PREFERENCE_NAMES, WITH_LINK
from notifications.rendering import MailContent, Request, Sender, render, serialized

SENDER = Sender(
    Address("Guichet", addr_spec="guichet@shop.example"),
    "https://guichet.example",
    ZoneInfo("Europe/Paris"),
)
AT = datetime(2026, 11, 24, 9, 42, tzinfo=UTC)
TICKET = UUID("018f0000-0000-7000-8000-000000000001")


def content(kind=Kind.REPLY, language="fr", **changes: Any):
    request = Request(
        TICKET, 4127, "Bourrage récurrent", "HP-4103", "Imprimante HP LaserJet 4103dw"
    )
    good: dict[str, Any] = {
        "id": uuid4(),
        "kind": kind,
        "language": language,
        "first_name": "Inès",
        "last_name": "Dubois",
        "email": "ines@example.org",
        "authors": ["Karim Benali"] if kind in ON_TICKETS else [],
        "request": request if kind in ON_TICKETS else None,
        "link_secret": "s3cret" if kind in WITH_LINK else "",
        "expires_at": AT if kind in WITH_LINK else None,
        "unsubscription": "token" if kind in PREFERENCE_NAMES else "",
    }
    return MailContent(**(good | changes))


def sent(content):
    """As a mail program reads it."""
    return message_from_bytes(serialized(render(content, SENDER, at=AT)), policy=policy.default)


def text_of(mail):
    return mail.get_body(("plain",)).get_content().replace("\r\n", "\n")


def page_of(mail):
    return mail.get_body(("html",)).get_content()


@pytest.mark.parametrize("language", words.translations.languages)
@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_is_rendered_in_both_languages_as_text_and_html(kind, language):
    mail = sent(content(kind, language))
    text, page = text_of(mail), page_of(mail)

    assert mail["Subject"]
    assert f'lang="{language}"' in page
    for version in (text, page):
        assert not re.search(r"\{\w*\}|\{\{|None", version)
        assert "https://guichet.example/" in version
    assert "<img" not in page
    assert "#f5c838" in page
    if kind in ON_TICKETS:
        assert "4127" in str(mail["Subject"])
        assert ("Bourrage récurrent" in str(mail["Subject"])) == (kind is not Kind.NEW_REQUEST)
        for version in (text, page):
            assert ("Karim Benali" in version) == (kind is not Kind.ACKNOWLEDGEMENT)
            assert "Imprimante HP LaserJet 4103dw" in version
            assert "Bourrage récurrent" in version
    if kind in WITH_LINK:
        assert "https://guichet.example/lien/s3cret" in text


def test_several_answers_are_counted():
    several = content(count=3)
    assert str(sent(several)["Subject"]).startswith("Votre demande n° 4127 a reçu 3 réponses")
    english = sent(content(language="en", count=3))
    assert english["Subject"] == "Your request no. 4127 has 3 replies: Bourrage récurrent"


@pytest.mark.parametrize("kind", list(Kind))
def test_french_is_set_as_french_is(kind):
    assert not re.search(r" [:;!?»]|« |n° ", text_of(sent(content(kind))))


def test_mail_programs_thread_a_request():
    first, second = sent(content()), sent(content(Kind.RESOLVED))
    thread = f"<ticket-{TICKET}@shop.example>"
    for mail in (first, second):
        assert mail["In-Reply-To"] == mail["References"] == thread
    assert first["Message-ID"] != second["Message-ID"]
    assert first["Message-ID"].endswith("@shop.example>")
    assert sent(content(Kind.WELCOME))["References"] is None


def test_headers_mark_it_as_automatic():
    mail = sent(content())
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["From"].addresses[0].addr_spec == "guichet@shop.example"
    assert mail["Date"].datetime == AT


@pytest.mark.parametrize("kind", list(Kind))
def test_what_one_may_refuse_can_be_refused_with_one_click(kind):
    mail = sent(content(kind))
    if kind in PREFERENCE_NAMES:
        assert mail["List-Unsubscribe"] == "<https://guichet.example/desabonnement/token>"
        assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert "https://guichet.example/desabonnement/token" in text_of(mail)
    else:
        assert mail["List-Unsubscribe"] is None
        assert "desabonnement" not in text_of(mail)


def test_the_expiry_of_a_link_is_in_the_shops_time():
    french = text_of(sent(content(Kind.PASSWORD_LINK)))
    assert "jusqu’au 24\u00a0novembre 2026 à 10\u00a0h\u00a042." in french
    english = text_of(sent(content(Kind.PASSWORD_LINK, "en")))
    assert "until 24\u00a0November 2026 at 10:42." in english


def test_several_answers_and_authors_are_named():
    mail = sent(content(count=3, authors=["Karim Benali", "Awa Diallo", "Julien Morel"]))
    assert "3 réponses" in str(mail["Subject"])
    assert "Karim Benali, Awa Diallo et Julien Morel" in text_of(mail)


HEADERS = {
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
    "X-Auto-Response-Suppress", "Content-Language", "List-Unsubscribe", "List-Unsubscribe-Post",
    "MIME-Version", "Content-Type",
}  # fmt: skip

NASTY = [
    "Inès\r\nBcc: thief@evil.example",
    "Inès\nBcc: thief@evil.example\n\nanother body",
    "Inès\rBcc: thief@evil.example",
    "Inès\u2028Bcc: thief@evil.example\u2029\x85\x0b\x0c\x1c",
    "=?utf-8?q?In=C3=A8s=0D=0ABcc=3A_thief=40evil=2Eexample?=",
    "=?utf-8?b?SW7DqHMNCkJjYzogdGhpZWZAZXZpbC5leGFtcGxl?=",
    '"Inès" <thief@evil.example>, other',
    "Inès (comment) <thief@evil.example>; group: a@b.example;",
    "\u202enesrever\u202c \u200b\ufeff",
    "名前 فلان Ünïcödé 🦊" * 5,
    "\\\"\\' ,;:<>@[]",
    "x" * 100,  # Python 3.11 folds such a word with an empty line, where the headers end
    "<a@b.example>" * 20,
]


@pytest.mark.parametrize("nasty", NASTY)
def test_nothing_gets_into_the_headers_by_a_name(nasty):
    """Neither of a person nor of a product."""
    request = Request(TICKET, 4127, nasty, nasty, nasty)
    for kind in Kind:
        given = content(
            kind,
            first_name=nasty,
            last_name=nasty,
            authors=[nasty],
            request=request if kind in ON_TICKETS else None,
        )
        raw = serialized(render(given, SENDER, at=AT))
        head = raw.split(b"\r\n\r\n")[0]
        named = {line.split(b":")[0].decode() for line in re.split(rb"\r\n(?![ \t])", head)}
        assert named <= HEADERS
        assert head.isascii()
        mail = message_from_bytes(raw, policy=policy.default)
        assert set(mail.keys()) <= HEADERS
        assert [to.addr_spec for to in mail["To"].addresses] == ["ines@example.org"]
        assert "\n" not in str(mail["Subject"])
        assert not re.search("[\u2028\u2029\u202e\x85]", f"{mail['To']} {mail['Subject']}")


def test_markup_in_names_and_texts_stays_text():
    nasty = "<script>alert(1)</script><a href='https://evil.example'>"
    request = Request(TICKET, 4127, nasty, nasty, nasty)
    page = page_of(sent(content(authors=[nasty], request=request, texts=[nasty])))
    assert "<script" not in page
    assert "href='https://evil" not in page
    assert nasty in text_of(sent(content(texts=[nasty])))


def test_lines_of_a_text_stay_lines():
    text = "Bonjour,\n\n- un\n- deux\n.\nFrom ici\n" + "très long " * 200
    mail = sent(content(texts=[text]))
    assert text in text_of(mail)
    raw = serialized(render(content(texts=[text]), SENDER, at=AT))
    assert max(map(len, raw.split(b"\r\n"))) < 998


# --- With the service -------------------------------------------------------------------------


async def test_the_words_are_not_in_a_mail_unless_a_setting_says_so(scenario, postman, owners):
    await scenario.has_request()
    answer = scenario.answer()
    owners.texts[answer.message_id] = "Appuyez dix secondes sur le bouton."
    await scenario.receives(answer)
    await scenario.makes_due_and_sends()
    assert owners.texts_asked == []
    assert "Appuyez" not in text_of(postman.mails[0]) + page_of(postman.mails[0])


async def test_with_the_setting_the_texts_are_in_the_mail(scenario, postman, owners):
    await scenario.has_request()
    answers = [scenario.answer(), scenario.answer()]
    for n, answer in enumerate(answers):
        owners.texts[answer.message_id] = f"Réponse {n}."
    await scenario.receives(*answers, scenario.resolved())
    await scenario.makes_due_and_sends(mail_with_text=True)
    for version in (text_of(postman.mails[0]), page_of(postman.mails[0])):
        assert version.index("Réponse 0.") < version.index("Réponse 1.")


async def test_a_mail_names_the_request_in_the_customers_words(scenario, postman, owners):
    owners.subjects[4127] = "Bourrage\u2028récurrent"  # which no header may be broken by
    await scenario.has_request()
    await scenario.receives(scenario.answer())
    await scenario.makes_due_and_sends()
    [mail] = postman.mails
    words = "Votre demande n° 4127 a reçu une réponse : Bourrage récurrent"
    assert mail["Subject"] == words
    for version in (text_of(mail), page_of(mail)):
        assert "4127" in version
        assert "Bourrage récurrent" in version


async def test_a_note_is_in_no_mail(scenario, postman, owners):
    """Tickets tells of none; if one were named all the same, its words are not given."""
    await scenario.has_request()
    await scenario.receives(scenario.answer())  # tickets says 404 for it, as for a note
    await scenario.makes_due_and_sends(mail_with_text=True)
    assert len(owners.texts_asked) == 1
    assert len(postman.mails) == 1


async def test_a_mail_waits_a_little_for_its_words_and_then_goes_without(scenario, postman, owners):
    await scenario.has_request()
    await scenario.receives(scenario.answer())
    owners.mode = "failing"
    for _ in range(6):
        await scenario.makes_due_and_sends(mail_with_text=True)
        assert postman.taken == []
    await scenario.makes_due_and_sends(mail_with_text=True)
    assert len(postman.taken) == 1


def test_a_mail_whose_headers_would_be_read_otherwise_is_not_sent():
    message = render(content(), SENDER, at=AT)
    message.replace_header("To", Address(f"{'y' * 100} {'z' * 100}", addr_spec="ines@example.org"))
    with pytest.raises(ValueError, match="headers"):
        serialized(message)


async def test_a_mail_is_in_the_persons_language(scenario, postman, client):
    await scenario.has_request()
    await scenario.receives(scenario.customer(version=2, language="en"))
    await scenario.receives(scenario.answer())
    await scenario.makes_due_and_sends()
    assert postman.subjects == ["Your request no. 4127 has a reply"]
    assert postman.mails[0]["Content-Language"] == "en"
