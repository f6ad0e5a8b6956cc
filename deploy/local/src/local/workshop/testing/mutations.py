"""Mutations: the code is changed in one small place at a time, and a test should notice."""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from local.launcher.machine import servers
from local.launcher.machine.processes import CannotStart
from local.launcher.settings import ROOT, SERVICES
from local.workshop.parts import PARTS, SOURCES

LOCK = ROOT / "locks" / "mutations.txt"
FOLDER = ROOT / ".guichet" / "mutations"
PACKAGES = FOLDER / "packages"

# What is mutated: the whole mechanism, and of each service what decides.
MUTATED = {
    "chassis": ["src/chassis/*"],
    **{name: [f"src/{name}/models*", f"src/{name}/operations*"] for name in SERVICES},
}
SPARED = ["src/chassis/testing.py", "src/chassis/text/cases.py"]  # themselves for tests
# Tests that start processes and stop them, seconds each, and what nothing else shows.
LEFT_OUT = "test_serving.py"
SPARED += ["src/chassis/http/server.py"]

# What Hypothesis takes for the sign of a slow machine: the same examples each time, at any pace.
NO_DEADLINES = {"CI": "true"}

HELP = """\
What is mutated is copied to .guichet/mutations, where the results stay: a second run goes on where
the first one stopped, and begins a changed function anew. It takes one or two seconds for each
mutant, in one process, and gives way to all else.
"""


def asked(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("./guichet test mutations", description=HELP)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(MUTATED) + "; or all")
    parser.add_argument(
        "--one-in", type=int, default=1, metavar="N", help="the same ones each time"
    )
    found = parser.parse_args(words)
    if strange := sorted(set(found.parts) - set(MUTATED)):
        parser.error(f"no part of ours: {', '.join(strange)}")
    return found


def test(words: list[str]) -> int:
    """Zero where every mutant that was tried was killed."""
    what = asked(words)
    bring()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="guichet-tests-")))
        folder.chmod(0o755)
        postgres, broker = stack.enter_context(servers.for_tests(folder))
        urls = {"GUICHET_TEST_POSTGRES": postgres.url, "GUICHET_TEST_NATS": broker.url}
        return max(mutate(part, what.one_in, urls) for part in what.parts or MUTATED)


def bring() -> None:
    """The tool, of the versions in its lock: it is no part of what other tests need."""
    stamp = PACKAGES / "lock.txt"
    if stamp.exists() and stamp.read_text() == LOCK.read_text():
        return
    shutil.rmtree(PACKAGES, ignore_errors=True)
    command = ["uv", "pip", "install", "--quiet", "--require-hashes", "--no-deps"]
    into = ["--python", sys.executable, "--target", PACKAGES, "-r", LOCK]
    if subprocess.run([sys.executable, "-m", *command, *into], check=False).returncode:
        raise CannotStart("the packages in locks/mutations.txt cannot be installed")
    stamp.write_text(LOCK.read_text())


def mutate(part: str, one_in: int, urls: dict[str, str]) -> int:
    folder = FOLDER / part
    source = folder / "src" / part
    shutil.rmtree(source, ignore_errors=True)
    # With the times of its files: those older than their mutants are not mutated again.
    shutil.copytree(ROOT / SOURCES[part], source, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pyproject.toml").write_text(configuration(part))
    (folder / "mutants").mkdir(exist_ok=True)
    for entry in ROOT.iterdir():  # the tests see all the rest as it is
        link = folder / "mutants" / entry.name
        if not (entry.name.startswith(".") or entry.name == "pyproject.toml" or link.is_symlink()):
            link.symlink_to(entry)
    # Also for what tests start: the switch to a mutant is a variable of the environment.
    mutants = folder / "mutants" / "src"
    mutants.mkdir(parents=True, exist_ok=True)  # Python looks once whether it is there
    paths = os.pathsep.join(map(str, (mutants, PACKAGES)))
    return subprocess.run(
        [sys.executable, "-m", "local.workshop.testing.mutating", str(one_in)],
        cwd=folder,
        env={**os.environ, **urls, "PYTHONPATH": paths, **NO_DEADLINES},
        check=False,
    ).returncode


def configuration(part: str) -> str:
    """What the tool reads, and pytest from it: the tests stay where they are."""
    options = {
        "source_paths": ["src"],
        "only_mutate": MUTATED[part],
        "do_not_mutate": SPARED,
        "pytest_add_cli_args": [
            f"--config-file={ROOT / 'pyproject.toml'}", "--confcutdir=.", "-p", "no:cacheprovider", "-p", "no:xdist",
            f"--ignore-glob=*/{LEFT_OUT}",
            "--capture=no",  # what is bound to one run's output would be closed in the next
        ],
        "pytest_add_cli_args_test_selection": [PARTS[part]],
        # Of the seconds that the tests of a mutant take undisturbed; then it counts as killed.
        "timeout_multiplier": 8.0,
        "timeout_constant": 2.0,
        "use_git_change_detection": False,
        # The chassis' own tests leave a process changed, with loggers that are cached; others'
        # share with their mutants a database that is migrated once.
        "process_isolation": "forkserver" if part == "chassis" else "fork",
    }  # fmt: skip
    return "[tool.mutmut]\n" + "".join(
        f"{name} = {json.dumps(options[name])}\n" for name in options
    )
