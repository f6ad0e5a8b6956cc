"""The rules of the house that no import shows."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    file
    for folder in ("contracts", "libs", "services", "web", "deploy")
    for file in (ROOT / folder).glob("**/src/**/*.py")
    if "node_modules" not in file.parts
)
MODULES = [file for file in SOURCES if "versions" not in file.parts]
VAGUE = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}


def named(file: Path) -> str:
    return str(file.relative_to(ROOT))


def test_no_module_has_a_vague_name():
    assert not [named(file) for file in MODULES if file.stem in VAGUE]


@pytest.mark.parametrize("file", MODULES, ids=named)
def test_a_module_says_what_it_is_for_in_its_first_line(file):
    tree = ast.parse(file.read_text())
    if tree.body:
        said = ast.get_docstring(tree)
        assert said, "no docstring"
        assert len(said.splitlines()[0]) <= 100


def test_only_the_chassis_ends_transactions():
    ending = {"commit", "rollback"}
    found = [
        f"{named(file)}:{node.lineno}"
        for file in SOURCES
        if "services" in file.parts or "web" in file.parts
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ending
    ]
    assert not found


def test_no_registry_and_no_machine_is_named_in_the_repository():
    """Locks hold versions and hashes; where to fetch from is each machine's own business."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "locks", "*.lock", "*package-lock.json", "*.npmrc"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, tracked):
        for line in (ROOT / name).read_text().splitlines():
            assert "://" not in line or '"url": "https://github.com/' in line, f"{name}: {line}"


def test_a_file_that_passes_four_hundred_lines_is_a_folder():
    long = {named(file): len(file.read_text().splitlines()) for file in MODULES}
    assert not {name: lines for name, lines in long.items() if lines > 450}
