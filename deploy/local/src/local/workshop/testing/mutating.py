"""The process that mutates one part: mutmut, as it is called here, and what it found in words."""

import os
import sys
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

from mutmut import __main__ as mutmut
from mutmut.mutation import file_mutation, mutators
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.state import state
from mutmut.stats import status_by_exit_code
from mutmut.utils.format_utils import mangled_name_from_mutant_name

# At 19 a busy machine leaves it nothing: tests' own limits of time end what a mutant did not.
GIVES_WAY = 10
NOT_TRIED, KILLED = "not checked", ("killed", "timeout", "segfault")

# Not texts: they are for people or for PostgreSQL, which refuses one that is not its language.
file_mutation.mutation_operators = [
    (kind, mutator)
    for kind, mutator in mutators.mutation_operators
    if mutator is not mutators.operator_string
]

all_mutants = mutmut.collect_source_file_mutation_data


def sample(one_in: int) -> Any:
    """Some of the mutants, by their names, so that they are the same the next time."""

    def chosen(*, mutant_names: Any) -> Any:
        mutants, data = all_mutants(mutant_names=mutant_names)
        return [each for each in mutants if zlib.crc32(each[1].encode()) % one_in == 0], data

    return chosen


def undisturbed(mutant_names: Any) -> set[str]:
    """What is run once without a mutant: not all again, but the tests of what is still to be tried."""
    mutants, _ = mutmut.collect_source_file_mutation_data(mutant_names=mutant_names)
    known = state().tests_by_mangled_function_name
    functions = {mangled_name_from_mutant_name(name) for _, name, code in mutants if code is None}
    tests = set[str]().union(*(known.get(function, ()) for function in functions))
    return tests or {min(state().duration_by_test)}  # none would be all


def main() -> int:
    os.nice(max(0, GIVES_WAY - os.nice(0)))
    mutmut.collect_source_file_mutation_data = sample(int(sys.argv[1]))
    mutmut.tests_for_mutant_names = undisturbed
    mutmut._run((), 1)  # one at a time: tests of one part share a database
    _, data = all_mutants(mutant_names=())
    survivors = []
    for path, found in data.items():
        states = {name: status_by_exit_code[code] for name, code in found.exit_code_by_key.items()}
        counted = Counter(state for state in states.values() if state != NOT_TRIED)
        killed = sum(counted[state] for state in KILLED)
        if counted:
            print(f"{killed:5} of {counted.total():5} killed  {path}")  # noqa: T201
        survivors += [
            f"# {state}\n{get_diff_for_mutant(name, path=Path(path))}"
            for name, state in states.items()
            if state not in (NOT_TRIED, *KILLED)
        ]
    Path("survivors.diff").write_text("\n".join(survivors))
    return int(bool(survivors))


if __name__ == "__main__":
    sys.exit(main())
