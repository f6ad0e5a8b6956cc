"""The tests are collected once; each mutant is a fork of that process, which runs those concerned."""

import json
import mmap
import os
import pkgutil
import random
import signal
import struct
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from _pytest import nodes
from coverage import Coverage
from mutmut.mutation.trampoline import set_mutant_under_test

from local.launcher.screen import say
from local.workshop.testing.mutations.changing import MUTANTS, Mutant

RESULTS, LINES = Path("results.jsonl").absolute(), Path("lines.json").absolute()
HERE = (Path.cwd() / MUTANTS).resolve()
SURVIVED, KILLED, SLOW, UNREACHED = "survived", "killed", "timeout", "unreached"
# How long one test may take with a mutant: EXTRA_SECONDS seconds, since others use the machine too, and
# FACTOR times the seconds of CPU that it takes without one.
FACTOR, EXTRA_SECONDS = 30, 40
# The seconds of tests that one mutant gets, of its part's own and of others': the quickest of those
# that reach its line. What none of them kills has survived; tried again, it gets all of them.
MAX_OWN_SECONDS, MAX_OTHER_SECONDS = 5, 3
ONE_UNCHANGED_IN = 40  # is tried as if it were a mutant: a test that fails then is flaky


@dataclass
class Lane:
    """Servers of its own, and the process that uses them now."""

    urls: dict[str, str]
    pid: int = 0
    mutant: Mutant | None = None
    unchanged: bool = False
    items: list[pytest.Item] = field(default_factory=list)
    began: float = 0.0
    progress: mmap.mmap = field(default_factory=lambda: mmap.mmap(-1, 16))  # which test, since when

    def at(self) -> tuple[int, float]:
        return struct.unpack("qd", self.progress[:16])

    def note(self, number: int) -> None:
        self.progress[:16] = struct.pack("qd", number, time.monotonic())


class Trying:
    """A plugin for pytest: instead of the tests of a session, mutants."""

    def __init__(
        self,
        mutants: list[Mutant],
        lanes: list[Lane],
        *,
        own: str,
        templates: Iterable[str],
        cached: Iterable[str],
        stamp: str,
        until: float,
        again: set[str],
    ) -> None:
        self.mutants, self.lanes, self.own, self.again = mutants, lanes, own, again
        self.cached, self.templates, self.stamp, self.until = cached, templates, stamp, until
        self.killers: dict[str, Counter[str]] = defaultdict(Counter)
        self.flaky: Counter[str] = Counter()
        self.unchanged_tried = 0

    # ---- pytest

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        if session.testsfailed:
            raise session.Failed(f"{session.testsfailed} errors while collecting")
        self.items = {item.nodeid: item for item in session.items}
        self.make_templates()
        for name in self.cached:
            pkgutil.resolve_name(name)()
        self.lines, self.seconds = self.undisturbed(session)
        try:
            while self.is_more() or any(lane.pid for lane in self.lanes):
                for lane in self.lanes:
                    if lane.pid:
                        self.look(lane)
                    if not lane.pid and self.is_more():
                        self.start(lane, self.mutants.pop(), session)
                time.sleep(0.01)
        finally:
            for lane in self.lanes:
                self.end(lane)
        for nodeid, times in self.flaky.most_common():
            say(f"fails {times} times without a mutant: {nodeid}")
        say(f"{self.unchanged_tried} tried unchanged, {self.flaky.total()} of them failed")
        return True

    def is_more(self) -> bool:
        return bool(self.mutants) and time.time() < self.until

    def make_templates(self) -> None:
        """The databases that a process' tests copy: made once for each lane, known to its forks."""
        from chassis import testing  # noqa: PLC0415 - the mutated one, which is found by now

        for lane in self.lanes:
            os.environ.update(lane.urls)
            testing.migrated_template.cache_clear()
            for package in self.templates:
                testing.migrated_template(package)

    # ---- without a mutant

    def undisturbed(
        self, session: pytest.Session
    ) -> tuple[dict[str, dict[int, list[str]]], dict[str, float]]:
        """Which tests come by which lines, and how long each takes; those that fail count nowhere."""
        if not LINES.exists() or json.loads(LINES.read_text())["stamp"] != self.stamp:
            say(f"{len(self.items)} tests, undisturbed")
            os.environ.update(self.lanes[0].urls)
            if (pid := os.fork()) == 0:
                quiet("undisturbed.log")
                self.measure(session)
                os._exit(0)
            if os.waitpid(pid, 0)[1]:
                raise session.Failed("the tests end the process that they run in")
        known = json.loads(LINES.read_text())
        for nodeid in known["failed"]:
            say(f"fails undisturbed, and is left out: {nodeid}")
        lines = {
            path: {int(line): tests for line, tests in by_line.items()}
            for path, by_line in known["lines"].items()
        }
        return lines, known["seconds"]

    def measure(self, session: pytest.Session) -> None:
        set_mutant_under_test("")
        coverage = Coverage(
            data_file=None,
            include=[str(HERE / "src" / "*")],
            concurrency=["thread", "greenlet"],
            config_file=False,
            messages=False,
        )
        coverage.start()
        seconds, failed = {}, []
        items = session.items
        for n, item in enumerate(items):
            coverage.switch_context(item.nodeid)
            before, began = session.testsfailed, time.process_time()
            following = items[n + 1] if n + 1 < len(items) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            seconds[item.nodeid] = time.process_time() - began
            if session.testsfailed > before:
                failed.append(item.nodeid)
                session.shouldfail = False
        coverage.stop()
        data = coverage.get_data()
        lines = {
            os.path.relpath(path, HERE): {
                line: sorted(set(tests) - set(failed) - {""})
                for line, tests in data.contexts_by_lineno(path).items()
            }
            for path in data.measured_files()
        }
        LINES.write_text(
            json.dumps({"stamp": self.stamp, "seconds": seconds, "failed": failed, "lines": lines})
        )

    # ---- with one

    def concerned(self, mutant: Mutant) -> list[pytest.Item]:
        """Those that killed others in this function; then its part's own; the quick ones first."""
        by_line = self.lines.get(str(mutant.source), {})
        tests = {test for line in mutant.lines for test in by_line.get(line, ())}
        killers = self.killers[mutant.function]
        known = [test for test in tests if test in self.items]
        known.sort(key=lambda test: (-killers[test], self.is_others(test), self.seconds[test]))
        left: dict[bool, float] = {False: MAX_OWN_SECONDS, True: MAX_OTHER_SECONDS}
        chosen = []
        for test in known:
            left[self.is_others(test)] -= self.seconds[test]
            if left[self.is_others(test)] >= 0 or not chosen or mutant.name in self.again:
                chosen.append(self.items[test])
        return chosen

    def is_others(self, test: str) -> bool:
        return not test.startswith(self.own)

    def start(self, lane: Lane, mutant: Mutant, session: pytest.Session) -> None:
        lane.mutant, lane.items = mutant, self.concerned(mutant)
        if not lane.items:
            self.record(lane, UNREACHED)
            return
        lane.unchanged = random.random() * ONE_UNCHANGED_IN < 1  # noqa: S311 - no secret
        os.environ.update(lane.urls)
        lane.began = time.monotonic()
        lane.note(0)
        if (pid := os.fork()) == 0:
            try:
                os.setpgid(0, 0)
                quiet("last.log")
                # No report: nobody reads it, and it would take longer than the test.
                nodes.Node._repr_failure_py = lambda *_, **__: "it fails"  # ty: ignore[invalid-assignment]
                set_mutant_under_test("" if lane.unchanged else mutant.name)
                os._exit(self.run(lane, session))
            except BaseException:
                os._exit(1)
        lane.pid = pid

    def run(self, lane: Lane, session: pytest.Session) -> int:
        for n, item in enumerate(lane.items):
            lane.note(n)
            following = lane.items[n + 1] if n + 1 < len(lane.items) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if session.testsfailed:
                return 1
        return 0

    def look(self, lane: Lane) -> None:
        pid, status = os.waitpid(lane.pid, os.WNOHANG)
        at, since = lane.at()
        test = lane.items[at].nodeid
        if pid:
            state = SURVIVED if status == 0 else KILLED
        elif time.monotonic() - since > EXTRA_SECONDS + FACTOR * self.seconds[test]:
            state = SLOW
        else:
            return
        self.end(lane)
        mutant = lane.mutant
        if lane.unchanged:
            self.unchanged_tried += 1
            if state != SURVIVED:
                self.flaky[test] += 1
            lane.unchanged = False
            if mutant:
                self.mutants.append(mutant)
            return
        if state != SURVIVED and mutant:
            self.killers[mutant.function][test] += 1
        self.record(lane, state, test if state != SURVIVED else "")

    def end(self, lane: Lane) -> None:
        """End a lane, also the processes that its tests have started."""
        if not lane.pid:
            return
        for each in (lambda: os.killpg(lane.pid, signal.SIGKILL), lambda: os.waitpid(lane.pid, 0)):
            attempt(each)
        lane.pid = 0

    def record(self, lane: Lane, state: str, by: str = "") -> None:
        mutant = lane.mutant
        if mutant is None:
            return
        result = {
            "mutant": mutant.name,
            "function": mutant.function,
            "state": state,
            "by": by,
            "tests": len(lane.items),
            "ran": lane.at()[0] + 1 if lane.items else 0,
            "seconds": round(time.monotonic() - lane.began, 2) if lane.items else 0,
        }
        with RESULTS.open("a") as file:
            file.write(json.dumps(result) + "\n")


def attempt(what: Callable[[], Any]) -> None:
    try:
        what()
    except (ProcessLookupError, ChildProcessError, PermissionError):
        return


def quiet(log: str) -> None:
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, 1)
    os.dup2(file, 2)
