"""The caught mail of the local stack, as administrators read it."""

import mailbox
from email.message import EmailMessage
from pathlib import Path

import pytest

from web.administration.caught import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    caught = mailbox.Maildir(tmp_path / "mail")
    for number in range(3):
        mail = EmailMessage()
        mail["To"], mail["Subject"] = "Inès <ines@example.org>", f"Demande n° {number}"
        mail.set_content(f"Voyez https://sav.example.org/lien/{number} !\n")
        mail.add_alternative("<h1>Voyez</h1>", subtype="html")
        caught.add(mail.as_bytes())
    return Folder(tmp_path / "mail")


def test_the_mails_are_there_with_their_text_and_links(folder):
    mails = folder.newest()
    assert {mail.subject for mail in mails} == {f"Demande n° {n}" for n in range(3)}
    mail = folder.mail(mails[0].key)
    assert mail is not None
    assert mail.recipient == "Inès <ines@example.org>"
    assert mail.pieces[1].startswith("https://sav.example.org/lien/")
    assert "<h1>Voyez</h1>" in mail.html
    assert ("To", "Inès <ines@example.org>") in mail.headers


def test_nothing_is_read_but_mails(folder, tmp_path):
    (tmp_path / "secret").write_text("x")
    for key in ("../secret", "..", "", "nowhere"):
        assert folder.mail(key) is None
    assert Folder(tmp_path / "nowhere").newest() == []


async def test_where_no_mail_is_caught_there_is_no_such_page(browser):
    answer = await browser.get("/mot-de-passe-oublie")
    assert answer.status_code == 404
