"""Days, times and waiting times as readers write them, in the shop's time zone.

Patterns are sentences too: those of CLDR, as Babel takes them.
"""

from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from chassis import clock
from chassis.text.dates import written_day, written_time
from chassis.text.translations import language
from web.shared.text.language import _


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
        return written_day(self.date_of(day), _("d MMMM y"))

    def weekday(self, day: date | datetime) -> str:
        """« mardi 24 novembre 2026 »"""
        return written_day(self.date_of(day), _("EEEE d MMMM y"))

    def short_day(self, day: date | datetime) -> str:
        """« 24/11/2026 », for tickets and stamps, and as it may be typed."""
        of = self.date_of(day)
        return f"{of.day:02}/{of.month:02}/{of.year:04}"  # %Y drops zeros

    def month(self, day: date | datetime) -> str:
        """« mai 2023 »"""
        return written_day(self.date_of(day), _("MMMM y"))

    def time(self, moment: datetime) -> str:
        """« 9 h 12 »"""
        return written_time(self.local(moment), _("H 'h' mm"))

    def moment(self, moment: datetime, now: datetime | None = None) -> str:
        """« aujourd’hui, 10 h 31 », « hier, 9 h 12 », « 9 juillet 2026, 9 h 12 »"""
        return self.at_time(self.near_day(moment, now), moment)

    def recent(self, moment: datetime, now: datetime | None = None) -> str:
        """As `moment` for today and yesterday, the day alone for what is older."""
        near = self.near_day(moment, now)
        return self.at_time(near, moment) if self.is_near(moment, now) else near

    def at_time(self, day: str, moment: datetime) -> str:
        return _("%(day)s, %(time)s", day=day, time=self.time(moment))

    def brief(self, moment: datetime, now: datetime | None = None) -> str:
        """« aujourd’hui », « 9 juil. » of this year, « 07/2025 » of one before."""
        day, today = self.date_of(moment), self.today(now)
        if day == today:
            return _("aujourd’hui")
        return written_day(day, _("d MMM") if day.year == today.year else _("MM/y"))

    def since(self, moment: datetime, now: datetime | None = None) -> str:
        """« aujourd’hui, 9 h 58 », « depuis hier », « depuis mardi », « depuis le 9 juillet »"""
        day, today = self.date_of(moment), self.today(now)
        if day >= today:
            return self.moment(moment, now)
        if today - day == timedelta(days=1):
            return _("depuis hier")
        if today - day < timedelta(days=7):
            return _("depuis %(weekday)s", weekday=written_day(day, "EEEE"))
        pattern = _("d MMMM") if day.year == today.year else _("d MMMM y")
        return _("depuis le %(day)s", day=written_day(day, pattern))

    def last_time(self, moment: datetime, now: datetime | None = None) -> str:
        """« aujourd’hui à 9 h 12 », « hier à 21 h 14 », « le 2 novembre 2026 »"""
        near = self.near_day(moment, now)
        if self.is_near(moment, now):
            return _("%(day)s à %(time)s", day=near, time=self.time(moment))
        return _("le %(day)s", day=near)

    def near_day(self, moment: datetime, now: datetime | None = None) -> str:
        day, today = self.date_of(moment), self.today(now)
        if day == today:
            return _("aujourd’hui")
        if today - day == timedelta(days=1):
            return _("hier")
        return self.day(day)

    def is_near(self, moment: datetime, now: datetime | None = None) -> bool:
        """Today or yesterday."""
        return timedelta(0) <= self.today(now) - self.date_of(moment) <= timedelta(days=1)

    def date_of(self, day: date | datetime) -> date:
        return self.local(day).date() if isinstance(day, datetime) else day


def waiting(since: datetime, now: datetime | None = None) -> str:
    """How long somebody has waited: « 1 j 3 h », « 17 h », « 3 h 12 », « 58 min »."""
    minutes = int(((now or clock.now()) - since).total_seconds() // 60)
    return waited(max(1, minutes), language.get())


@lru_cache(maxsize=4096)  # every line of a queue has one
def waited(minutes: int, _tag: str) -> str:
    """In the current language, whose tag is part of the key."""
    hours, minutes = divmod(minutes, 60)
    days, left = divmod(hours, 24)
    if days and left and days < 10:
        return _("%(days)s j %(hours)s h", days=days, hours=left)
    if days:
        return _("%(days)s j", days=days)
    if 0 < hours < 10:
        return _("%(hours)s h %(minutes)s", hours=hours, minutes=f"{minutes:02}")
    if hours:
        return _("%(hours)s h", hours=hours)
    return _("%(minutes)s min", minutes=minutes)
