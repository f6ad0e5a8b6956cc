"""The checks that every change must pass, and automatic fixes."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from local.launcher.screen import console
from local.launcher.settings import ROOT

# import-linter has no `python -m`, and its script has an absolute path, wrong after a move.
LINT_IMPORTS = "from importlinter.cli import lint_imports_command as lint; lint()"
Command = tuple[str, ...]
AT_ONCE = 2
BIOME = ("check", "--error-on-warnings", ".")
CHECKS: dict[str, Command] = {
    "formatter": ("-m", "ruff", "format", "--check", "--quiet", "."),
    "linter": ("-m", "ruff", "check", "--quiet", "."),
    "types": ("-m", "ty", "check", "--output-format", "concise", "--python", sys.prefix),
    "import rules": ("-c", LINT_IMPORTS),
    "words": ("-P", "-m", "local.workshop.words"),
    "conventions": ("-P", "-m", "local.workshop.conventions"),
    "scripts and styles": ("-P", "-m", "local.workshop.scripts", "biome", *BIOME),
    "types of scripts": ("-P", "-m", "local.workshop.scripts", "tsc", "--project", "."),
}
# The linter first: what it rewrites may need formatting.
FIXES: tuple[Command, ...] = (
    ("-m", "ruff", "check", "--fix", "--quiet", "--exit-zero", "."),
    ("-m", "ruff", "format", "--quiet", "."),
)
FIX_SCRIPTS: Command = ("-P", "-m", "local.workshop.scripts", "biome", *BIOME, "--write")


def check(*, fix: bool = False) -> int:
    """Run all checks, even after a failure, so that one run shows every problem."""
    for command in (*FIXES, FIX_SCRIPTS) if fix else ():
        run(command)
    with ThreadPoolExecutor(AT_ONCE) as threads:
        done = dict(zip(CHECKS, threads.map(run, CHECKS.values()), strict=True))
    failed = [name for name in CHECKS if not passes(name, done[name])]
    return 1 if failed else 0


def passes(name: str, done: subprocess.CompletedProcess[str]) -> bool:
    console.print(f"{'✗' if done.returncode else '✓'} {name}")
    if done.returncode:
        print(done.stdout + done.stderr)  # noqa: T201 - as the tool wrote it
    return done.returncode == 0


def run(command: Command) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
