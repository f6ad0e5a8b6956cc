"""What is brought on demand is brought by one process at a time: another takes nothing half there."""

import shutil
import subprocess
import sys
from pathlib import Path

from local.launcher import install
from local.launcher.settings import ROOT

TAKES_NODE = """
import sys
from pathlib import Path
from local.launcher import assets
assets.ROOT = Path(sys.argv[1])
print(*assets.node())
"""


def test_who_wants_node_waits_for_whoever_installs(tmp_path):
    shutil.copytree(ROOT / "locks", tmp_path / "locks")
    with install.alone(tmp_path / ".guichet"):
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
