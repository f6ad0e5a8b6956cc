"""The launcher's installation: one at a time, told of, ended with it, and mended when half made.

A small checkout with this launcher, and a `uv` on its PATH that installs nothing and takes its
time while a file named `slow` lies beside it.
"""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import psutil
import pytest

from local.launcher.machine.processes import wait_until
from local.launcher.settings import ROOT

UV = """#!/bin/sh
folder=$(dirname "$0")
echo "$$ $1 $2" >>"$folder/calls"
case $1 in
venv) for last; do :; done; exec "$PYTHON" -m venv --without-pip "$last" ;;
pip) while [ -e "$folder/slow" ]; do sleep 0.1; done ;;
esac
"""
HANDED_OVER = "import sys\nprint('handed over:', *sys.argv[1:])\n"


class Checkout:
    def __init__(self, folder: Path) -> None:
        self.root, self.tools = folder / "a checkout", folder / "tools"
        package = self.root / "deploy/local/src/local"
        (package / "launcher/machine").mkdir(parents=True)
        ours = ROOT / "deploy/local/src/local"
        for name in (
            "__init__.py",
            "launcher/__init__.py",
            "launcher/install.py",
            "launcher/machine/__init__.py",
            "launcher/machine/processes.py",
        ):
            shutil.copy(ours / name, package / name)
        (package / "__main__.py").write_text(HANDED_OVER)
        shutil.copy(ROOT / "guichet", self.root)
        (self.root / "locks").mkdir()
        for lock in ("run", "all"):
            (self.root / "locks" / f"{lock}.txt").write_text(f"{lock}\n")
        self.tools.mkdir()
        self.slow = self.tools / "slow"
        (self.tools / "uv").write_text(UV)
        (self.tools / "uv").chmod(0o755)
        (self.tools / "python3").symlink_to(sys.executable)
        self.begun: list[subprocess.Popen[str]] = []

    def begin(self, *words: str) -> subprocess.Popen[str]:
        launcher = subprocess.Popen(
            ["./guichet", *words],
            cwd=self.root,
            env={"PATH": f"{self.tools}:{os.environ['PATH']}", "PYTHON": sys.executable,
                 "HOME": str(self.tools)},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        self.begun.append(launcher)
        return launcher

    def installer(self) -> psutil.Process:
        """The one that takes its time, once it is there."""

        def pids() -> list[int]:
            calls = self.tools / "calls"
            lines = calls.read_text().splitlines() if calls.exists() else []
            return [int(line.split()[0]) for line in lines if line.endswith(" pip sync")]

        assert wait_until(lambda: bool(pids()), 60)
        return psutil.Process(pids()[-1])

    def forgets_calls(self) -> None:
        (self.tools / "calls").unlink()


@pytest.fixture
def checkout(tmp_path) -> Generator[Checkout]:
    checkout = Checkout(tmp_path)
    yield checkout
    for launcher in checkout.begun:
        with launcher:
            launcher.kill()


def says(launcher: subprocess.Popen[str], words: str) -> str:
    """The line with these words, read as it comes."""
    assert launcher.stdout is not None
    for line in launcher.stdout:
        if words in line:
            return line
    pytest.fail(f"it never said: {words}")


def test_the_first_start_installs_and_the_next_ones_do_not(checkout):
    output, _ = checkout.begin("up", "--no-demo").communicate()
    assert "Installing the Python packages of locks/run.txt" in output
    assert output.endswith("handed over: up --no-demo\n")
    assert checkout.begin("status").communicate()[0] == "handed over: status\n"
    assert checkout.begin("test", "--help").communicate()[0] == "handed over: test --help\n"
    assert "locks/all.txt" in checkout.begin("check").communicate()[0]
    assert checkout.begin("up").communicate()[0] == "handed over: up\n"  # all suits up, too


def test_ctrl_c_ends_the_installation_and_hands_the_lock_to_who_waits(checkout):
    checkout.slow.touch()
    first = checkout.begin("up")
    installer = checkout.installer()
    checkout.forgets_calls()
    second = checkout.begin("status")
    assert f"(process {first.pid})" in says(second, "Waiting for another ./guichet")

    first.send_signal(signal.SIGINT)  # to the launcher alone, as `kill` does
    output, _ = first.communicate(timeout=120)
    assert output.endswith("Interrupted: the next ./guichet goes on with the installation.\n")
    assert first.returncode == 128 + signal.SIGINT
    assert not installer.is_running()

    says(second, "Installing the Python packages")
    checkout.slow.unlink()
    assert second.communicate(timeout=120)[0].endswith("handed over: status\n")


def test_who_waited_for_an_installation_makes_none(checkout):
    checkout.slow.touch()
    first = checkout.begin("up")
    checkout.installer()
    second = checkout.begin("status")
    says(second, "Waiting for another ./guichet")
    checkout.slow.unlink()
    assert first.communicate(timeout=120)[0].endswith("handed over: up\n")
    assert second.communicate(timeout=120)[0] == "handed over: status\n"


def test_a_launcher_that_is_killed_leaves_a_half_made_environment_which_is_recreated(checkout):
    checkout.slow.touch()
    first = checkout.begin("up")
    checkout.installer()
    half = checkout.root / ".venv" / "half a package"
    half.touch()
    first.kill()
    first.communicate()
    checkout.slow.unlink()
    assert checkout.begin("up").communicate(timeout=120)[0].endswith("handed over: up\n")
    assert not half.exists()


def test_an_installation_that_fails_says_why(checkout):
    (checkout.tools / "uv").unlink()
    (checkout.root / "locks" / "run.txt").write_text("no-hash==1\n")
    launcher = checkout.begin("up")
    output, _ = launcher.communicate(timeout=60)
    assert launcher.returncode == 1
    assert "guichet: The packages cannot be installed:" in output
    assert "hash" in output.lower()
