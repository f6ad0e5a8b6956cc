"""Days, times and waiting times are told as French readers write them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from web.shared.text.dates import Dates, waiting

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
PARIS = Dates(ZoneInfo("Europe/Paris"))


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def test_a_day_is_written_out():
    assert PARIS.day(date(2026, 11, 24)) == "24\u00a0novembre 2026"
    assert PARIS.day(date(2026, 5, 1)) == "1er\u00a0mai 2026"
    assert PARIS.weekday(date(2026, 11, 24)) == "mardi 24\u00a0novembre 2026"
    assert PARIS.short_day(date(2026, 1, 2)) == "02/01/2026"
    assert PARIS.month(date(2023, 5, 16)) == "mai 2023"


def test_a_time_is_told_in_the_shops_zone():
    assert PARIS.time(datetime(2026, 7, 1, 7, 5, tzinfo=UTC)) == "9\u00a0h\u00a005"
    assert PARIS.time(datetime(2026, 12, 1, 8, 5, tzinfo=UTC)) == "9\u00a0h\u00a005"
    tokyo = Dates(ZoneInfo("Asia/Tokyo"))
    assert tokyo.today(datetime(2026, 11, 24, 15, 30, tzinfo=UTC)) == date(2026, 11, 25)


@pytest.mark.parametrize(
    ("ago", "moment", "recent", "since"),
    [
        (timedelta(minutes=9), "aujourd’hui, 10 h 21", "aujourd’hui, 10 h 21", "aujourd’hui, 10 h 21"),
        (timedelta(hours=11), "hier, 23 h 30", "hier, 23 h 30", "depuis hier"),
        (timedelta(days=3), "21 novembre 2026, 10 h 30", "21 novembre 2026", "depuis samedi"),
        (timedelta(days=9), "15 novembre 2026, 10 h 30", "15 novembre 2026", "depuis le 15 novembre"),
        (timedelta(days=400), "20 octobre 2025, 11 h 30", "20 octobre 2025", "depuis le 20 octobre 2025"),
    ],
)  # fmt: skip
def test_the_past_is_told_by_its_distance(ago, moment, recent, since):
    then = NOW - ago
    assert plain(PARIS.moment(then, NOW)) == moment
    assert plain(PARIS.recent(then, NOW)) == recent
    assert plain(PARIS.since(then, NOW)) == since


@pytest.mark.parametrize(
    ("ago", "expected"),
    [
        (timedelta(minutes=9), "aujourd’hui"),
        (timedelta(hours=11), "23 nov."),
        (timedelta(days=145), "2 juil."),
        (timedelta(days=400), "10/2025"),
    ],
)
def test_a_day_is_told_where_there_is_least_room(ago, expected):
    assert plain(PARIS.brief(NOW - ago, NOW)) == expected


def test_yesterday_begins_at_midnight_in_the_shop():
    just_before_midnight = datetime(2026, 11, 23, 22, 59, tzinfo=UTC)
    assert PARIS.moment(just_before_midnight, NOW).startswith("hier")
    assert PARIS.moment(just_before_midnight + timedelta(minutes=1), NOW).startswith("aujourd’hui")


@pytest.mark.parametrize(
    ("waited", "expected"),
    [
        (timedelta(seconds=-5), "1 min"),
        (timedelta(seconds=20), "1 min"),
        (timedelta(minutes=58), "58 min"),
        (timedelta(hours=3, minutes=5), "3 h 05"),
        (timedelta(hours=17, minutes=40), "17 h"),
        (timedelta(days=1), "1 j"),
        (timedelta(days=1, hours=3), "1 j 3 h"),
        (timedelta(days=12, hours=3), "12 j"),
    ],
)
def test_a_wait_is_told_in_at_most_two_units(waited, expected):
    assert plain(waiting(NOW - waited, NOW)) == expected
