"""A day may be typed as sellers write it."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.text.translations import in_language
from web.counter.new_sale.typed_days import day_of
from web.shared import words

TODAY = date(2026, 11, 24)  # a Tuesday


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("", TODAY),
        ("  ", TODAY),
        ("aujourd’hui", TODAY),
        ("Aujourd'hui", TODAY),
        ("hier", date(2026, 11, 23)),
        ("avant-hier", date(2026, 11, 22)),
        ("lundi", date(2026, 11, 23)),
        ("Mercredi", date(2026, 11, 18)),
        ("mardi", TODAY),
        ("mardi dernier", date(2026, 11, 17)),
        ("24", TODAY),
        ("3", date(2026, 11, 3)),
        ("le 1er", date(2026, 11, 1)),
        ("28", date(2026, 10, 28)),
        ("31", date(2026, 10, 31)),
        ("0311", date(2026, 11, 3)),
        ("2811", date(2026, 11, 28)),
        ("2812", date(2026, 12, 28)),
        ("031126", date(2026, 11, 3)),
        ("03112025", date(2025, 11, 3)),
        ("3/3", date(2026, 3, 3)),
        ("03.03.2026", date(2026, 3, 3)),
        ("3-3-26", date(2026, 3, 3)),
        ("2026-03-03", date(2026, 3, 3)),
        ("1er déc. 2025", date(2025, 12, 1)),
        ("le 3 MARS", date(2026, 3, 3)),
        ("29/2/2024", date(2024, 2, 29)),
        ("3mars", date(2026, 3, 3)),
        *((typed, date(2026, 3, 3)) for typed in ("3 / 3", "3 - 3 - 26", "3. mars", "3-mars-2026")),
        ("1er déc.-2025", date(2025, 12, 1)),
        ("1er janv.", date(2026, 1, 1)),
        (" 3.\u202f3.26 ", date(2026, 3, 3)),
    ],
)
def test_a_day_is_understood(typed: str, meant: date):
    assert day_of(typed, TODAY) == meant


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("Today", TODAY),
        ("yesterday", date(2026, 11, 23)),
        ("the day before yesterday", date(2026, 11, 22)),
        ("Monday", date(2026, 11, 23)),
        ("last Tuesday", date(2026, 11, 17)),
        ("the 3rd", date(2026, 11, 3)),
        ("22nd Nov", date(2026, 11, 22)),
        ("1st December 2025", date(2025, 12, 1)),
        ("03/11", date(2026, 11, 3)),
        ("hier", None),
    ],
)
def test_a_day_is_understood_in_the_language_of_the_page(typed: str, meant: date | None):
    with in_language("en"):
        assert day_of(typed, TODAY) == meant


@pytest.mark.parametrize(
    "typed",
    [
        *("31/2", "3102", "310226", "29/2/2025", "3/13", "0", "32", "311", "24112", "2411202"),
        *("-", "demain", "lun", "x", "1/1/1", "3 ju", "le 35", "lundi prochain", "٣/٣", "٢٤"),
        *(
            "-1",
            "- 1",
            "\u22121",
            "\u200e-1",
            "+1",
            "/3",
            "3/",
            "3-",
            "-3/3",
            "3//3",
            "3/-3",
            "3 - -3",
        ),
        *(".5", "'5", '27"', "3'3", "-hier", "hier-", "©1", "2026--03-03", "2026-03-03-", "3,3"),
    ],
)
def test_what_is_no_day_is_not_guessed(typed: str):
    assert day_of(typed, TODAY) is None


def test_without_a_year_the_nearest_is_meant():
    for typed in ("28/12", "2812"):
        assert day_of(typed, date(2027, 1, 3)) == date(2026, 12, 28)
    assert day_of("25/11", TODAY) == date(2026, 11, 25), "tomorrow, to be refused"


@given(st.dates(date(2000, 1, 1), date(2099, 12, 31)))
def test_every_day_can_be_typed_in_full(day: date):
    for pattern in ("%d/%m/%Y", "%d/%m/%y", "%Y-%m-%d", "%d%m%y", "%d%m%Y"):
        assert day_of(day.strftime(pattern), TODAY) == day


@given(st.integers(0, 180))
def test_half_a_year_back_needs_no_year(days: int):
    day = TODAY - timedelta(days=days)
    for typed in (f"{day.day}/{day.month}", f"{day:%d%m}"):
        assert day_of(typed, TODAY) == day


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(1, 31))
def test_a_day_alone_is_never_later_than_today(today: date, day: int):
    found = day_of(str(day), today)
    assert found is not None
    assert found <= today
    assert found.day == day


@given(st.text(max_size=30))
def test_any_text_is_a_day_or_none(text: str):
    day_of(text, TODAY)


def test_what_is_wrong_with_a_day_names_the_limit():
    message = words.refusal("sold_on_too_long_ago", {"oldest": "24/11/2016"})
    assert message == "La date de vente ne peut pas être avant le 24/11/2016."
