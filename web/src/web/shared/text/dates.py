"""Days, times and waiting times as French readers write them, in the shop's time zone."""

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel.dates import format_date

from chassis import clock
from chassis.text.typography import NBSP


class Dates:
    """All in one zone; `now` is a parameter for tests."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone

    def today(self, now: datetime | None = None) -> date:
        return self.local(now or clock.now()).date()

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.zone)

    def day(self, day: date | datetime) -> str:
        """« 24 novembre 2026 »"""
        return written(self.date_of(day), "d MMMM yyyy")

    def weekday(self, day: date | datetime) -> str:
        """« mardi 24 novembre 2026 »"""
        return written(self.date_of(day), "EEEE d MMMM yyyy")

    def short_day(self, day: date | datetime) -> str:
        """« 24/11/2026 », for tickets and stamps."""
        of = self.date_of(day)
        return f"{of.day:02}/{of.month:02}/{of.year:04}"  # %Y drops zeros

    def month(self, day: date | datetime) -> str:
        """« mai 2023 »"""
        return written(self.date_of(day), "MMMM yyyy")

    def time(self, moment: datetime) -> str:
        """« 9 h 12 »"""
        local = self.local(moment)
        return f"{local.hour}{NBSP}h{NBSP}{local.minute:02}"

    def moment(self, moment: datetime, now: datetime | None = None) -> str:
        """« aujourd’hui, 10 h 31 », « hier, 9 h 12 », « 9 juillet 2026, 9 h 12 »"""
        return f"{self.near_day(moment, now)}, {self.time(moment)}"

    def recent(self, moment: datetime, now: datetime | None = None) -> str:
        """As `moment` for today and yesterday, the day alone for what is older."""
        near = self.near_day(moment, now)
        return near if near[0].isdigit() else f"{near}, {self.time(moment)}"

    def brief(self, moment: datetime, now: datetime | None = None) -> str:
        """« aujourd’hui », « 9 juil. » of this year, « 07/2025 » of one before."""
        day, today = self.date_of(moment), self.today(now)
        if day == today:
            return "aujourd’hui"
        return written(day, "d MMM") if day.year == today.year else f"{day:%m/%Y}"

    def since(self, moment: datetime, now: datetime | None = None) -> str:
        """« aujourd’hui, 9 h 58 », « depuis hier », « depuis mardi », « depuis le 9 juillet »"""
        day, today = self.date_of(moment), self.today(now)
        if day >= today:
            return self.moment(moment, now)
        if today - day == timedelta(days=1):
            return "depuis hier"
        if today - day < timedelta(days=7):
            return f"depuis {written(day, 'EEEE')}"
        return f"depuis le {written(day, 'd MMMM' if day.year == today.year else 'd MMMM yyyy')}"

    def last_time(self, moment: datetime, now: datetime | None = None) -> str:
        """« aujourd’hui à 9 h 12 », « hier à 21 h 14 », « le 2 novembre 2026 »"""
        near = self.near_day(moment, now)
        return f"le {near}" if near[0].isdigit() else f"{near} à {self.time(moment)}"

    def near_day(self, moment: datetime, now: datetime | None = None) -> str:
        day, today = self.date_of(moment), self.today(now)
        if day == today:
            return "aujourd’hui"
        if today - day == timedelta(days=1):
            return "hier"
        return self.day(day)

    def date_of(self, day: date | datetime) -> date:
        return self.local(day).date() if isinstance(day, datetime) else day


def waiting(since: datetime, now: datetime | None = None) -> str:
    """How long somebody has waited: « 1 j 3 h », « 17 h », « 3 h 12 », « 58 min »."""
    minutes = max(0, int(((now or clock.now()) - since).total_seconds() // 60))
    hours, minutes = divmod(minutes, 60)
    days, left = divmod(hours, 24)
    if days >= 10:
        return f"{days}{NBSP}j"
    if days:
        return f"{days}{NBSP}j{NBSP}{left}{NBSP}h" if left else f"{days}{NBSP}j"
    if hours >= 10:
        return f"{hours}{NBSP}h"
    if hours:
        return f"{hours}{NBSP}h{NBSP}{minutes:02}"
    return f"{max(1, minutes)}{NBSP}min"


@lru_cache(maxsize=4096)  # a page shows the same few days again and again
def written(day: date, pattern: str) -> str:
    """Babel's French, with « 1er » and a day that is never parted from its month."""
    text = format_date(day, pattern, locale="fr")
    return re.sub(r"\b(\d{1,2}) ", lambda found: ordinal(found[1]) + NBSP, text, count=1)


def ordinal(day: str) -> str:
    return "1er" if day == "1" else day
