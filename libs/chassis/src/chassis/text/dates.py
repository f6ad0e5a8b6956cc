"""Days, times of day and lists in the current language, by Babel and patterns of CLDR."""

import re
from datetime import date, datetime, time
from functools import lru_cache

from babel.dates import format_date, format_time
from babel.lists import format_list

from chassis.text.translations import SOURCE, language
from chassis.text.typography import NBSP


def written_day(day: date | datetime, pattern: str) -> str:
    """« 24 novembre 2026 », by `d MMMM y`."""
    return dated(day.date() if isinstance(day, datetime) else day, pattern, language.get())


def written_time(at: datetime, pattern: str) -> str:
    """« 9 h 12 », by `H 'h' mm`, in the zone of `at`."""
    return timed(at.hour, at.minute, pattern, language.get())


def enumeration(texts: list[str]) -> str:
    """« Awa, Karim et Julien »"""
    return format_list(texts, locale=locale_of(language.get())) if texts else ""


def locale_of(tag: str) -> str:
    """Babel's name for a language tag."""
    return tag.replace("-", "_")


@lru_cache(maxsize=4096)  # a page shows the same few days again and again
def dated(day: date, pattern: str, tag: str) -> str:
    """With a day that is never parted from its month, and « 1er » in French."""
    text = format_date(day, pattern, locale=locale_of(tag))
    first = "1er" if tag == SOURCE else "1"
    return re.sub(
        r"\b(\d{1,2}) ",
        lambda found: (first if found[1] == "1" else found[1]) + NBSP,
        text,
        count=1,
    )


@lru_cache(maxsize=4096)
def timed(hour: int, minute: int, pattern: str, tag: str) -> str:
    return format_time(time(hour, minute), pattern, locale=locale_of(tag)).replace(" ", NBSP)
