"""Days as a seller types them: « hier », 3/3, 03/03/2026, 3 mars."""

import re
from datetime import date, timedelta

from chassis.folding import fold

NAMED = {"aujourd-hui": 0, "auj": 0, "hier": 1, "avant-hier": 2, "avant hier": 2}
MONTHS = [
    "janvier",
    "fevrier",
    "mars",
    "avril",
    "mai",
    "juin",
    "juillet",
    "aout",
    "septembre",
    "octobre",
    "novembre",
    "decembre",
]

ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
NUMBERS = re.compile(r"(\d{1,2})[/. -](\d{1,2})(?:[/. -](\d{2}|\d{4}))?")
WORDS = re.compile(r"(\d{1,2})(?:er)? ([a-z]{3,9})\.?(?: (\d{4}))?")


def day_of(text: str, today: date) -> date | None:
    """The day meant, or None; nothing typed means today.

    Without a year the nearest is meant, of this year and the last: 28/12 typed on 3 January is
    six days ago, 25/11 typed on 24 November is tomorrow, and refused by whoever records the sale.
    """
    typed = fold(text)
    if not typed:
        return today
    if typed in NAMED:
        return today - timedelta(days=NAMED[typed])
    if iso := ISO.fullmatch(typed):
        year, month, day = map(int, iso.groups())
        return real(year, month, day)
    if numbers := NUMBERS.fullmatch(typed):
        return dated(int(numbers[1]), int(numbers[2]), numbers[3], today)
    if words := WORDS.fullmatch(typed):
        return dated(int(words[1]), month_called(words[2]), words[3], today)
    return None


def dated(day: int, month: int, year: str | None, today: date) -> date | None:
    if year is not None:
        return real(int(year) + (2000 if len(year) == 2 else 0), month, day)
    possible = [real(year, month, day) for year in (today.year, today.year - 1)]
    real_ones = [found for found in possible if found is not None]
    return min(real_ones, key=lambda found: abs(found - today), default=None)


def month_called(name: str) -> int:
    """From the first letters: « janv », « mars »; 0, which no month has, for anything else."""
    called = [number for number, month in enumerate(MONTHS, 1) if month.startswith(name)]
    return called[0] if len(called) == 1 else 0


def real(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
