"""Counts, numbers and durations, as readers of each language write them."""

from functools import lru_cache

from babel.numbers import format_decimal

from chassis.text.translations import language
from chassis.text.typography import NBSP
from contracts.counts import COUNTED_MOST
from web.shared.text.language import N_, _, ngettext, pgettext

# From nought on; what is above is written in figures.
MASCULINE = (
    N_("aucun"), N_("un"), N_("deux"), N_("trois"), N_("quatre"),
    N_("cinq"), N_("six"), N_("sept"), N_("huit"), N_("neuf"),
)  # fmt: skip
FEMININE = (N_("aucune"), N_("une"), *MASCULINE[2:])
SPELLED = {"masculine": MASCULINE, "feminine": FEMININE}


@lru_cache(maxsize=1024)
def grouped(value: int, tag: str) -> str:
    return format_decimal(value, locale=tag.replace("-", "_")).replace("\u202f", NBSP)


def number(value: int) -> str:
    """« 12 415 »"""
    return str(value) if 0 <= value < 1_000 else grouped(value, language.get())


def counted(value: int) -> str:
    """A count from a service: exact up to 1,000, then « 1 000+ »."""
    return f"{number(COUNTED_MOST)}+" if value > COUNTED_MOST else number(value)


def spelled(value: int, gender: str = "masculine") -> str:
    """« aucune », « deux », « 12 », to stand before a word of that `gender`."""
    return _(SPELLED[gender][value]) if value < len(MASCULINE) else counted(value)


def minutes(value: int | None) -> str:
    """« 15 min », « 1 h 05 »; a dash where no time was recorded."""
    if value is None:
        return "—"
    hours, left = divmod(value, 60)
    if hours:
        return _("%(hours)s h %(minutes)s", hours=hours, minutes=f"{left:02}")
    return _("%(minutes)s min", minutes=left)


def lasting(seconds: float) -> str:
    """« moins d’une minute », « 12 min », « 3 h 05 »"""
    return _("moins d’une minute") if seconds < 60 else minutes(int(seconds // 60))


def iso_day(text: str) -> str:
    """« 24/11/2026 », from an address."""
    year, month, day = text.split("-")
    return f"{day}/{month}/{year}"


def unresolved(count: int, numbers: list[int]) -> str:
    """« 2 demandes à suivre : n° 1044, n° 1051 »; of many, the newest."""
    listed = ", ".join(pgettext("of a request", "n° %(number)s", number=each) for each in numbers)
    return ngettext(
        "%(num)s demande à suivre : %(numbers)s",
        "%(num)s demandes à suivre : %(numbers)s",
        count,
        num=number(count),
        numbers=listed + (", …" if count > len(numbers) else ""),
    )


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
