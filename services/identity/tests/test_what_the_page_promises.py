"""The numbers of docs/security.md are those of the code, and what follows from them is right."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from pathlib import Path

import pytest

from chassis.http import session_check
from contracts.identity.api import PASSWORD_SHORTEST
from identity import models, passwords, tokens
from identity.models import Slowdown
from identity.operations import attempts, sessions
from identity.settings import Settings

PAGE = (Path(__file__).parents[3] / "docs" / "security.md").read_text()
START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SETTINGS = Settings.model_fields


def says(words: str) -> bool:
    return words in re.sub(r"\s+", " ", PAGE)


@pytest.mark.parametrize(
    "words",
    [
        f"at a browser that it has never signed in to | {models.FREE_FAILURES['account']} |",
        f"changes its own password | {models.FREE_FAILURES['browser']} |",
        f"at browsers that are not known | {models.FREE_FAILURES['address']} |",
        f"requests for a link from an address | {models.FREE_FAILURES['link']} |",
        f"no mail is sent, by account | {models.FREE_FAILURES['new_address']} |",
        f"{models.SHORTEST_WAIT.seconds} s, doubled each time,"
        f" {models.LONGEST_WAIT.seconds // 60} min at most",
        f"{models.FAILURES_FORGOTTEN_AFTER.seconds // 60} minutes without an attempt",
        f"{tokens.BROWSER_LASTS.days} days), which names hashes of the last"
        f" {tokens.BROWSER_ACCOUNTS} account ids",
        f"Passwords have {PASSWORD_SHORTEST} characters at least",
        f"{SETTINGS['password_memory_kib'].default // 1024} MiB each",
        f"{SETTINGS['password_queue'].default} wait (`GUICHET_PASSWORD_QUEUE`), at most"
        f" {passwords.MAX_WAITING_PER_ACCOUNT} of one account from one address",
        f"Nobody waits more than {passwords.LONGEST_WAIT_SECONDS} s for a turn",
        f"| ends unused after | {SETTINGS['customer_session_hours'].default // 24} days |"
        f" {SETTINGS['staff_session_hours'].default} hours |",
        f"| ends for good after | {SETTINGS['customer_session_days'].default} days |"
        f" {SETTINGS['staff_session_days'].default} days |",
        f"| at most | {sessions.MAX_SESSIONS} a person",
        f"is accepted there for {tokens.ACCESS_SECONDS} s at most",
    ],
)
def test_a_number_of_the_page_is_the_codes(words):
    assert says(words)


def test_the_tests_that_the_page_names_are_where_it_says():
    """By folder and file; a test that was moved is named by its new folder."""
    named = set(re.findall(r"`([\w/.]*test_\w+\.py)`", PAGE))
    assert len(named) > 60
    root = Path(__file__).parents[3]
    left_out = {"tests", "services", "libs", "deploy"}
    there = {
        "/".join(part for part in file.relative_to(root).parts if part not in left_out)
        for pattern in ("tests", "*/tests", "*/*/tests")
        for file in root.glob(f"{pattern}/**/test_*.py")
    }
    assert named - there == set()


def test_numbers_that_the_page_has_in_words():
    assert (passwords.AT_ONCE, says("Two run at once")) == (2, True)
    assert (attempts.UNKNOWN_COUNTED_ONCE_IN, says("of unknown ones one in five")) == (5, True)
    assert (session_check.SECONDS, says("at most ten seconds ago")) == (10, True)


def moments(kind: str, *, in_a_round: int = 10**9) -> Iterator[datetime]:
    """When an attempt is looked at, for who tries as often as may be.

    After `in_a_round` of them they keep quiet until all is forgotten.
    """
    count, now, done = Slowdown(kind=kind, subject=b"", failures=0, last_failed_at=START), START, 0
    while True:
        now += count.wait(now)
        yield now
        count.count(now)
        done += 1
        if done % in_a_round == 0:
            now += models.FAILURES_FORGOTTEN_AFTER + timedelta(microseconds=1)


def tries(kind: str, within: timedelta, **how: int) -> int:
    return sum(1 for _ in takewhile(lambda now: now < START + within, moments(kind, **how)))


def test_what_the_slow_downs_let_an_attacker_do_is_what_the_page_says():
    """On average over many days, for rounds do not end with the hour."""
    by_rhythm = {
        n: tries("account", 20 * DAY, in_a_round=n) / (20 * DAY / HOUR) for n in range(5, 20)
    }
    best = max(by_rhythm, key=lambda n: by_rhythm[n])
    assert (best, round(by_rhythm[best])) == (8, 26)
    assert says("26 (8 in 18.5 min, again and again; 19 who never pauses); 620 in a day")
    assert tries("account", HOUR) == 19
    assert round(by_rhythm[best] * 24, -1) == 620
    assert says("227,000 guesses a year")
    assert round(by_rhythm[best] * 24 * 365, -3) == 227_000
    assert models.FREE_FAILURES["new_address"] == models.FREE_FAILURES["account"]
    assert says("counted as above: 26 addresses in an hour")
    free = models.FREE_FAILURES["address"]
    in_a_day = tries("address", DAY, in_a_round=free)
    assert says("| tries many known accounts from one address | 120 (30 in 15 min) |")
    assert round(in_a_day / 24) == 4 * free == 120
    assert says("600 on average")
    assert 120 * attempts.UNKNOWN_COUNTED_ONCE_IN == 600
