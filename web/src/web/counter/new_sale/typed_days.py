"""Parses days as sellers type them: « hier », « lundi », 28, 2811, 3/3, 03/03/2026, 3 mars.

Words are those of the reader's language: weekdays and months by Babel, the others by translators.
"""

import re
from datetime import date, timedelta
from functools import lru_cache

from babel.dates import get_day_names, get_month_names

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
from chassis.text.translations import in_language, language
from web.shared.text.language import pgettext

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
    typed, tag = fold(text), language.get()
    if day := named_days(today, tag).get(typed):
        return day
    for form, read in FORMS:
        if found := form.fullmatch(typed):
            return read(today, *found.groups())
    return day_alone_or_in_words(today, typed, tag)


@lru_cache
def named_days(today: date, tag: str) -> dict[str, date]:
    """By their folded names in the current language, `tag`; « | » stands between two names."""
    weekdays = get_day_names(locale=tag.replace("-", "_"))
    named = {}
    for days, names in enumerate(
        [
            pgettext("typed day", "aujourd’hui | auj"),
            pgettext("typed day", "hier"),
            pgettext("typed day", "avant-hier | avant hier"),
        ]
    ):
        named |= {fold(name): today - timedelta(days=days) for name in names.split("|")}
    for days in range(7):
        day = today - timedelta(days=days)
        name = weekdays[day.weekday()]
        last = pgettext("typed day", "%(weekday)s dernier", weekday=name)
        named |= {fold(name): day, fold(last): today - timedelta(days=days or 7)}
    return named


def iso(_: date, year: str, month: str, day: str) -> date | None:
    return real(int(year), int(month), int(day))


def numbers(today: date, day: str, month: str, year: str | None) -> date | None:
    return dated(today, int(day), int(month), year)


# No \d, which stands for the digits of every script.
FORMS = [
    (re.compile(form), read)
    for form, read in {
        r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})": iso,
        r"([0-9]{2})([0-9]{2})([0-9]{2}|[0-9]{4})?": numbers,
        r"([0-9]{1,2})[ -]([0-9]{1,2})(?:[ -]([0-9]{2}|[0-9]{4}))?": numbers,
    }.items()
]


def day_alone_or_in_words(today: date, typed: str, tag: str) -> date | None:
    """« le 3 », « 1er déc. 2025 »"""
    found = form_in_words(tag).fullmatch(typed)
    if found is None:
        return None
    day, month, year = found.groups()
    if month is None:
        return last(today, int(day))
    return dated(today, int(day), month_called(month, tag), year)


@lru_cache
def form_in_words(tag: str) -> re.Pattern[str]:
    with in_language(tag):
        article, ordinals = pgettext("typed day", "le"), pgettext("typed day", "er")
    ordinal = "|".join(re.escape(fold(each)) for each in ordinals.split("|"))
    return re.compile(
        rf"(?:{re.escape(fold(article))} )?([0-9]{{1,2}})(?:{ordinal})?"
        r"(?:[ -]?([^\W\d_]{3,})(?:[ -]([0-9]{4}))?)?"
    )


def last(today: date, day: int) -> date | None:
    """The 31st may be two months ago."""
    past = (today - timedelta(days=days) for days in range(62))
    return next((found for found in past if found.day == day), None)


def dated(today: date, day: int, month: int, year: str | None) -> date | None:
    if year is not None:
        return real(int(year) + (2000 if len(year) == 2 else 0), month, day)
    possible = [real(year, month, day) for year in (today.year, today.year - 1)]
    real_ones = [found for found in possible if found is not None]
    return min(real_ones, key=lambda found: abs(found - today), default=None)


def month_called(name: str, tag: str) -> int:
    """From the first letters: « janv », « mars »; 0, which no month has, for anything else."""
    months = get_month_names(locale=tag.replace("-", "_")).items()
    called = [number for number, month in months if fold(month).startswith(name)]
    return called[0] if len(called) == 1 else 0


def real(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None
