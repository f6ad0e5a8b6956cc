"""`./guichet up` and its companions, as somebody at a terminal uses them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

from chassis import migrations
from local.launcher import databases
from local.launcher.machine import preloader
from local.launcher.machine.processes import wait_until
from local.launcher.machine.servers import answers
from local.launcher.settings import PARTS_WITH_PORTS, SERVICES
from memory import holds

PARTS = ["PostgreSQL", "NATS", "mail", "gateway", *SERVICES, "web"]


class Terminal:
    """Commands typed in one checkout whose ports are free ones."""

    def __init__(self, state: Path) -> None:
        self.state = state
        free = {f"GUICHET_{name.upper()}": "0" for name in PARTS_WITH_PORTS.values()}
        self.environment = {**os.environ, **free, "GUICHET_STATE": str(state)}
        self.environment.pop("PYTHONDONTWRITEBYTECODE", None)  # as ./guichet does
        self.screen = state.parent / "screen"

    def type(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-P", "-m", "local", *words],
            env=self.environment, capture_output=True, text=True, check=False, cwd="/",
        )  # fmt: skip

    def up(self, *words: str) -> subprocess.Popen[bytes]:
        with self.screen.open("wb") as screen:
            command = [sys.executable, "-P", "-m", "local", "up", *words]
            return subprocess.Popen(
                command, env=self.environment, stdout=screen, stderr=screen, cwd="/"
            )

    def shows(self, words: str) -> bool:
        return words in self.screen.read_text()

    @property
    def pids(self) -> dict[str, int]:
        return json.loads((self.state / "running.json").read_text())["pids"]

    @property
    def ports(self) -> dict[str, int]:
        return json.loads((self.state / "running.json").read_text())["ports"]


@pytest.fixture(scope="module")
def terminal(tmp_path_factory) -> Terminal:
    folder = tmp_path_factory.mktemp("a checkout")
    folder.chmod(0o755)
    return Terminal(folder / "the state")


@pytest.fixture(scope="module")
def launcher(terminal) -> Generator[subprocess.Popen[bytes]]:
    with terminal.up("--no-demo") as launcher:
        ready = wait_until(lambda: terminal.shows("Guichet is ready") or launcher.poll(), 400)
        if not ready or launcher.poll() is not None:
            launcher.terminate()
            pytest.fail(terminal.screen.read_text())
        yield launcher
        launcher.terminate()


pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.in_order("one installation that takes long to start; the last tests end it"),
]


def test_the_first_start_shows_its_steps_and_its_address(terminal, launcher):
    screen = terminal.screen.read_text()
    first = ("PostgreSQL", "databases and roles", "NATS JetStream", "migrations", "mail, caught")
    for step in (*first, *SERVICES):
        assert f"✓ {step}" in screen
    assert f"http://localhost:{terminal.ports['port']}" in screen
    assert "./guichet staff add" in screen  # nobody has an account yet


def test_a_second_up_says_that_it_is_already_running(terminal, launcher):
    again = terminal.type("up")
    assert again.returncode == 1
    assert "already running" in again.stderr
    assert launcher.poll() is None


def test_no_process_that_serves_holds_a_password_that_may_change_the_schema(terminal, launcher):
    secrets = json.loads((terminal.state / "secrets.json").read_text())
    owners = [secrets["postgres"], *(secrets[f"postgres {name}_owner"] for name in SERVICES)]
    for part, pid in terminal.pids.items():
        serving = psutil.Process(pid)
        for process in [serving, *serving.children(recursive=True)]:
            visible = " ".join([*process.environ().values(), *process.cmdline()])
            assert not any(owner in visible for owner in owners), part
        if part in {*SERVICES, "web"}:
            assert serving.name() == part or not preloader.IS_POSSIBLE
            assert not any(holds(pid, owner) for owner in owners), part
            known = {name for name in SERVICES if holds(pid, secrets[f"postgres {name}"])}
            assert known == {part} & {*SERVICES}


def test_status_reports_every_part(terminal, launcher):
    done = terminal.type("status")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = {line.split()[0]: line for line in done.stdout.split("\n\n")[0].splitlines()}
    for part in PARTS:
        assert str(terminal.pids[part]) in lines[part]
        assert "not ready" not in lines[part]
    assert "0 of 10" in lines["sales"]  # connections to its database


def test_status_reports_what_the_services_do(terminal, launcher):
    def waiting() -> dict[str, set[str]]:
        lines = terminal.type("status").stdout.splitlines()
        return {
            line.split()[0]: set(line.replace(",", "").split()[1:])
            for line in lines
            if "IDENTITY" in line
        }

    expected = {
        "sales": {"0", "IDENTITY", "CATALOG"},
        "tickets": {"0", "IDENTITY", "SALES"},
        "notifications": {"0", "IDENTITY", "SALES", "TICKETS"},
    }
    wait_until(lambda: waiting() == expected, 60)  # each consumer looks as it begins
    assert waiting() == expected


def test_a_full_disk_is_reported_and_nothing_is_left_running(tmp_path):
    """The device that is always full stands in for the disk."""
    terminal = Terminal(tmp_path / "state")
    (terminal.state / "nats").mkdir(parents=True)
    (terminal.state / "nats" / "nats.conf").symlink_to("/dev/full")
    done = terminal.type("up", "--no-demo")
    assert done.returncode == 1
    assert done.stderr == (
        "✗ No space left on device. Make room, or choose another folder with GUICHET_STATE.\n"
    )
    assert not (terminal.state / "running.json").exists()


def test_a_service_that_is_killed_is_restarted_and_that_is_reported(terminal, launcher):
    first = terminal.pids["sales"]
    os.kill(first, signal.SIGKILL)
    assert wait_until(lambda: terminal.shows("sales is started again"), 60)
    assert wait_until(lambda: answers(terminal.ports["sales_port"], "/health/ready"), 60)
    assert wait_until(lambda: terminal.pids["sales"] != first, 60)


def test_parts_are_restarted_the_servers_too(terminal, launcher):
    names = {"postgres": "PostgreSQL", "nats": "NATS", "gateway": "gateway", "tickets": "tickets"}
    before = terminal.pids
    lost = "REVOKE USAGE ON SCHEMA public, messaging FROM tickets"
    assert terminal.type("psql", "tickets", "--owner", "-c", lost).returncode == 0
    done = terminal.type("restart", *names)
    assert done.returncode == 0, done.stdout + done.stderr
    after = terminal.pids
    assert {part for part in PARTS if before[part] != after[part]} == set(names.values())
    # The others find PostgreSQL and NATS again by themselves.
    assert wait_until(lambda: terminal.type("status").returncode == 0, 60)
    unknown = terminal.type("restart", "kitchen")
    assert unknown.returncode == 1
    assert "There is no part kitchen. There are: postgres, nats, mail" in unknown.stderr


def test_a_database_is_looked_into_with_the_rights_of_its_service(terminal, launcher):
    asked = ("-Atc", "select current_user, current_database()")
    assert terminal.type("psql", "sales", *asked).stdout == "sales|sales\n"
    assert terminal.type("psql", "tickets", "--owner", *asked).stdout == "tickets_owner|tickets\n"
    assert terminal.type("psql", "web").returncode == 2


def test_staff_accounts_are_managed_at_the_terminal(terminal, launcher):
    added = subprocess.run(
        [sys.executable, "-P", "-m", "local", "staff", "add", "--email", "ada@example.org",
         "--first-name", "Ada", "--last-name", "Ministre", "--role", "administrator",
         "--password-stdin"],
        env=terminal.environment, input="orage-lointain-5820", text=True,
        capture_output=True, check=False,
    )  # fmt: skip
    assert added.returncode == 0, added.stderr
    assert "ada@example.org" in terminal.type("staff", "list").stdout
    refused = terminal.type("staff", "role", "nobody@example.org", "seller")
    assert refused.returncode == 1
    assert "no staff member" in refused.stderr


def test_an_import_reports_what_it_did_and_passes_its_exit_code_on(terminal, launcher, tmp_path):
    file = tmp_path / "some products.csv"
    file.write_text("reference,designation,on_sale\nA-1,Clavier,true\nA-2,Souris,maybe\n")
    done = terminal.type("import-products", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    file.write_text("name,price\nClavier,12\n")
    assert terminal.type("import-products", str(file)).returncode == 1


def test_dead_letters_are_listed_for_every_service(terminal, launcher):
    done = terminal.type("dead-letters", "list")
    assert done.returncode == 0, done.stdout
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == list(SERVICES)
    assert terminal.type("dead-letters", "drop", "sales", "999").returncode == 1
    assert terminal.type("dead-letters", "sing").returncode == 2


def test_logs_are_shown_part_by_part(terminal, launcher):
    assert terminal.type("logs", "postgres", "-n", "3").stdout.strip()
    unknown = terminal.type("logs", "kitchen")
    assert unknown.returncode == 1
    assert "identity" in unknown.stderr


def test_data_is_not_removed_while_it_runs(terminal, launcher):
    assert terminal.type("reset", "--yes").returncode == 1
    assert launcher.poll() is None


def test_the_newest_migrations_are_read_right(launcher, terminal):
    """The quick look that spares a warm start five migrations agrees with Alembic."""
    for service in SERVICES:
        assert databases.newest_migrations(service) == {migrations.known(service)[0]}


def test_down_stops_everything_and_up_starts_it_again(terminal, launcher):
    pids = terminal.pids
    stopped = terminal.type("down")
    assert stopped.returncode == 0, stopped.stdout + stopped.stderr
    assert launcher.wait(60) == 0
    assert not [part for part, pid in pids.items() if psutil.pid_exists(pid)]
    assert "not running" in terminal.type("down").stdout

    with terminal.up("--no-demo") as again:
        assert wait_until(lambda: terminal.shows("Guichet is ready"), 60)
        assert terminal.type("staff", "list").stdout.startswith("ada@example.org")
        again.send_signal(signal.SIGINT)  # Ctrl-C
        assert again.wait(60) == 0
    assert not any(map(psutil.pid_exists, pids.values()))
    stops = [line for line in terminal.screen.read_text().splitlines() if line.startswith("✓")]
    order = ["web", "gateway", "services", "servers"]
    assert [line[2:26].strip() for line in stops][-4:] == order


def test_reset_removes_the_state(terminal, launcher):
    launcher.wait(60)
    assert terminal.type("reset", "--yes").returncode == 0
    assert not terminal.state.exists()
