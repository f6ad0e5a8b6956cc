"""A start with settings that cannot work ends at once, with the name of what is wrong."""

import pytest

from chassis.settings import WrongSettings, read
from notifications.settings import Settings

NEEDED = {
    "GUICHET_DATABASE_URL": "postgresql+psycopg://nobody@localhost:1/nothing",
    "GUICHET_MAIL": "true",
    "GUICHET_SMTP_HOST": "127.0.0.1",
    "GUICHET_NOTIFICATIONS_SECRET": "x" * 32,
}


def start(monkeypatch, **changes):
    for name, value in (NEEDED | changes).items():
        monkeypatch.setenv(name, value)
    return read(Settings)


def test_what_is_needed_is_enough(monkeypatch):
    settings = start(monkeypatch, GUICHET_MAIL_SENDER="Le guichet <aide@shop.example>")
    assert (settings.sender.display_name, settings.sender.domain) == ("Le guichet", "shop.example")
    assert "x" * 32 not in repr(settings)


def test_without_mail_nothing_of_it_is_needed(monkeypatch):
    start(monkeypatch, GUICHET_MAIL="", GUICHET_SMTP_HOST="", GUICHET_NOTIFICATIONS_SECRET="")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GUICHET_SMTP_HOST", ""),
        ("GUICHET_NOTIFICATIONS_SECRET", ""),
        ("GUICHET_NOTIFICATIONS_SECRET", "short"),
        ("GUICHET_MAIL_SENDER", "nobody"),
        ("GUICHET_MAIL_SENDER", "Guichet <guichet@localhost>"),
        ("GUICHET_MAIL_SENDER", "A <a@b.example>\nBcc: c@d.example"),
        ("GUICHET_SMTP_TLS", "perhaps"),
    ],
)
def test_what_cannot_work_is_named(monkeypatch, name, value):
    with pytest.raises(WrongSettings, match=f"^{name}"):
        start(monkeypatch, **{name: value})
