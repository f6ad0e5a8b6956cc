"""Run the tests: all of them, those of some parts, or those that a change reaches."""

import os
import shutil
import subprocess
import sys
import tempfile

from local.launcher.machine.processes import CannotStart
from local.launcher.screen import say
from local.launcher.settings import ROOT
from local.workshop.parts import ON_DEMAND, PARTS, WHOLE_STACK
from local.workshop.testing import mutations

# The containers bring servers of their own: none is started for the tests.
NO_SERVERS = dict.fromkeys(("GUICHET_TEST_POSTGRES", "GUICHET_TEST_NATS"), "none")
# A process waits a third of its time, so three keep two cores busy. Each starts its own servers;
# conftest.py distributes the files. The slowest parts come first, so that all three end together.
THREE_PROCESSES = ("--numprocesses", "3", "--dist", "loadfile", "--no-loadscope-reorder")
SLOWEST_FIRST = ("e2e", "faults", "local", "attacks", "tickets", "catalog", "chassis")

HELP = f"""\
./guichet test [PART|FILE|changed] ... [WORDS FOR PYTEST]

  ./guichet test                            all parts, in three processes
  ./guichet test sales web                  two parts, in one process
  ./guichet test sales -k draft -x          of one part, those with `draft` in their name
  ./guichet test web/tests/test_pages.py    one file; FILE::NAME is one test
  ./guichet test changed                    what differs from the main branch reaches
  ./guichet test mutations sales            whether its tests notice what is changed in it; --help

Parts: {", ".join(PARTS)};
and, only when named, accessibility (every page at every zoom, by keyboard, without colours),
compose (the containers, built and run on this machine's Docker) and
incidents (each row of docs/operations.md is caused on a Guichet at work, and repaired by its words).

`changed` follows the imports from each changed module to the tests that use it; a template, a
style sheet or a script stands for its whole part. It leaves out {" and ".join(WHOLE_STACK)}, which reach
everything, but for their own changed files, and says so.

A story that fails leaves what its browser showed in .guichet/failures; its message says where.
No test may depend on another: --random-order=any runs files and tests in an order of chance and
says by which --random-order=SEED it comes again. All else is for pytest, in one process: -k WORDS,
-x, --lf, --pdb, -s (python -m pytest --help).
"""


def test(words: list[str]) -> int:
    """Pytest on what is named, or on all that needs nothing more; other words are for it."""
    if {"--help", "-h"} & set(words) and words[:1] != ["mutations"]:
        say(HELP)
        return 0
    if words[:1] == ["mutations"]:
        return mutations.test(words[1:])
    if "changed" in words:
        return test_changed([word for word in words if word != "changed"])
    known = PARTS | ON_DEMAND
    named = [word for word in words if word in known]
    options = [word for word in words if word not in known]
    files = [word for word in options if is_file(word.partition("::")[0])]
    chosen = named or list(PARTS)
    if not named:
        chosen = sorted(
            PARTS,
            key=lambda part: (
                SLOWEST_FIRST.index(part) if part in SLOWEST_FIRST else len(SLOWEST_FIRST)
            ),
        )
    folders = [known[part] for part in (named if files else chosen)]
    own_servers = set(chosen) <= set(ON_DEMAND) - {"accessibility"}
    alone = named or any(not word.startswith("--random-order=") for word in options)
    return run(set(chosen), [*(() if alone else THREE_PROCESSES), *options, *folders], own_servers)


def is_file(word: str) -> bool:
    try:
        return (ROOT / word).exists()
    except OSError:  # words for -k may be longer than any file's name
        return False


def test_changed(options: list[str]) -> int:
    from local.workshop.testing import changed  # noqa: PLC0415 - reads every module

    reached = changed.reached()
    if not reached.tests:
        say(f"No test is reached by what differs from {reached.since}.")
        return 0
    say(f"Since {reached.since}: {reached.described()}")
    left_out = [part for part in WHOLE_STACK if part not in reached.parts]
    if left_out:
        say(f"Left out, for they reach everything: ./guichet test {' '.join(left_out)}")
    in_three = THREE_PROCESSES if reached.is_much else ()
    return run(reached.parts, [*in_three, *options, *reached.tests])


def run(parts: set[str], arguments: list[str], own_servers: bool = False) -> int:
    from local.launcher import assets  # noqa: PLC0415 - only needed here
    from local.workshop import browser, scripts  # noqa: PLC0415 - only needed here

    if {"web", "local", "attacks", "e2e", "accessibility"} & parts:
        assets.bring()
    if "web" in parts:
        scripts.bring()
    if {"web", "local"} & parts:
        assets.node()
    if {"e2e", "faults", "compose", "accessibility"} & parts:
        browser.bring()
    prefix = mount_prefix() if "incidents" in parts else []
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "pytest", *arguments],
        cwd=ROOT,
        env={**os.environ, **(NO_SERVERS if own_servers else {})},
        check=False,
    )
    return done.returncode


def mount_prefix() -> list[str]:
    """The prefix under which tests may mount small disks, which nobody else sees."""
    why = "there is no unshare, which Linux alone has"
    if shutil.which("unshare"):
        for as_root in ([], ["--user", "--map-root-user"]):
            prefix = ["unshare", *as_root, "--mount", "--"]
            attempt = [*prefix, "mount", "-t", "tmpfs", "none", tempfile.gettempdir()]
            done = subprocess.run(attempt, capture_output=True, text=True, check=False)
            if done.returncode == 0:
                return prefix
            why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
    raise CannotStart(
        f"The incidents fill small disks, which nobody may mount here ({why}): run them as root on"
        " a machine of its own, or in a container that is --privileged."
    )
