"""What an installation lets in and out, and what each part may."""

import json
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from compose.installation import ADMINISTRATOR, PARTS, ROOT
from local import demo
from local.containers.engine import Compose, docker
from local.launcher.machine.processes import free_port, wait_until
from local.launcher.machine.servers import Gateway, get
from local.launcher.settings import SERVICES

OURS = (*PARTS, "databases", "messaging", *(f"migrate-{service}" for service in SERVICES))


def service_of(container: dict) -> str:
    return container["Config"]["Labels"]["com.docker.compose.service"]


def test_only_the_gateways_public_port_is_published_on_this_machine_alone(installation):
    published = {
        (service_of(each), inside, at["HostIp"], at["HostPort"])
        for each in installation.containers()
        for inside, ats in (each["NetworkSettings"]["Ports"] or {}).items()
        for at in ats or []
    }
    assert published == {("gateway", "8080/tcp", "127.0.0.1", str(installation.port))}


def test_parts_are_confined(installation):
    for each in installation.containers():
        name, host = service_of(each), each["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        assert not host["Privileged"], name
        assert host["SecurityOpt"] == ["no-new-privileges:true"], name
        assert host["Memory"] > 0, name
        assert host["LogConfig"]["Config"] == {"max-size": "10m", "max-file": "5"}, name
        if name in OURS:
            assert each["Config"]["User"] not in {"", "0", "0:0", "root"}, name
            assert not host["CapAdd"], name


def test_whoever_may_stop_is_started_again(installation):
    policies = {
        service_of(each): each["HostConfig"]["RestartPolicy"]["Name"]
        for each in installation.containers()
    }
    jobs = {name for name, policy in policies.items() if policy != "unless-stopped"}
    assert jobs == set(OURS) - set(PARTS)


def test_secrets_are_for_one_users_eyes(installation):
    folder = installation.folder / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = [file for file in folder.iterdir() if file.is_file()]
    assert len(files) > 15
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_no_secret_stands_in_what_docker_shows(installation):
    shown = json.dumps(installation.containers())
    for file in (installation.folder / "secrets").iterdir():
        content = file.read_text().strip() if file.is_file() else ""
        if content:  # the mail server's password is for whoever has one to write there
            secret = content.rpartition("@")[0].rpartition(":")[2] or content
            assert secret not in shown, file.name


def test_init_again_changes_nothing(installation):
    folder = installation.folder
    before = {file: file.read_text() for file in folder.rglob("*") if file.is_file()}
    installation.init()
    assert {file: file.read_text() for file in folder.rglob("*") if file.is_file()} == before


@pytest.mark.parametrize("role", ["running", "owning"])
def test_a_service_cannot_connect_to_anothers_database(installation, role):
    file = {"running": "sales-database", "owning": "sales-migration"}[role]
    url = (installation.folder / "secrets" / file).read_text().strip().removesuffix("sales")
    program = f"""
import psycopg
try:
    psycopg.connect({url.replace("+psycopg", "") + "tickets"!r})
except psycopg.OperationalError as refused:
    print(refused)
"""
    message = installation.inside(installation.only("sales").id, "python", "-c", program)
    assert "permission denied for database" in message


def test_words_are_ordered_as_in_the_local_stack(installation):
    asked = "select datlocprovider, datlocale, pg_encoding_to_char(encoding) from pg_database"
    found = installation.sql("postgres", f"{asked} where datname = any('{{{','.join(SERVICES)}}}')")
    assert found == ["b|C.UTF-8|UTF8"] * len(SERVICES)


def test_there_are_no_demo_accounts(installation):
    listed = installation.compose.checked(
        "run", "--rm", "--no-deps", "--no-TTY", "identity", "staff", "list"
    )
    assert ADMINISTRATOR in listed
    assert [email for _, email, _ in demo.ACCOUNTS if email in listed] == []


def test_the_gateway_may_look_at_docker_and_change_nothing(installation):
    program = """
import http.client, json
asked = [
    ("GET", "/version"), ("GET", "/containers/json"), ("GET", "/v1.24/containers/json?limit=0"),
    ("POST", "/containers/create"), ("POST", "/containers/json"), ("DELETE", "/containers/abcdef123456"),
    ("GET", "/images/json"), ("GET", "/containers/json/../../images/json"), ("GET", "/secrets"),
    ("GET", "/containers/abcdef123456/archive?path=/"), ("GET", "/containers/abcdef123456/logs"),
]
answers = {}
for method, path in asked:
    connection = http.client.HTTPConnection("127.0.0.1", 2375, timeout=10)
    connection.request(method, path)
    answers[f"{method} {path}"] = connection.getresponse().status
print(json.dumps(list(answers.values())))
"""
    statuses = json.loads(
        installation.inside(installation.only("docker-view").id, "python", "-c", program)
    )
    assert statuses == [200] * 3 + [403] * 8


def test_a_change_between_the_list_and_the_events_is_passed_on(installation):
    """Traefik asks for one after the other, and would never learn who became ready in between."""
    view = installation.only("docker-view").id
    program = """
import http.client, json, sys, time
began = time.time_ns()
connection = http.client.HTTPConnection("127.0.0.1", 2375, timeout=10)
connection.request("GET", sys.argv[1])
answer = json.loads(connection.getresponse().readline())
print(sys.argv[1] == "/events" and answer["timeNano"] < began)
"""
    installation.inside(view, "python", "-c", program, "/containers/json")
    installation.inside(view, "true")  # an event of this container
    assert installation.inside(view, "python", "-c", program, "/events").strip() == "True"


def test_nobody_but_the_gateway_reaches_that_view(installation):
    program = """
import socket
try:
    socket.create_connection(("docker-view", 2375), 3)
except OSError as error:
    print("unreachable")
"""
    for part in ("web", "tickets"):
        assert "unreachable" in installation.inside(
            installation.only(part).id, "python", "-c", program
        )


# ---- Routes -----------------------------------------------------------------------------


def as_configured(router: dict) -> tuple[str, dict]:
    """A route without what may differ: who knows its servers."""
    compared = ("entryPoints", "rule", "middlewares", "priority", "status", "tls")
    service = router["service"].replace("@docker", "@file")
    return router["name"], {name: router.get(name) for name in compared} | {"service": service}


def test_traefik_sees_the_same_routes_as_in_the_local_stack(installation, tmp_path):
    local = Gateway(
        tmp_path,
        ROOT / "gateway",
        public_port=free_port(),
        internal_port=free_port(),
        servers=dict.fromkeys(PARTS, free_port()),
    )
    local.start()
    try:
        path = "/traefik/api/http/routers?per_page=1000"
        assert wait_until(lambda: "web@file" in str(get(local.internal_port, path)), 30)
        there = json.loads(get(local.internal_port, path) or "")
    finally:
        local.stop()
    here, there = (
        dict(as_configured(router) for router in routers if router["provider"] == "file")
        for routers in (installation.routes(), there)
    )
    assert len(here) > 30
    assert here == there
    assert {router["status"] for router in here.values()} == {"enabled"}


def test_what_docker_adds_is_never_for_the_world(installation):
    added = [each for each in installation.routes() if each["provider"] == "docker"]
    assert all(each["entryPoints"] == ["internal"] for each in added)


@pytest.mark.parametrize(
    "path",
    [
        "/health/ready",
        "/metrics",
        "/traefik/api/overview",
        "/api/sales/docs",
        "/api/tickets/metrics",
    ],
)
def test_what_is_for_operators_is_not_for_the_world(installation, path):
    assert httpx.get(f"{installation.url}{path}").status_code == 404


# ---- Troubles ---------------------------------------------------------------------------


def test_while_all_of_tickets_is_down_no_page_answers_404(installation):
    installation.compose.checked("stop", "tickets")
    try:
        assert httpx.get(f"{installation.url}/api/tickets/1").status_code == 503

        def says_when() -> bool:
            answer = httpx.get(f"{installation.url}/api/tickets/1")
            return (answer.status_code, answer.headers.get("Retry-After")) == (503, "2")

        assert wait_until(says_when, 10, pause=0.2)  # as soon as Traefik knows that all are gone
        assert httpx.get(f"{installation.url}/connexion").status_code == 200
    finally:
        installation.compose.checked("start", "tickets")
        installation.compose.wait_for("tickets", 1)

    def answers() -> bool:
        return httpx.get(f"{installation.url}/api/tickets/1").status_code == 401

    assert wait_until(answers, 20, pause=0.5)


def status_of(installation) -> subprocess.CompletedProcess[str]:
    """By the command that an operator uses."""
    return subprocess.run(
        [sys.executable, "-P", "-m", "local", "compose", "status", "--project", installation.name],
        env=installation.compose.environment | installation.settings | WIDE,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


WIDE = {"COLUMNS": "160"}


def test_status_reports_every_container_and_why_one_is_not_well(installation, figures):
    well = status_of(installation)
    assert well.returncode == 0, well.stdout + well.stderr
    figures.extend(well.stdout.splitlines())
    lines = {line.split()[0]: line for line in well.stdout.split("\n\n")[0].splitlines()}
    for part in (*PARTS, "gateway", "postgres", "nats", "docker-view"):
        assert "ready" in lines[part]
    assert "MB" in lines["web"]

    installation.compose.checked("stop", "nats")
    try:
        troubled = status_of(installation)
        assert troubled.returncode == 1
        assert "nats (nats-1): exited, exit code 0: docker logs" in troubled.stdout
        assert "sales (sales-1): broker: away" in troubled.stdout
    finally:
        installation.compose.checked("start", "nats")
        installation.compose.wait_for("nats", 1)


def test_a_wrong_password_of_the_database_is_reported_and_is_no_crash_loop(installation):
    """The service is up, not ready, and tells why."""
    done = installation.compose.run(
        "run", "--detach", "--no-deps", "--env", "GUICHET_DATABASE_URL_FILE=",
        "--env", "GUICHET_DATABASE_URL=postgresql+psycopg://sales:wrong@postgres/sales", "sales",
    )  # fmt: skip
    container = done.stdout.strip()
    try:
        program = """
import urllib.error, urllib.request
try:
    urllib.request.urlopen("http://127.0.0.1:8000/health/ready", timeout=10)
except urllib.error.HTTPError as not_ready:
    print(not_ready.status, not_ready.read().decode())
"""

        def readiness() -> str:
            try:
                return installation.inside(container, "python", "-c", program)
            except AssertionError:
                return ""  # it does not listen yet

        assert wait_until(lambda: readiness().startswith("503 "), 60, pause=1)
        assert 'authentication failed for user \\"sales\\": correct the password' in readiness()
    finally:
        docker("rm", "--force", container)


def test_the_migration_of_a_database_without_its_owner_ends_with_one_line(installation):
    done = installation.compose.run(
        "run", "--rm", "--no-deps", "--no-TTY", "--env", "GUICHET_DATABASE_URL_FILE=",
        "--env", "GUICHET_DATABASE_URL=postgresql+psycopg://sales_owner:wrong@postgres/sales",
        "migrate-sales",
    )  # fmt: skip
    assert done.returncode != 0
    assert "password authentication failed" in done.stderr


def test_without_init_the_remedy_is_reported(installation):
    """Before anything is started."""
    environment = {**installation.environment, "GUICHET_PUBLIC_URL": ""}
    other = Compose("nobody", env_file=Path("/dev/null"), environment=environment)
    done = other.run("config", "--quiet")
    assert done.returncode != 0
    assert "run ./guichet compose init" in done.stderr
