"""One launcher at a time, known to the other terminals."""

import os

import pytest

from local import running
from local.processes import CannotStart, free_port
from local.settings import LocalSettings
from local.stack import Stack


def test_a_second_launcher_is_told_of_the_first(tmp_path):
    with running.alone(tmp_path):
        assert running.launcher(tmp_path) == os.getpid()
        with (
            pytest.raises(running.AlreadyRunning, match=f"already running .*{os.getpid()}"),
            running.alone(tmp_path),
        ):
            pytest.fail("two at once")
    assert running.launcher(tmp_path) is None


def test_nothing_to_stop_is_no_error(tmp_path):
    assert running.stop(tmp_path / "never made") is False


def test_commands_for_a_running_guichet_say_when_it_is_not(tmp_path):
    with pytest.raises(CannotStart, match=r"not running\. Start it with \./guichet up"):
        running.running_stack(LocalSettings.on_free_ports(tmp_path))


def test_a_port_in_use_is_told_by_part_and_number(tmp_path):
    import socket

    settings = LocalSettings.on_free_ports(tmp_path / "state").model_copy()
    settings.sales_port = free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", settings.sales_port))
        other.listen()
        stack = Stack(settings)
        with pytest.raises(CannotStart) as told:
            stack.start()
    assert f"port {settings.sales_port} (sales)" in str(told.value)
    assert "GUICHET_SALES_PORT" in str(told.value)
    assert not any(process.is_alive() for process in stack.processes)


def test_a_service_is_told_its_own_secrets_and_no_others(tmp_path, monkeypatch):
    monkeypatch.setenv("GUICHET_POSTGRES_URL", "postgresql://root:all-doors@127.0.0.1:1/postgres")
    stack = Stack(LocalSettings.on_free_ports(tmp_path))
    told = stack.environment("sales")
    assert stack.vault["postgres sales"] in told["GUICHET_DATABASE_URL"]
    assert stack.vault["postgres sales_owner"] in told["GUICHET_MIGRATION_URL"]
    everything = " ".join(told.values())
    assert "all-doors" not in everything
    for name, secret in stack.vault.known.items():
        if name.split()[-1] not in {"sales", "sales_owner"}:
            assert secret not in everything, name
