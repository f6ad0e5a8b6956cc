"""Parses days as sellers type them: « hier », « lundi », 28, 2811, 3/3, 03/03/2026, 3 mars."""

import re
from datetime import date, timedelta

from chassis.text.folding import (
    APART,
    APOSTROPHES,
    BLANK,
    GONE,
    HYPHENS,
    SEPARATORS,
    SLASHES,
    fold,
)

NAMED = {"aujourd-hui": 0, "auj": 0, "hier": 1, "avant-hier": 2, "avant hier": 2}
WEEKDAYS = ["lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche"]
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

# Folding drops signs at both ends and joins those in a row, so that « -1 » would be the first. Here
# a sign stands between two parts, an apostrophe in a word, and a point may end an abbreviation.
STRAY_SIGN = re.compile(
    rf"^[{SEPARATORS}]"
    rf"|[{HYPHENS}{SLASHES}{APOSTROPHES}]$"
    rf"|[{HYPHENS}{SLASHES}] ?[{SEPARATORS}]"
    rf"|[0-9][{APOSTROPHES}]|[{APOSTROPHES}][0-9]"
    rf"|[{''.join(APART)}]"
)


def day_of(text: str, today: date) -> date | None:
    """The day, or None if it cannot be parsed; nothing typed means today.

    Without a year the nearest one of this year and the last: 28/12 typed on 3 January is six days
    ago, 25/11 typed on 24 November is tomorrow (and refused when the sale is recorded). A weekday
    or a day of the month alone is the most recent one, today included.
    """
    if not text.strip():
        return today
    if STRAY_SIGN.search(GONE.sub("", BLANK.sub(" ", text)).strip()):
        return None
    typed = fold(text)
    for form, read in FORMS:
        if found := form.fullmatch(typed):
            return read(today, *found.groups())
    return None


def named(today: date, name: str) -> date:
    return today - timedelta(days=NAMED[name])


def weekday(today: date, name: str, before_today: str | None) -> date:
    days = (today.weekday() - WEEKDAYS.index(name)) % 7
    return today - timedelta(days=days or (7 if before_today else 0))


def day_alone(today: date, day: str) -> date | None:
    """The 31st may be two months ago."""
    past = (today - timedelta(days=days) for days in range(62))
    return next((found for found in past if found.day == int(day)), None)


def iso(_: date, year: str, month: str, day: str) -> date | None:
    return real(int(year), int(month), int(day))


def numbers(today: date, day: str, month: str, year: str | None) -> date | None:
    return dated(today, int(day), int(month), year)


def words(today: date, day: str, month: str, year: str | None) -> date | None:
    return dated(today, int(day), month_called(month), year)


# ASCII alone, for \d stands for the digits of every script.
FORMS = [
    (re.compile(form, re.ASCII), read)
    for form, read in {
        f"({'|'.join(NAMED)})": named,
        f"({'|'.join(WEEKDAYS)})( dernier)?": weekday,
        r"(?:le )?(\d{1,2})(?:er)?": day_alone,
        r"(\d{4})-(\d{1,2})-(\d{1,2})": iso,
        r"(\d{2})(\d{2})(\d{2}|\d{4})?": numbers,
        r"(\d{1,2})[ -](\d{1,2})(?:[ -](\d{2}|\d{4}))?": numbers,
        r"(?:le )?(\d{1,2})(?:er)?[ -]?([a-z]{3,9})(?:[ -](\d{4}))?": words,
    }.items()
]


def dated(today: date, day: int, month: int, year: str | None) -> date | None:
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
