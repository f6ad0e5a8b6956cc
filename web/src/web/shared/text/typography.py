"""Counts and numbers, as French writes them."""

from chassis.text.typography import NBSP, typeset
from contracts.counts import COUNTED_MOST

# --- Counts -----------------------------------------------------------------------------------

SMALL = ("aucune", "une", "deux", "trois", "quatre", "cinq", "six", "sept", "huit", "neuf")


def number(value: int) -> str:
    """« 12 415 »"""
    return f"{value:,}".replace(",", NBSP)


def counted(value: int) -> str:
    """A count from a service: exact up to 1,000, then « 1 000+ »."""
    return f"{number(COUNTED_MOST)}+" if value > COUNTED_MOST else number(value)


def feminine(value: int, one: str, many: str) -> str:
    """« une demande », « deux demandes », « 12 demandes »"""
    return f"{SMALL[value] if value < len(SMALL) else counted(value)} {many if value > 1 else one}"


def masculine(value: int, one: str, many: str) -> str:
    """« un message », « deux messages », « 12 messages »"""
    return f"un {one}" if value == 1 else feminine(value, one, many)


def minutes(value: int | None) -> str:
    """« 15 min », « 1 h 05 »; a dash where no time was recorded."""
    if value is None:
        return "—"
    hours, left = divmod(value, 60)
    return typeset(f"{hours} h {left:02}" if hours else f"{left} min")


def lasting(seconds: float) -> str:
    """« moins d’une minute », « 12 min », « 3 h 05 »"""
    return "moins d’une minute" if seconds < 60 else minutes(int(seconds // 60))


def iso_day(text: str) -> str:
    """« 24/11/2026 », from an address."""
    year, month, day = text.split("-")
    return f"{day}/{month}/{year}"


def plural(value: int, one: str, many: str) -> str:
    """« 1 achat », « 12 achats »"""
    return f"{number(value)} {many if value > 1 else one}"


def unresolved(count: int, numbers: list[int]) -> str:
    """« 2 demandes à suivre : n° 1044, n° 1051 »; of many, the newest."""
    listed = ", ".join(f"n° {each}" for each in numbers) + (", …" if count > len(numbers) else "")
    return typeset(f"{plural(count, 'demande à suivre', 'demandes à suivre')} : {listed}")


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]
