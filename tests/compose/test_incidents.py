"""Rows of docs/operations.md that only containers have: caused, seen, and repaired by their words."""

import os
import socket
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from compose.installation import Installation
from incidents.page import Row, row
from local.containers.engine import Compose
from local.launcher.machine.processes import free_port, wait_until

INIT = "`./guichet compose init`"
ALONE = ("--no-deps", "--force-recreate")


@pytest.fixture(scope="module", autouse=True)
def well_at_the_end(installation: Installation) -> Generator[None]:
    yield
    installation.init()
    installation.start()


def up(installation: Installation, *words: str, **settings: str) -> tuple[int, str]:
    """`docker compose up -d`: its exit code, and what it says in one line."""
    compose = Compose(
        installation.name,
        env_file=installation.folder / ".env",
        environment=installation.environment | settings,
    )
    done = compose.run("up", "--detach", *words)
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def is_refused(output: tuple[int, str], incident: Row) -> None:
    code, words = output
    assert code != 0, words
    assert incident.is_seen_in(words), words


def goes_on(installation: Installation, part: str, *words: str) -> None:
    code, output = up(installation, *words, part)
    assert code == 0, output
    installation.compose.wait_for(part, 1)


def status(installation: Installation) -> str:
    return subprocess.run(
        [sys.executable, "-P", "-m", "local", "compose", "status", "--project", installation.name],
        env=installation.compose.environment | installation.settings | {"COLUMNS": "1000"},
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip


def sees(installation: Installation, incident: Row) -> None:
    assert wait_until(lambda: incident.is_seen_in(status(installation)), 60, pause=2)


def secret(installation: Installation, name: str) -> Path:
    return installation.folder / "secrets" / name


def write(file: Path, text: str) -> None:
    """In place: a container that has the file sees what it says now."""
    with file.open("r+") as opened:
        opened.truncate(0)
        opened.write(text)


def test_a_secret_is_missing(installation: Installation):
    missing = row("bind source path does not exist")
    secret(installation, "sales-nats").unlink()
    is_refused(up(installation, *ALONE, "sales"), missing)
    assert INIT in missing.todo
    assert "restart nats" in installation.init()
    installation.compose.checked("restart", "nats", "messaging")
    goes_on(installation, "sales", "--no-deps")


def test_the_engine_listens_elsewhere(installation: Installation, tmp_path: Path):
    elsewhere, missing = row("docker-view-1 is unhealthy"), row("bind source path does not exist")
    nowhere = {"GUICHET_DOCKER_SOCKET": str(tmp_path / "docker.sock")}
    code, words = up(installation, "gateway", **nowhere)
    assert code != 0
    assert missing.quoted[0].split("…")[1].rpartition(":")[0].strip() in words
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(nowhere["GUICHET_DOCKER_SOCKET"])
        code, words = up(installation, "gateway", **nowhere)
        assert code != 0
        assert "docker-view-1 is unhealthy" in words
        assert elsewhere.is_seen_in(installation.compose.checked("logs", "docker-view"))
    assert "`GUICHET_DOCKER_SOCKET`, then `up -d`" in elsewhere.todo
    goes_on(installation, "docker-view", "--no-deps")
    goes_on(installation, "gateway", "--no-deps")


def test_an_image_was_not_built(installation: Installation):
    unbuilt = row("No such image")
    output = up(installation, "--no-deps", "databases", GUICHET_VERSION="never-built")
    assert output[0] != 0, output
    assert unbuilt.quoted[0].split("…")[0] + "never-built" in output[1]
    assert "`docker compose … build`" in unbuilt.todo


def test_replicas_that_were_only_typed_are_taken_back(installation: Installation):
    fewer = row("fewer replicas than before")

    def replicas(*words: str) -> int:
        assert up(installation, "--no-deps", *words, "web")[0] == 0
        return len(installation.compose.replicas("web"))

    assert [replicas("--scale", "web=2"), replicas()] == [2, 1]
    assert "`GUICHET_…_REPLICAS` into `deploy/.env`" in fewer.todo
    settings = installation.folder / ".env"
    before = settings.read_text()
    settings.write_text(before.replace("GUICHET_WEB_REPLICAS=1", "GUICHET_WEB_REPLICAS=2"))
    assert [replicas(), replicas()] == [2, 2]
    settings.write_text(before)


def test_the_volume_of_postgresql_is_older_than_the_secrets(installation: Installation):
    refused = row("databases: PostgreSQL refuses")
    password, url = secret(installation, "postgres"), secret(installation, "postgres-url")
    before, before_url = password.read_text(), url.read_text()
    write(password, "another\n")
    write(url, before_url.replace(before.strip(), "another"))
    done = installation.compose.run("run", "--rm", "--no-deps", "databases")
    is_refused((done.returncode, done.stderr), refused)
    assert r"psql -U postgres -c '\password'`" in refused.todo
    set_password(installation, "another")
    installation.compose.checked("run", "--rm", "--no-deps", "databases")

    write(password, before)
    write(url, before_url)
    set_password(installation, before.strip())
    installation.compose.checked("run", "--rm", "--no-deps", "databases")


def set_password(installation: Installation, password: str) -> None:
    installation.compose.checked(
        "exec", "--no-TTY", "postgres", "psql", "-U", "postgres", "-c", r"\password",
        typed=f"{password}\n{password}\n",
    )  # fmt: skip


def test_the_rights_of_nats_are_older_than_this_version(installation: Installation):
    forbidden, config = row("NATS does not let"), secret(installation, "nats-config")
    write(config, config.read_text().replace("MSG.NEXT.IDENTITY.sales", "MSG.NEXT.IDENTITY.gone"))
    installation.compose.checked("restart", "nats")
    sees(installation, forbidden)
    assert f"{INIT}, then `docker compose … restart nats`" in forbidden.todo
    installation.init()
    installation.compose.checked("restart", "nats")
    assert wait_until(lambda: not forbidden.is_seen_in(status(installation)), 60, pause=2)


@contextmanager
def somebody_on(port: int) -> Generator[None]:
    with socket.create_server(("127.0.0.1", port)):
        yield


def test_the_port_is_taken(installation: Installation):
    taken, port = row("port is already allocated"), free_port()
    with somebody_on(port):
        code, words = up(installation, "--no-deps", "gateway", GUICHET_PORT=str(port))
    assert code != 0
    known = [each.replace("8080", str(port)) for each in taken.quoted]
    assert any(each in words for each in known), words
    assert "`GUICHET_PORT`" in taken.todo
    goes_on(installation, "gateway", "--no-deps")


def test_the_secret_of_mail_cannot_be_read(installation: Installation):
    unreadable, file = (
        row("GUICHET_NOTIFICATIONS_SECRET_FILE"),
        secret(installation, "notifications-secret"),
    )
    os.chown(file, 0, 0)
    file.chmod(0o600)
    up(installation, *ALONE, "notifications")

    def is_reported() -> bool:
        return unreadable.is_seen_in(installation.compose.checked("logs", "notifications"))

    assert wait_until(is_reported, 60, pause=2)
    assert unreadable.todo.startswith(INIT)
    installation.init()
    goes_on(installation, "notifications", "--no-deps")


def test_the_schema_is_older_than_the_code(installation: Installation):
    older = row("this code needs")
    [found] = installation.sql("sales", "SELECT version_num FROM alembic_version")
    # What its last migration made goes with it: it is made again.
    installation.sql("sales", "DROP FUNCTION pieces(text) CASCADE")
    installation.sql("sales", "UPDATE alembic_version SET version_num = '0007'")
    replica = installation.only("sales")
    sees(installation, older)
    assert "`docker compose … run --rm migrate-tickets`" in older.todo
    installation.compose.checked("run", "--rm", "--no-deps", "migrate-sales")
    assert installation.sql("sales", "SELECT version_num FROM alembic_version") == [found]
    installation.compose.wait_for("sales", 1)
    assert installation.only("sales").id == replica.id
