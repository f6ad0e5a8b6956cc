"""One launcher at a time, known to the other terminals."""

import json
import os
import sys

import pytest

from local.launcher import databases, leftovers, restarting, running
from local.launcher import stack as stack_module
from local.launcher.machine.processes import CannotStart, Process, free_port, wait_until
from local.launcher.settings import LocalSettings
from local.launcher.stack import Stack


def test_a_second_launcher_names_the_first(tmp_path):
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


def test_a_port_in_use_is_reported_by_part_and_number(tmp_path):
    import socket

    settings = LocalSettings.on_free_ports(tmp_path / "state").model_copy()
    settings.sales_port = free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", settings.sales_port))
        other.listen()
        stack = Stack(settings)
        with pytest.raises(CannotStart) as refusal:
            stack.start()
    assert f"port {settings.sales_port} (sales)" in str(refusal.value)
    assert "GUICHET_SALES_PORT" in str(refusal.value)
    assert not any(process.is_alive() for process in stack.processes)


DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('deaf', flush=True); time.sleep(600)"


def test_what_a_killed_launcher_left_is_named_and_ended(tmp_path, monkeypatch):
    """A process that ignores signals, identified by its id and start time."""
    monkeypatch.setattr(leftovers, "ENDING_SECONDS", 0.3)
    monkeypatch.setattr(stack_module, "LEAVING_SECONDS", 0.3)
    stack = Stack(LocalSettings.on_free_ports(tmp_path / "state"))
    deaf = Process("NATS", [sys.executable, "-c", DEAF], stack.log("nats"))
    deaf.start()
    stack.nats.running = deaf.running
    try:
        stack.write_down(ready=True)
        named = f"NATS (process {deaf.pid})"
        assert str(*running.left_over(stack.state)) == named
        again = Stack(stack.settings)
        for command in (again.start, lambda: running.running_stack(stack.settings)):
            with pytest.raises(CannotStart) as refusal:
                command()
            assert "left from a launcher that was killed" in str(refusal.value)
            assert named in str(refusal.value)
            assert "./guichet down ends them" in str(refusal.value)
        assert running.stop(stack.state) is True
        assert not deaf.is_alive()
        assert running.stop(stack.state) is False
    finally:
        deaf.stop(0)


def test_what_even_the_kernel_cannot_end_is_named_with_what_to_do(tmp_path, monkeypatch):
    """A process that waits for a disk that does not answer: the kernel kills it only later."""
    monkeypatch.setattr(leftovers, "ENDING_SECONDS", 0.1)
    monkeypatch.setattr(leftovers, "KILLING_SECONDS", 0.1)
    monkeypatch.setattr(leftovers.os, "killpg", lambda *_: None)
    stack = Stack(LocalSettings.on_free_ports(tmp_path / "state"))
    stack.nats.stop_seconds = 0.1
    deaf = Process("NATS", [sys.executable, "-c", DEAF], stack.log("nats"))
    deaf.start()
    assert deaf.running
    stack.nats.running = deaf.running
    try:
        assert wait_until(lambda: deaf.last_words() == "deaf", 30)
        stack.write_down(ready=True)
        part = rf"NATS \(process {deaf.pid}\)"
        message = (
            rf"not even by the kernel: {part}: [\w-]+\. They wait for a disk or a device; once"
        )
        with pytest.raises(CannotStart, match=message):
            running.stop(stack.state)
        with pytest.raises(CannotStart, match=part):
            running.running_stack(stack.settings)  # `status` asks this
        with pytest.raises(CannotStart, match=message):
            restarting.renew(stack, [stack.nats])
    finally:
        deaf.running.kill()
        deaf.running.wait()
    assert running.stop(stack.state) is False


def test_a_process_id_that_was_given_again_is_not_ours(tmp_path):
    stack = Stack(LocalSettings.on_free_ports(tmp_path / "state"))
    written = {"pid": os.getpid(), "started": 1.0, "stop_with": 15}
    stack.running_file.write_text(json.dumps({"ready": True, "processes": {"sales": written}}))
    assert running.left_over(stack.state) == []


def test_who_is_not_restarted_keeps_the_schema_that_it_serves(tmp_path, monkeypatch):
    checked = []
    monkeypatch.setattr(databases, "make", lambda *_: None)
    monkeypatch.setattr(
        databases, "is_migrated", lambda _, service: checked.append(service) or True
    )
    monkeypatch.setattr(restarting, "renew", lambda *_: None)
    monkeypatch.setattr(restarting, "wait_for", lambda _: None)
    stack = Stack(LocalSettings.on_free_ports(tmp_path))
    monkeypatch.setattr(stack, "routes_to_all", lambda: True)
    restarting.restart(stack, ["web", "sales"])
    assert checked == ["sales"]


def test_a_service_gets_its_own_secrets_and_no_others(tmp_path, monkeypatch):
    for name in ("POSTGRES_URL", "MIGRATION_URL", "DATABASE_URL_FILE"):
        monkeypatch.setenv(f"GUICHET_{name}", "postgresql://root:all-doors@127.0.0.1:1/postgres")
    stack = Stack(LocalSettings.on_free_ports(tmp_path))
    environment = stack.environment("sales")
    assert stack.vault["postgres sales"] in environment["GUICHET_DATABASE_URL"]
    everything = " ".join(environment.values())
    assert "all-doors" not in everything
    for name, secret in stack.vault.known.items():
        if name.split()[-1] != "sales":
            assert secret not in everything, name
    owners = stack.vault["postgres sales_owner"]
    assert owners in stack.for_migrations("sales")["GUICHET_MIGRATION_URL"]
