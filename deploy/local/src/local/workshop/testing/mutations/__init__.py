"""Mutations: the code is changed in one small place at a time, and a test should notice."""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import datetime, time, timedelta
from pathlib import Path

from local.launcher.machine import servers
from local.launcher.machine.processes import CannotStart
from local.launcher.settings import ROOT, SERVICES
from local.workshop.parts import PARTS, SOURCES

LOCK = ROOT / "locks" / "mutations.txt"
FOLDER = ROOT / ".guichet" / "mutations"
PACKAGES = FOLDER / "packages"
MEMORY = Path("/dev/shm")  # noqa: S108 - folders with names of their own, in memory where there is one

# Packages of the chassis that are mutated apart, with tests of their own.
ALONE = {"streams": "src/chassis/messaging/streams/*", "uploads": "src/chassis/http/uploads.py"}
# What is mutated: the whole chassis, and the models and operations of each service.
MUTATED = {
    "chassis": ["src/chassis/*"],
    **{part: [file] for part, file in ALONE.items()},
    **{name: [f"src/{name}/models*", f"src/{name}/operations*"] for name in SERVICES},
}
SPARED = ["src/chassis/testing.py", "src/chassis/text/cases.py"]  # these are test code
# Tests that start and stop processes take seconds each; the module that only they test is left out.
LEFT_OUT = "test_serving.py"
SPARED += ["src/chassis/http/server.py"]

# Functions with a cache that is slow to fill: called before the process forks.
CACHED = {"identity": ["identity.passwords:listed"]}

# Makes Hypothesis use the same examples each time, without a time limit.
NO_DEADLINES = {"CI": "true"}

# The tests of a part, where they are not its whole folder: the quickest file first.
TESTS = {
    # Without the real catalogue and the search, which test no further decisions.
    "catalog": [f"{PARTS['catalog']}/test_reading.py", f"{PARTS['catalog']}/test_import.py"],
    "uploads": [
        f"{PARTS['chassis']}/test_uploads.py",
        f"{PARTS['catalog']}/test_import_in_parts.py",
    ],
    "streams": [f"{PARTS['chassis']}/{name}.py" for name in ("test_rights", "test_streams")],
}

HELP = """\
What is mutated is copied to .guichet/mutations, where the results stay: a second run goes on where
the first one stopped, tries again what survived, and starts again with a changed function. It gives way
to all else.
"""


def parse_arguments(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("./guichet test mutations", description=HELP)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(MUTATED) + "; or all")
    parser.add_argument(
        "--sample",
        type=int,
        default=0,
        metavar="N",
        help="a random sample of so many mutants of each part",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the sample")
    parser.add_argument(
        "--only", action="append", default=[], help="only functions with this in their name"
    )
    parser.add_argument("--new", action="store_true", help="do not try survivors again")
    parser.add_argument(
        "--processes", type=int, default=1, metavar="N", help="how many at the same time"
    )
    parser.add_argument(
        "--until", type=at, default=0, metavar="HH:MM", help="stop at this local time"
    )
    found = parser.parse_args(words)
    if strange := sorted(set(found.parts) - set(MUTATED)):
        parser.error(f"no part of ours: {', '.join(strange)}")
    return found


def at(words: str) -> float:
    """The next moment at this local time, as seconds since 1970."""
    now = datetime.now()  # noqa: DTZ005 - as the clock on the wall
    then = datetime.combine(now, time.fromisoformat(words))
    return (then if then > now else then + timedelta(days=1)).timestamp()


def test(words: list[str]) -> int:
    """Returns 0 if every mutant that was tried was killed."""
    what = parse_arguments(words)
    bring()
    with contextlib.ExitStack() as stack:
        lanes = []
        for _ in range(what.processes):
            parent = MEMORY if MEMORY.is_dir() else None
            made = tempfile.TemporaryDirectory(prefix="guichet-tests-", dir=parent)
            folder = Path(stack.enter_context(made))
            folder.chmod(0o755)
            postgres, broker = stack.enter_context(servers.for_tests(folder))
            lanes.append({"GUICHET_TEST_POSTGRES": postgres.url, "GUICHET_TEST_NATS": broker.url})
        return max(mutate(part, what, lanes) for part in what.parts or MUTATED)


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


def mutate(part: str, what: argparse.Namespace, lanes: list[dict[str, str]]) -> int:
    folder = FOLDER / part
    package = "chassis" if part in ALONE else part
    source = folder / "src" / package
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(ROOT / SOURCES[package], source, ignore=shutil.ignore_patterns("__pycache__"))
    options = {
        "source_paths": ["src"],
        "only_mutate": MUTATED[part],
        "do_not_mutate": [*SPARED, *(ALONE.values() if part == "chassis" else ())],
    }
    (folder / "pyproject.toml").write_text(
        "[tool.mutmut]\n" + "".join(f"{key} = {json.dumps(it)}\n" for key, it in options.items())
    )
    # The tests see all the rest as it is.
    mutants = folder / "mutants" / "src"
    mutants.mkdir(parents=True, exist_ok=True)  # Python looks once whether it is there
    for entry in ROOT.iterdir():
        link = folder / "mutants" / entry.name
        if not (entry.name.startswith(".") or entry.name == "pyproject.toml" or link.is_symlink()):
            link.symlink_to(entry)
    wishes = {
        "tests": TESTS.get(part) or [PARTS[part]],
        "templates": {"chassis": [], "streams": [], "uploads": ["catalog"]}.get(part, [part]),
        "cached": CACHED.get(part, []),
        "options": [
            f"--config-file={ROOT / 'pyproject.toml'}", "--confcutdir=.", "--rootdir=.",
            "-p", "no:cacheprovider", "-p", "no:xdist", f"--ignore-glob=*/{LEFT_OUT}",
            "--capture=no",
        ],
        "lanes": lanes,
        "sample": what.sample, "seed": what.seed, "only": what.only, "new": what.new,
        "until": what.until,
    }  # fmt: skip
    # Also for what tests start: the switch to a mutant is a variable of the environment.
    paths = os.pathsep.join(map(str, (mutants, PACKAGES)))
    return subprocess.run(
        [sys.executable, "-m", "local.workshop.testing.mutations", json.dumps(wishes)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, **NO_DEADLINES},
        check=False,
    ).returncode
