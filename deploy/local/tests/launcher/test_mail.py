"""Mail on this machine: caught in a folder, or handed to the server that is given."""

import mailbox
import os
import smtplib
import stat
from email.header import decode_header, make_header
from email.message import EmailMessage
from pathlib import Path

import pytest

from local.launcher.machine import catcher
from local.launcher.machine.processes import free_port
from local.launcher.machine.servers import MailCatcher
from local.launcher.settings import SERVICES, LocalSettings
from local.launcher.stack import Stack
from local.launcher.watching import condition, figures


def a_mail(subject: str) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = "Guichet <guichet@example.org>", "Inès <ines@example.org>"
    mail["Subject"] = subject
    mail.set_content("Votre demande a reçu une réponse.\n.\nÀ bientôt\n")
    return mail


def test_mail_is_caught_in_files_of_their_owners_and_stays(tmp_path):
    catcher = MailCatcher(tmp_path / "a state" / "mail", free_port())
    catcher.folder.parent.mkdir()
    for number in (1, 2):
        catcher.start()
        catcher.wait_for(catcher.is_ready, 60)
        with smtplib.SMTP("127.0.0.1", catcher.port, timeout=10) as server:
            server.send_message(a_mail(f"n° {number}"))
        catcher.stop()
        assert catcher.last_words() == ""

    caught = mailbox.Maildir(catcher.folder, create=False)
    subjects = [str(make_header(decode_header(mail["Subject"]))) for mail in caught]
    assert sorted(subjects) == ["n° 1", "n° 2"]
    for folder in (catcher.folder, *catcher.folder.iterdir()):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    [text, _] = [mail.get_payload(decode=True) for mail in caught]
    assert isinstance(text, bytes)
    assert "Votre demande a reçu une réponse.\n.\nÀ bientôt" in text.decode()


def test_of_caught_mail_the_newest_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(catcher, "MAX_MAILS", 3)
    folder = tmp_path / "mail"
    keeping = catcher.Catcher(folder)
    for number in range(5):
        keeping.handle_message(a_mail(f"n° {number}"))
    caught = mailbox.Maildir(folder, create=False)
    subjects = [str(make_header(decode_header(mail["Subject"]))) for mail in caught]
    assert sorted(subjects) == ["n° 2", "n° 3", "n° 4"]


@pytest.fixture
def environment_of(tmp_path, monkeypatch):
    """What each part is told, with these variables set around the launcher."""

    def environment_of(**variables: str) -> dict[str, dict[str, str]]:
        for name in [name for name in os.environ if name.startswith(("GUICHET_S", "GUICHET_MAIL"))]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        given = {"smtp_host": variables.get("GUICHET_SMTP_HOST", "")}
        settings = LocalSettings.on_free_ports(tmp_path / "state").model_copy(update=given)
        stack = Stack(settings)
        return {part: stack.environment(part) for part in (*SERVICES, "web")}

    return environment_of


def test_without_a_mail_server_mail_is_caught_and_web_gets_its_folder(environment_of, tmp_path):
    environment = environment_of(GUICHET_SMTP_USER="nobody", GUICHET_SMTP_PASSWORD_FILE="/nowhere")
    sending = environment["notifications"]
    assert (sending["GUICHET_SMTP_HOST"], sending["GUICHET_SMTP_TLS"]) == ("127.0.0.1", "none")
    assert "GUICHET_SMTP_USER" not in sending
    assert "GUICHET_SMTP_PASSWORD_FILE" not in sending
    assert Path(environment["web"]["GUICHET_CAUGHT_MAIL"]) == tmp_path / "state" / "mail"
    assert sending["GUICHET_MAIL_GATHER_SECONDS"] == "10"
    assert {part["GUICHET_MAIL"] for part in environment.values()} == {"true"}


def test_a_mail_server_that_is_given_is_used_as_the_environment_says(environment_of):
    server = {
        "GUICHET_SMTP_HOST": "smtp.example.org",
        "GUICHET_SMTP_PORT": "465",
        "GUICHET_SMTP_TLS": "tls",
        "GUICHET_SMTP_PASSWORD": "sesame",
        "GUICHET_MAIL_SENDER": "Guichet <guichet@example.org>",
    }
    environment = environment_of(**server)
    assert environment["notifications"].items() >= server.items()
    assert "GUICHET_MAIL_GATHER_SECONDS" not in environment["notifications"]
    assert "GUICHET_CAUGHT_MAIL" not in environment["web"]
    for part in {*environment} - {"notifications"}:
        assert not {*environment[part]} & {*server}, part


def test_a_given_mail_server_takes_no_port_here(tmp_path):
    settings = LocalSettings.on_free_ports(tmp_path / "state")
    stack = Stack(settings.model_copy(update={"smtp_host": "smtp.example.org"}))
    assert stack.mail is None
    assert "mail" not in [process.name for process in stack.processes]


def test_the_launchers_mail_settings_apply_to_its_demo_too(environment_of):
    environment = environment_of(GUICHET_MAIL_GATHER_SECONDS="1", GUICHET_MAIL_WITH_TEXT="true")
    assert environment["notifications"]["GUICHET_MAIL_GATHER_SECONDS"] == "1"
    assert environment["notifications"]["GUICHET_MAIL_WITH_TEXT"] == "true"


def test_identity_and_notifications_share_a_secret_and_nobody_else_knows_it(environment_of):
    environment = environment_of()
    knowing = {part for part in environment if "GUICHET_NOTIFICATIONS_SECRET" in environment[part]}
    assert knowing == {"identity", "notifications"}
    assert len({environment[part]["GUICHET_NOTIFICATIONS_SECRET"] for part in knowing}) == 1
    assert len(environment["identity"]["GUICHET_NOTIFICATIONS_SECRET"]) >= 32


METRICS = """\
# TYPE guichet_mail_queue_mails gauge
guichet_mail_queue_mails 3
# TYPE guichet_mail_queue_age_seconds gauge
guichet_mail_queue_age_seconds 61.7
# TYPE guichet_mail_too_old_mails gauge
guichet_mail_too_old_mails 1
# TYPE guichet_mails counter
guichet_mails_total{kind="reply",outcome="sent"} 4
guichet_mails_total{kind="welcome",outcome="sent"} 2
guichet_mails_total{kind="reply",outcome="failed"} 1
"""


def test_the_queue_and_the_outcomes_of_mails_are_shown(tmp_path):
    one, other = figures.read(METRICS), figures.read("")
    assert (one.mails, one.mails_age) == (3, 61.7)
    assert one.mailed == {"sent": 6, "failed": 1}
    assert other.mails is None
    both = figures.together([one, one, other])
    assert (both.mails, both.mailed["sent"]) == (3, 12)
    assert condition.mails(both) == "3, oldest 62 s, 1 too old to be sent"
    assert condition.mails(other) == ""
