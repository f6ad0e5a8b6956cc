"""A day may be typed as sellers write it."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.typed_days import day_of

TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", TODAY),
        ("  ", TODAY),
        ("aujourd’hui", TODAY),
        ("Aujourd'hui", TODAY),
        ("hier", date(2026, 11, 23)),
        ("avant-hier", date(2026, 11, 22)),
        ("3/3", date(2026, 3, 3)),
        ("03.03.2026", date(2026, 3, 3)),
        ("3-3-26", date(2026, 3, 3)),
        ("2026-03-03", date(2026, 3, 3)),
        ("1er déc. 2025", date(2025, 12, 1)),
        ("3 MARS", date(2026, 3, 3)),
        ("29/2/2024", date(2024, 2, 29)),
    ],
)
def test_a_day_is_understood(typed: str, meant: date):
    assert day_of(typed, TODAY) == meant


@pytest.mark.parametrize(
    "typed", ["31/2", "29/2/2025", "demain", "3/13", "3 ju", "x", "1/1/1", "٣/٣x"]
)
def test_what_is_no_day_is_not_guessed(typed: str):
    assert day_of(typed, TODAY) is None


def test_without_a_year_the_nearest_is_meant():
    assert day_of("28/12", date(2027, 1, 3)) == date(2026, 12, 28)
    assert day_of("25/11", TODAY) == date(2026, 11, 25), "tomorrow, to be refused"


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_every_day_can_be_typed_in_full(day: date):
    for pattern in ("%d/%m/%Y", "%d/%m/%y", "%Y-%m-%d"):
        assert day_of(day.strftime(pattern), TODAY) == day


@given(st.integers(0, 180))
def test_half_a_year_back_needs_no_year(days: int):
    day = TODAY - timedelta(days=days)
    assert day_of(f"{day.day}/{day.month}", TODAY) == day


@given(st.text(max_size=30))
def test_any_text_is_a_day_or_none(text: str):
    day_of(text, TODAY)
