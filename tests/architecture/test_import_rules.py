"""Each import rule of pyproject.toml, seen to hold and seen to fail."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from local.workshop.checks import LINT_IMPORTS

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]

# A forbidden import for each rule: who imports whom, where nobody may.
SERVICES = sorted(folder for folder in (ROOT / "services").iterdir() if (folder / "src").is_dir())
PLANTED = {
    "contexts": ("sales.operations", "tickets.models"),
    "inside": ("tickets.models", "tickets.operations"),
    "inside-identity": ("identity.models", "identity.operations"),
    "inside-notifications": ("notifications.operations", "notifications.sending"),
    "pure": ("tickets.operations", "httpx"),
    "mechanism": ("chassis.errors", "contracts.sales.api"),
    "thin-web": ("web.app", "chassis.data.database"),
    "sales-asks": ("sales.operations", "sales.clients"),
    "notifications-asks": ("notifications.routes", "notifications.clients"),
    "identity-facts": ("web.app", "contracts.identity.events"),
    "catalog-facts": ("tickets.handlers", "contracts.catalog.events"),
    "sales-facts": ("web.app", "contracts.sales.events"),
    "tickets-facts": ("sales.handlers", "contracts.tickets.events"),
    "identity-api": ("catalog.models", "contracts.identity.api"),
    "catalog-api": ("tickets.handlers", "contracts.catalog.api"),
    "sales-api": ("tickets.handlers", "contracts.sales.api"),
    "tickets-api": ("sales.handlers", "contracts.tickets.api"),
    "inside-web": ("web.shared.forms", "web.counter.pieces"),
    "inside-local": ("local.launcher.stack", "local.demo.loading"),
    "no-circle": ("web.clients.gateway", "web.clients.sales"),
    "notifications-api": ("tickets.handlers", "contracts.notifications.api"),
}


def lint(root: Path) -> str:
    """What import-linter says of the sources below this folder."""
    sources = [str(source) for source in root.glob("**/src") if "node_modules" not in source.parts]
    done = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-cache"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sources), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def copy_of_the_sources(folder: Path) -> Path:
    shutil.copy(ROOT / "pyproject.toml", folder)
    for source in ("contracts/src", "libs/chassis/src", "web/src", "deploy/local/src"):
        shutil.copytree(ROOT / source, folder / source, ignore=only_python)
    for source in (ROOT / "services").glob("*/src"):
        shutil.copytree(source, folder / source.relative_to(ROOT), ignore=only_python)
    return folder


def only_python(folder: str, names: list[str]) -> list[str]:
    return [n for n in names if not n.endswith(".py") and not (Path(folder) / n).is_dir()]


def file_of(root: Path, module: str) -> Path:
    package, *rest = module.split(".")
    [source] = root.glob(f"**/src/{package}")
    file = source.joinpath(*rest)
    return file / "__init__.py" if file.is_dir() else file.with_suffix(".py")


def section(report: str, name: str) -> str:
    """The part of the report that explains one broken rule."""
    title = re.escape(name) + r"\n-+\n"
    found = re.search(title + r"(.*?)(?=\n[^\n]+\n-{3,}\n|\Z)", report, re.DOTALL)
    return found[1] if found else ""


@pytest.fixture(scope="session")
def report_on_planted(tmp_path_factory) -> str:
    """All the forbidden imports at once: one look at the whole graph."""
    root = copy_of_the_sources(tmp_path_factory.mktemp("planted"))
    for importer, imported in PLANTED.values():
        with file_of(root, importer).open("a") as file:
            file.write(f"\n\nimport {imported}\n")
    return lint(root)


def test_every_rule_has_an_import_that_breaks_it():
    assert {contract["id"] for contract in CONTRACTS} == set(PLANTED)


@pytest.mark.parametrize("contract", CONTRACTS, ids=lambda contract: contract["id"])
def test_a_forbidden_import_is_seen(contract, report_on_planted):
    importer, imported = PLANTED[contract["id"]]
    assert f"{contract['name']} BROKEN" in report_on_planted, report_on_planted
    explained = section(report_on_planted, contract["name"])
    named = rf"\b{importer}\b.*\b{imported}\b"
    if contract["type"] == "acyclic_siblings":
        named = rf"in {importer.rpartition('.')[0]}\."
    assert re.search(named, explained), explained


def test_a_stray_module_in_a_context_is_seen(tmp_path):
    root, contexts = copy_of_the_sources(tmp_path), [folder.name for folder in SERVICES]
    for context in contexts:
        (file_of(root, context).parent / "helpers.py").write_text("")
    message = lint(root)
    assert [context for context in contexts if f"{context}.helpers" not in message] == [], message
