"""The process that mutates one part, in the folder of its copy: makes them, tries them, and reports."""

import hashlib
import json
import os
import pickle
import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.utils.file_utils import setup_source_paths

from local.launcher.screen import say
from local.workshop.testing.mutations import changing, trying
from local.workshop.testing.mutations.changing import Mutant
from local.workshop.testing.mutations.trying import KILLED, RESULTS, SLOW, UNREACHED, Lane, Trying

DEAD = (KILLED, SLOW)
MADE = Path("mutants.pickle")


def known() -> dict[str, dict[str, Any]]:
    """The last result of each mutant."""
    if not RESULTS.exists():
        return {}
    rows = [json.loads(line) for line in RESULTS.read_text().splitlines()]
    return {row["mutant"]: row for row in rows}


def results_of(mutants: list[Mutant]) -> dict[str, dict[str, Any]]:
    """Results of changes of functions that have not changed since."""
    found = known()
    return {
        each.name: found[each.name]
        for each in mutants
        if each.name in found and found[each.name]["function"] == each.function
    }


def stamp(mutants: list[Mutant], tests: list[str]) -> str:
    """A hash of everything that decides which tests run which line."""
    named = [Path("mutants", test) for test in tests]
    files = [
        file
        for each in named
        for file in ([each] if each.is_file() else sorted(each.rglob("*.py")))
    ]
    files += sorted(Path("mutants") / source for source in {each.source for each in mutants})
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def main() -> int:
    wishes = json.loads(sys.argv[1])
    set_mutant_under_test("")
    if sys.argv[2:] != ["made"]:
        mutants = changing.make()
        say(f"{len(mutants)} mutants, not made: {dict(changing.left_out)}")
        MADE.write_bytes(pickle.dumps(mutants))
        # Anew: this process has imported what it did not find mutated yet.
        module = ["-m", "local.workshop.testing.mutations"]
        os.execv(sys.executable, [sys.executable, *module, sys.argv[1], "made"])  # noqa: S606
    mutants = pickle.loads(MADE.read_bytes())  # noqa: S301 - written a moment ago
    setup_source_paths()
    chosen = mutants
    if wishes["only"]:
        chosen = [each for each in mutants if any(word in each.name for word in wishes["only"])]
    # In an order of chance: what is tried when it is stopped is a sample of all.
    chosen.sort(key=lambda each: each.name)
    random.Random(wishes["seed"]).shuffle(chosen)  # noqa: S311 - no secret
    chosen = chosen[: wishes["sample"] or None]
    before = results_of(mutants)
    todo = [each for each in chosen if each.name not in before]
    if not wishes["new"]:
        todo += [
            each
            for each in chosen
            if each.name in before and before[each.name]["state"] not in DEAD
        ]
    if todo:
        tests = wishes["tests"]
        plugin = Trying(
            todo[::-1],
            [Lane(urls) for urls in wishes["lanes"]],
            own=tests[0],
            templates=wishes["templates"],
            cached=wishes["cached"],
            stamp=stamp(mutants, tests),
            until=wishes["until"] or time.time() + 1e9,
            again=set(before),
        )
        home = Path.cwd()
        os.chdir(changing.MUTANTS)
        os.environ.update(wishes["lanes"][0])
        code = pytest.main([*wishes["options"], *tests], plugins=[plugin])
        os.chdir(home)
        if code not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            return int(code)
    return report(mutants, chosen)


def report(mutants: list[Mutant], chosen: list[Mutant]) -> int:
    results = results_of(chosen)
    by_file: dict[Path, Counter[str]] = {}
    for each in chosen:
        if each.name in results:
            by_file.setdefault(each.source, Counter())[results[each.name]["state"]] += 1
    for source, counted in sorted(by_file.items()):
        say(line(counted, str(source)))
    total = sum(by_file.values(), Counter[str]())
    say(line(total, f"all that was tried, of {len(mutants)}"))
    left = [each for each in chosen if results.get(each.name, {}).get("state", KILLED) not in DEAD]
    Path("survivors.diff").write_text(
        "\n".join(
            f"# {results[each.name]['state']}, {results[each.name]['tests']} tests\n"
            f"{get_diff_for_mutant(each.name, path=each.source)}"
            for each in sorted(left, key=lambda each: each.name)
        )
    )
    return int(bool(left))


def line(counted: Counter[str], what: str) -> str:
    dead = sum(counted[state] for state in DEAD)
    share = 100 * dead / (counted.total() or 1)
    rest = f"{counted[trying.SURVIVED]} survived, {counted[UNREACHED]} unreached"
    return f"{dead:5} of {counted.total():5} killed {share:5.1f} % ({counted[SLOW]} by time), {rest}  {what}"


if __name__ == "__main__":
    sys.exit(main())
