"""Settings: from the environment, secrets from files, wrong ones told by name."""

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsError

from chassis.settings import CommonSettings, ServiceSettings, WrongSettings, read


def test_a_secret_may_stand_in_a_file(tmp_path, monkeypatch):
    file = tmp_path / "url"
    file.write_text("postgresql+psycopg://sales:secret@db/sales\n")
    monkeypatch.setenv("GUICHET_DATABASE_URL_FILE", str(file))
    settings = ServiceSettings(service="sales")
    assert settings.database_url.get_secret_value() == "postgresql+psycopg://sales:secret@db/sales"
    assert "secret" not in repr(settings)


def test_the_variable_itself_goes_before_its_file(tmp_path, monkeypatch):
    file = tmp_path / "level"
    file.write_text("ERROR")
    monkeypatch.setenv("GUICHET_LOG_LEVEL_FILE", str(file))
    assert CommonSettings().log_level == "ERROR"
    monkeypatch.setenv("GUICHET_LOG_LEVEL", "DEBUG")
    assert CommonSettings().log_level == "DEBUG"


def test_a_file_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("GUICHET_DATABASE_URL_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(SettingsError, match="GUICHET_DATABASE_URL_FILE"):
        ServiceSettings(service="sales")


def test_a_wrong_value_is_refused_without_being_shown(monkeypatch):
    monkeypatch.setenv("GUICHET_TIME_ZONE", "Mars/Olympus")
    with pytest.raises(ValidationError) as refused:
        CommonSettings()
    assert refused.value.errors()[0]["loc"] == ("time_zone",)


def test_pauses_are_a_list_of_seconds(monkeypatch):
    url = "postgresql+psycopg://sales@db/sales"
    monkeypatch.setenv("GUICHET_DATABASE_URL", url)
    monkeypatch.setenv("GUICHET_RETRY_SECONDS", "[1, 2.5]")
    settings = read(ServiceSettingsOfSales)
    assert settings.retry_seconds == (1, 2.5)
    assert (settings.dsn, str(settings.zone)) == ("postgresql://sales@db/sales", "Europe/Paris")


class ServiceSettingsOfSales(ServiceSettings):
    service: str = "sales"


def test_a_missing_secret_is_refused(monkeypatch):
    monkeypatch.delenv("GUICHET_DATABASE_URL", raising=False)
    with pytest.raises(ValidationError) as refused:
        ServiceSettings(service="sales")
    assert refused.value.errors()[0]["loc"] == ("database_url",)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "foo"),
        ("DATABASE_URL", "postgres://sales@db/sales"),
        ("DATABASE_URL", "postgresql+psycopg://sales@db:x/sales"),
        ("DATABASE_URL", "postgresql+psycopg://sales@db"),
        ("NATS_URL", "127.0.0.1:4222"),
        ("INTERNAL_URL", "gateway:8081"),
        ("PUBLIC_URL", "sav.example.org"),
        ("GRACEFUL_SECONDS", "-1"),
        ("POOL_SECONDS", "0"),
        ("OUTBOX_POLL_SECONDS", "0"),
        ("RETRY_SECONDS", "[1, -5]"),
        ("RETRY_SECONDS", "1, 5"),
    ],
)
def test_what_cannot_be_right_is_refused_at_start_in_one_line(monkeypatch, name, value):
    monkeypatch.setenv("GUICHET_SERVICE", "sales")
    monkeypatch.setenv("GUICHET_DATABASE_URL", "postgresql+psycopg://sales@db/sales")
    read(ServiceSettings)
    monkeypatch.setenv(f"GUICHET_{name}", value)
    with pytest.raises(WrongSettings) as wrong:
        read(ServiceSettings)
    assert str(wrong.value).startswith(f"GUICHET_{name}: ")
    assert len(str(wrong.value).splitlines()) == 1


def test_a_secret_that_nobody_has_written_yet_is_missing(tmp_path, monkeypatch):
    file = tmp_path / "url"
    file.write_text("\n")
    monkeypatch.delenv("GUICHET_DATABASE_URL", raising=False)
    monkeypatch.setenv("GUICHET_SERVICE", "sales")
    monkeypatch.setenv("GUICHET_DATABASE_URL_FILE", str(file))
    with pytest.raises(WrongSettings, match="GUICHET_DATABASE_URL is missing"):
        read(ServiceSettings)
