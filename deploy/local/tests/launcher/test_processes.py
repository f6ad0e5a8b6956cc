"""Processes start, die and are started again."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from local.launcher.machine import processes
from local.launcher.machine.processes import (
    CannotStart,
    Forked,
    Process,
    dying_with_us,
    free_port,
    is_taken,
    wait_until,
)
from local.launcher.machine.supervise import Supervisor
from local.launcher.settings import ROOT
from local.workshop.testing.tests import mount_prefix


def sleeper(folder, name="sleeper") -> Process:
    return Process(name, ["sleep", "600"], folder / f"{name}.log")


def test_a_port_that_somebody_listens_on_is_taken():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert is_taken(port)
    assert not is_taken(port)


def test_a_port_is_given_to_one_process_at_a_time(monkeypatch):
    """Also before anything listens there."""
    asks = "import sys, local.launcher.machine.processes as p; print(p.free_port(), flush=True); sys.stdin.read()"
    ours = free_port()
    with socket.socket() as somewhere:
        somewhere.bind(("127.0.0.1", 0))
        third = somewhere.getsockname()[1]
    monkeypatch.setattr(processes, "OUTGOING", Path("/nowhere"))
    python = [sys.executable, "-P", "-c", asks]
    with subprocess.Popen(python, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin
        assert other.stdout
        theirs = int(other.stdout.readline())
        monkeypatch.setattr(processes, "FREE_PORTS", [ours, theirs, third])
        assert not is_taken(theirs)
        assert free_port() == third
        other.stdin.close()
    monkeypatch.setattr(processes, "FREE_PORTS", [ours, theirs])
    assert free_port() == theirs


@pytest.mark.parametrize(
    ("outgoing", "left"),
    [
        ("16000\t65535\n", 6_000),
        ("32768 60999", 10_000),
        ("1024 65535", 10_000),
        ("10003 65535", 10_000),  # three ports are none
    ],
)
def test_no_port_is_given_that_an_outgoing_connection_may_take(
    tmp_path, monkeypatch, outgoing, left
):
    monkeypatch.setattr(processes, "OUTGOING", tmp_path / "range")
    (tmp_path / "range").write_text(outgoing)
    assert list(processes.below_outgoing(processes.FREE_PORTS)) == [*range(10_000, 10_000 + left)]


@pytest.mark.parametrize("is_a_folder", [True, False])
def test_ports_are_given_where_somebody_else_has_made_the_file_for_them(
    tmp_path, monkeypatch, is_a_folder
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    theirs = tmp_path / f"guichet-ports-{os.getuid()}"
    theirs.mkdir() if is_a_folder else theirs.symlink_to("/etc/passwd")
    os.close(processes.reservations.__wrapped__())
    assert list(tmp_path.iterdir()) == [theirs]


def test_the_end_of_a_fork_is_read_once_however_many_ask():
    together = threading.Barrier(8)

    def asked(forked: Forked) -> int | None:
        together.wait(10)
        return forked.poll()

    with ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            child = ended(7)
            assert set(threads.map(asked, [Forked(child.pid)] * 8)) == {7}
            child.wait()


def test_a_fork_whose_end_somebody_else_has_read_has_ended():
    child = ended(7)
    child.wait()
    forked = Forked(child.pid)
    assert forked.wait(1) == 0
    forked.kill()


def ended(code: int) -> subprocess.Popen[bytes]:
    """A child of ours whose end nobody has read."""
    child = subprocess.Popen(["sh", "-c", f"exit {code}"])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    return child


def test_a_process_that_ends_at_its_start_says_why(tmp_path):
    process = Process("failing", ["sh", "-c", "echo no such thing; exit 3"], tmp_path / "log")
    process.start()
    with pytest.raises(CannotStart, match="no such thing"):
        process.wait_for(lambda: False, 60)


def test_a_process_that_does_not_end_when_asked_is_killed(tmp_path):
    command = [sys.executable, "-c", DEAF]
    process = Process("deaf", command, tmp_path / "log")
    process.start()
    assert wait_until(lambda: "deaf" in process.last_words(), 60)
    pid = process.pid
    assert pid is not None
    process.stop(0.2)
    assert not exists(pid)


DEAF = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""


def test_processes_end_when_the_launcher_is_killed_where_the_kernel_can_do_that(tmp_path):
    program = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from local.launcher.machine.processes import Process
        child = Process("child", ["sleep", "600"], Path(sys.argv[1]) / "child.log")
        child.start()
        print(child.pid, flush=True)
        time.sleep(600)
    """)
    launcher = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    with launcher:
        assert launcher.stdout
        child = int(launcher.stdout.readline())
        # Before it becomes `sleep`, it has not yet told the kernel with whom it wants to die.
        assert wait_until(lambda: psutil.Process(child).name() == "sleep", 60)
        launcher.kill()
    if sys.platform == "linux":
        assert wait_until(lambda: not exists(child), 60)
    else:
        assert dying_with_us("TERM") == []
        psutil.Process(child).kill()


def exists(pid: int) -> bool:
    """A process that has ended and waits to be read of (a zombie) does not count."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_part_that_dies_is_restarted_and_that_is_reported(tmp_path):
    part, messages = sleeper(tmp_path), []
    supervisor = Supervisor([part], messages.append, pauses=(0.05,))
    part.start()
    first = part.pid
    assert first is not None
    assert supervisor.look() is False
    os.kill(first, signal.SIGKILL)
    try:
        assert wait_until(supervisor.look, 60)
        assert part.is_alive()
        assert part.pid != first
        assert messages[0].startswith("sleeper has ended (signal 9)")
        assert messages[1] == f"sleeper is started again (process {part.pid})."
    finally:
        part.stop()


def test_the_pauses_grow_while_a_part_keeps_dying(tmp_path):
    part, messages = Process("failing", ["false"], tmp_path / "log"), []
    supervisor = Supervisor([part], messages.append, pauses=(0.01, 0.02, 0.03))
    part.start()
    try:
        assert wait_until(lambda: supervisor.look() and len(messages) >= 8, 60, pause=0.01)
    finally:
        part.stop()
    [watched] = supervisor.watched
    assert watched.deaths >= 4
    ended = [line for line in messages if "has ended (exit code 1)" in line]
    assert len(ended) >= 4


def test_a_full_disk_ends_neither_the_launcher_nor_a_mail(tmp_path):
    """It says so, starts again what dies, and writes when there is room."""
    try:
        prefix, kind = mount_prefix(), "small"
    except CannotStart:  # nobody may mount one here
        prefix, kind = [], "device"
    script = Path(__file__).with_name("full_disk.py")
    output = subprocess.run(
        [*prefix, sys.executable, script, tmp_path, kind],
        env={**os.environ, "PYTHONPATH": str(ROOT / "tests")},
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    for line in (
        "full: 451",
        "mail is started again",
        "The launcher cannot write down who runs",
        "No space left on device",
        "supervised: True noted: False",
        "The launcher has written down who runs.",
        "noted: True",
        "room: 250",
    ):
        assert line in output, output
