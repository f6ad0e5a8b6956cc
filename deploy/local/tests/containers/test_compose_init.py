"""`./guichet compose init` writes settings and secrets, and never loses what is there."""

import contextlib
import io
import os
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from dotenv import dotenv_values

import notifications.settings
from chassis.messaging import streams
from identity.settings import Settings
from local import cli
from local.containers.secrets import SMTP_PASSWORD, SecretFiles
from local.containers.settings import ComposeSettings
from local.launcher.machine import servers
from local.launcher.settings import ROOT, SERVICES

COMPOSE = yaml.load((ROOT / "deploy" / "docker-compose.yml").read_text(), yaml.CSafeLoader)


@pytest.fixture(autouse=True)
def nobody_has_set_anything(monkeypatch):
    for name in os.environ:
        if name in ComposeSettings.model_fields:
            monkeypatch.delenv(name)


def init(folder: Path, **environment: str) -> SimpleNamespace:
    """What the command does and prints; in this process, for another takes a second to begin."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["guichet", "compose", "init", "--folder", str(folder)])
        for name, value in environment.items():
            patch.setenv(name, value)
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            cli.main()
    return SimpleNamespace(
        returncode=ended.value.code or 0, stdout=out.getvalue(), stderr=err.getvalue()
    )


def test_an_operator_types_it(tmp_path):
    done = subprocess.run(
        [sys.executable, "-P", "-m", "local", "compose", "init", "--folder", tmp_path],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = files_of(tmp_path)
    assert init(tmp_path).returncode == 0
    assert files_of(tmp_path) == made


def files_of(folder: Path) -> dict[str, str]:
    return {str(f.relative_to(folder)): f.read_text() for f in folder.rglob("*") if f.is_file()}


def test_it_makes_every_secret_that_the_compose_file_names(tmp_path):
    done = init(tmp_path)
    assert done.returncode == 0, done.stderr
    for name, secret in COMPOSE["secrets"].items():
        file = tmp_path / secret["file"].replace("${GUICHET_SECRETS:-./secrets}", "secrets")
        assert file.read_text().strip() or name == SMTP_PASSWORD, name
    assert (tmp_path / "secrets" / "tls").is_dir()
    assert (tmp_path / "secrets" / "acme").is_dir()
    assert "docker compose -f deploy/docker-compose.yml up -d --build" in done.stdout


def test_nobody_else_may_read_what_it_makes(tmp_path):
    init(tmp_path)
    owner = (10001, 10001) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    secrets = tmp_path / "secrets"
    for path in (secrets, *secrets.rglob("*")):
        found = path.stat()
        assert stat.S_IMODE(found.st_mode) == (0o700 if path.is_dir() else 0o600), path
        assert (found.st_uid, found.st_gid) == owner
    settings = dotenv_values(tmp_path / ".env")
    assert (settings["GUICHET_UID"], settings["GUICHET_GID"]) == tuple(map(str, owner))


def test_the_key_that_signs_is_one_that_identity_takes(tmp_path):
    init(tmp_path)
    pem = (tmp_path / "secrets" / "identity-signing-key").read_text().strip()
    assert Settings.model_validate(
        {"database_url": "postgresql+psycopg://x@y/z", "signing_key": pem}
    )


def test_a_second_time_it_changes_nothing(tmp_path):
    init(tmp_path)
    before = files_of(tmp_path)
    assert init(tmp_path).returncode == 0
    assert files_of(tmp_path) == before


def test_every_installation_has_secrets_of_its_own(tmp_path):
    for name in ("one", "two"):
        init(tmp_path / name)
    one, two = (files_of(tmp_path / name / "secrets") for name in ("one", "two"))
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] == two[name]] == [SMTP_PASSWORD]
    own = [one[name] for name in one if not name.endswith("-config") and name != "postgres-url"]
    assert len(set(own)) == len(own)


def test_what_somebody_changed_stays_and_what_they_added_too(tmp_path):
    init(tmp_path)
    file = tmp_path / ".env"
    changed = file.read_text().replace("GUICHET_PORT=8080", 'GUICHET_PORT="8443"')
    file.write_text(changed + "MY_OWN='a value, with # and $'\n")
    init(tmp_path)
    settings = dotenv_values(file)
    assert (settings["GUICHET_PORT"], settings["MY_OWN"]) == ("8443", "a value, with # and $")
    assert init(tmp_path).returncode == 0
    assert dotenv_values(file) == settings


def test_a_variable_of_the_environment_is_written_down(tmp_path):
    init(tmp_path, GUICHET_PUBLIC_URL="https://guichet.example.org", GUICHET_TLS="files")
    settings = dotenv_values(tmp_path / ".env")
    assert settings["GUICHET_PUBLIC_URL"] == "https://guichet.example.org"
    assert settings["GUICHET_TLS"] == "files"


def test_missing_certificates_are_named(tmp_path):
    done = init(tmp_path, GUICHET_TLS="files")
    assert f"Missing: {tmp_path}/secrets/tls/certificate.pem" in done.stdout
    (tmp_path / "secrets" / "tls" / "certificate.pem").write_text("x")
    (tmp_path / "secrets" / "tls" / "key.pem").write_text("x")
    assert "Missing" not in init(tmp_path).stdout
    mode = (tmp_path / "secrets" / "tls" / "key.pem").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600


MAIL = {"GUICHET_SMTP_HOST": "smtp.example.org", "GUICHET_MAIL_SENDER": "Guichet <a@example.org>"}


def test_the_password_of_the_mail_server_is_asked_for_and_kept(tmp_path):
    file = tmp_path / "secrets" / SMTP_PASSWORD
    assert "Empty" not in init(tmp_path, **MAIL).stdout
    assert f"Empty: {file}" in init(tmp_path, GUICHET_SMTP_USER="guichet").stdout
    file.write_text("given by somebody else")
    assert "Empty" not in init(tmp_path).stdout
    assert file.read_text() == "given by somebody else"


def test_identity_and_notifications_take_the_secret_that_they_share(tmp_path):
    init(tmp_path)
    secret = (tmp_path / "secrets" / "notifications-secret").read_text().strip()
    for settings in (Settings, notifications.settings.Settings):
        given = {"database_url": "postgresql+psycopg://x@y/z", "notifications_secret": secret}
        assert settings.model_validate(given).model_dump()["notifications_secret"], settings


def test_every_setting_stands_there_with_its_explanation(tmp_path):
    init(tmp_path)
    text = (tmp_path / ".env").read_text()
    for paragraph in text.split("\n\n")[1:]:
        *explanation, setting = paragraph.strip().splitlines()
        assert explanation, setting
        assert all(line.startswith("# ") for line in explanation), paragraph
    assert list(dotenv_values(tmp_path / ".env")) == list(ComposeSettings.model_fields)


def test_proxies_are_written_as_the_gateway_takes_them(tmp_path):
    """Traefik does not start with an empty one, or with a mask in its other way of writing."""
    done = init(tmp_path, GUICHET_TRUSTED_PROXIES="10.0.0.0/255.0.0.0, 192.0.2.7,")
    assert done.returncode == 0, done.stderr
    assert "GUICHET_TRUSTED_PROXIES=10.0.0.0/8,192.0.2.7/32\n" in (tmp_path / ".env").read_text()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GUICHET_PORT", "99999"),
        ("GUICHET_PORT", "web"),
        ("GUICHET_TLS", "maybe"),
        ("GUICHET_PUBLIC_URL", "guichet.example.org"),
        ("GUICHET_PUBLIC_URL", "https://guichet.example.org/shop"),
        ("GUICHET_ACME_EMAIL", "the shop"),
        ("GUICHET_ACME_SERVER", "letsencrypt"),
        ("GUICHET_TRUSTED_PROXIES", "10.0.0.0/8,everyone"),
        ("GUICHET_TRUSTED_PROXIES", "fe80::1%eth0"),
        ("GUICHET_SUBSCRIBERS", "ware house"),
        ("GUICHET_SUBSCRIBERS", "warehouse,sales"),
        ("GUICHET_SUBSCRIBERS", "admin"),
        ("GUICHET_SMTP_HOST", "smtp example"),
        ("GUICHET_SMTP_TLS", "perhaps"),
        ("GUICHET_MAIL_SENDER", "the shop"),
        ("GUICHET_NATS_SYNC", "sometimes"),
        ("GUICHET_VERSION", "a b"),
    ],
)
def test_a_wrong_setting_is_named_and_nothing_is_written(tmp_path, name, value):
    done = init(tmp_path, **{name: value})
    assert done.returncode == 1
    assert f"{name}: " in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("replicas", "fit"), [(6, True), (7, False)])
def test_replicas_that_could_open_too_many_connections_while_one_part_is_renewed_are_refused(
    tmp_path, replicas, fit
):
    """Four of the others, and twice that many of tickets, with 12 connections each, of 192."""
    done = init(tmp_path, GUICHET_TICKETS_REPLICAS=str(replicas), GUICHET_WEB_REPLICAS="50")
    assert (done.returncode == 0) == fit
    assert ("GUICHET_POOL_OVERFLOW: " in done.stderr) != fit
    more = {"GUICHET_POSTGRES_CONNECTIONS": "300", "GUICHET_TICKETS_REPLICAS": str(replicas)}
    assert init(tmp_path, **more).returncode == 0


def test_a_mail_server_needs_a_sender(tmp_path):
    done = init(tmp_path, GUICHET_SMTP_HOST="smtp.example.org")
    assert done.returncode == 1
    assert "GUICHET_MAIL_SENDER: " in done.stderr


def test_a_new_subscriber_gets_a_password_and_the_others_keep_theirs(tmp_path):
    init(tmp_path)
    before = files_of(tmp_path / "secrets")
    done = init(tmp_path, GUICHET_SUBSCRIBERS="subscriber,warehouse")
    after = files_of(tmp_path / "secrets")
    changed = {name for name in after if after[name] != before.get(name)}
    assert changed == {"nats-warehouse", "nats-config", "door-config"}
    assert "restart nats" in done.stdout
    for config in ("nats-config", "door-config"):
        assert after["nats-warehouse"].strip() in after[config]


def test_nats_accepts_both_configurations(tmp_path):
    init(tmp_path, GUICHET_SUBSCRIBERS="subscriber,ware-house")
    for name in ("nats-config", "door-config"):
        config = (tmp_path / "secrets" / name).read_text()
        if name == "door-config":  # without the certificate, which only an operator has
            config = "\n".join(line for line in config.splitlines() if not line.startswith("tls "))
        file = tmp_path / "checked.conf"
        file.write_text(config)
        done = subprocess.run(
            [servers.program("nats-server"), "-t", "-c", file],
            env=servers.BARE, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_the_urls_lead_to_the_roles_that_are_made_from_them(tmp_path):
    init(tmp_path)
    from chassis.data.provisioning import owner, passwords_in

    passwords = passwords_in(tmp_path / "secrets", SERVICES)
    assert set(passwords) == {role for each in SERVICES for role in (each, owner(each))}
    assert all(len(password) > 40 for password in passwords.values())


def test_secrets_that_cannot_be_given_to_their_reader_are_refused(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "chown", refuse)
    settings = ComposeSettings(GUICHET_UID=54321, GUICHET_GID=54321)
    with pytest.raises(Exception, match="54321"):
        SecretFiles(tmp_path / "secrets", settings).make()


def test_nobody_of_ours_is_a_subscriber():
    assert set(streams.users(["x"])) == {"admin", "system", "x", *SERVICES}
