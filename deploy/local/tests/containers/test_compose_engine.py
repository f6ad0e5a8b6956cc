"""What `roll` and `status` do, with an engine that is only played."""

import json
from typing import Any

import pytest

from local.containers import condition as compose_condition
from local.containers import engine as compose_engine
from local.containers.engine import Compose
from local.launcher.machine.processes import CannotStart


class Played(Compose):
    """Two replicas of tickets and what an operator runs beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.names = ["guichet-tickets-1", "guichet-tickets-2"]
        self.one_off = "guichet-tickets-run-0a1b2c3d4e5f"
        self.new_are_ready, self.migration_fails = True, False

    def checked(self, *arguments: str, **options: Any) -> str:
        match arguments:
            case ("ps", *_):
                rows = [self.row(name) for name in self.names]
                rows.append(self.row(self.one_off, labels="com.docker.compose.oneoff=True"))
                return "\n".join(map(json.dumps, rows))
            case ("up", *_):
                number = int(arguments[-2].partition("=")[2])
                self.names += [f"guichet-tickets-{n}" for n in range(3, number + 1)]
            case ("config", "--services"):
                return "tickets\nmigrate-tickets\n"
            case ("run", *_) if self.migration_fails:
                raise CannotStart("the migration failed")
        return ""

    def row(self, name: str, labels: str = "com.docker.compose.oneoff=False") -> dict[str, Any]:
        old = name in {"guichet-tickets-1", "guichet-tickets-2"}
        health = "healthy" if old or self.new_are_ready else "unhealthy"
        return {
            "ID": name, "Name": name, "State": "running", "Health": health, "Labels": labels,
            "Service": "tickets", "Project": "guichet", "Publishers": [], "ExitCode": 0,
        }  # fmt: skip

    def docker(self, *arguments: str) -> str:
        if arguments[0] == "rm":
            self.names.remove(arguments[-1])
        if arguments[0] == "inspect":
            return '{"ready": false, "database": "no"}\n'
        if arguments[0] == "exec":
            return json.dumps(['{"ready": true}', ""])
        return ""


@pytest.fixture
def played(monkeypatch) -> Played:
    played = Played()
    for module in (compose_engine, compose_condition):
        monkeypatch.setattr(module, "docker", played.docker)
    monkeypatch.setattr(compose_engine, "DISCOVERY_SECONDS", 0)
    monkeypatch.setattr(compose_engine, "READY_SECONDS", 0.1)
    return played


OLD, NEW = ["guichet-tickets-1", "guichet-tickets-2"], ["guichet-tickets-3", "guichet-tickets-4"]


def test_what_an_operator_runs_is_no_replica(played):
    assert [each.name for each in played.replicas("tickets")] == OLD
    assert [each.process for each in compose_condition.of(played)] == ["tickets-1", "tickets-2"]


def test_the_new_ones_take_over(played):
    played.roll("tickets")
    assert played.names == NEW


def test_a_migration_that_fails_leaves_the_old_ones_alone(played):
    played.migration_fails = True
    for _ in range(2):
        with pytest.raises(CannotStart, match=r"^the migration failed$"):
            played.roll("tickets")
        assert played.names == OLD


def test_new_ones_that_are_never_ready_are_gone_and_the_schema_is_named(played):
    played.new_are_ready = False
    with pytest.raises(CannotStart) as failed:
        played.roll("tickets")
    assert played.names == OLD
    reason, remedy = str(failed.value).splitlines()
    assert 'guichet-tickets-3: running unhealthy {"ready": false, "database": "no"}' in reason
    assert "The database of tickets has been migrated" in remedy
    assert "restore the backup from before" in remedy


def test_ctrl_c_leaves_nothing_behind(played):
    def interrupt(_: str) -> None:
        if len(played.names) > len(OLD):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        played.roll("tickets", interrupt)
    assert played.names == OLD
