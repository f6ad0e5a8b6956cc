"""The one fold of all searches: its cases, and the same in Python and in PostgreSQL."""

import re
import sys
import unicodedata
from collections.abc import Generator

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.testing import fresh_database
from chassis.text import folding
from chassis.text.cases import FOUND, NOT_FOUND
from chassis.text.folding import (
    count_letters,
    fold,
    fold_with_origins,
    has_trigrams,
    is_seen,
    pattern_of,
    pieces_of,
    words_of,
)


@pytest.fixture(scope="module")
def connection() -> Generator[psycopg.Connection]:
    url = fresh_database("test_folding").replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(folding.function().encode())
        yield connection


def in_sql(connection: psycopg.Connection, *texts: str) -> list[str]:
    """Folded by the database."""
    query = "SELECT fold(text) FROM unnest(%s::text[]) WITH ORDINALITY AS _ (text, n) ORDER BY n"
    return [folded for (folded,) in connection.execute(query, [list(texts)])]


def found(written: str, typed: str) -> bool:
    return all(re.search(pattern_of(word), fold(written)) for word in words_of(typed))


@pytest.mark.parametrize(("written", "typed"), FOUND)
def test_what_is_found(written, typed):
    assert found(written, typed)
    assert found(written, written)


@pytest.mark.parametrize(("written", "typed"), NOT_FOUND)
def test_what_is_not_found(written, typed):
    assert not found(written, typed)


def test_postgresql_finds_the_same(connection):
    for cases, finds in ((FOUND, True), (NOT_FOUND, False)):
        for written, typed in cases:
            patterns = [pattern_of(word) for word in words_of(typed)]
            row = connection.execute("SELECT fold(%s) ~ ALL (%s)", [written, patterns]).fetchone()
            assert row == (finds,), (written, typed)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        (' L’écran  Wi‑Fi – 27" ', "l-ecran wi-fi 27"),
        ("c++ / (c) 100 % _x", "c++ (c) 100 % _x"),
        ("'\"`-/.", ""),
        ("e" + "\u0301" * 1_500, "e"),
        ("-" * 5_000, ""),
    ],
)
def test_a_folded_text(connection, text, folded):
    assert fold(text) == folded
    assert in_sql(connection, text) == [folded]


def test_words_are_whole_where_blanks_are_and_reach_on_only_from_their_beginning():
    assert not found("Core i7 12700K", "rei")
    assert not found("Cool Gaming", "lg")
    assert not found("8GT-16", "t1")
    assert found("T-1", "t1")


NUL_AND_SURROGATES = {0, *range(0xD800, 0xE000)}
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=60)


def test_python_and_postgresql_fold_every_character_alike(connection):
    characters = [
        chr(code)
        for code in range(sys.maxunicode + 1)
        if code not in NUL_AND_SURROGATES and unicodedata.category(chr(code)) != "Cn"
    ]
    texts = [f"a{character}b" for character in characters]
    folded = zip(texts, map(fold, texts), in_sql(connection, *texts), strict=True)
    assert [each for each in folded if each[1] != each[2]] == []


@settings(max_examples=300, deadline=None)
@given(texts=st.lists(text, min_size=20, max_size=20))
def test_python_and_postgresql_fold_alike(connection, texts):
    known = [each for each in texts if all(unicodedata.category(c) != "Cn" for c in each)]
    assert in_sql(connection, *known) == [fold(each) for each in known]


@given(text)
def test_what_is_folded_stays_as_it_is(text):
    assert fold(fold(text)) == fold(text)


@given(text)
def test_each_folded_character_knows_where_it_comes_from(text):
    folded, origins = fold_with_origins(text)
    assert len(folded) == len(origins)
    assert origins == sorted(origins)
    assert all(0 <= origin < len(text) for origin in origins)


@given(text, st.integers(0, 59), st.integers(1, 20))
def test_any_part_of_a_text_is_found(text, start, length):
    part = text[start : start + length]
    if len(words_of(part)) == 1 and " " not in fold(part) and len(words_of(part)[0]) > 2:
        assert found(text, part)


# Signs that stand before numbers of their script, and are seen.
SEEN = {*range(0x600, 0x606), 0x6DD, 0x70F, 0x890, 0x891, 0x8E2, 0x110BD, 0x110CD}
SEEN |= set(range(0x13430, 0x13456))


def test_every_sign_that_cannot_be_seen_is_left_out_and_every_blank_and_dash_separates():
    for code in range(sys.maxunicode + 1):
        sign, kind = chr(code), unicodedata.category(chr(code))
        if sign.isspace():
            assert fold(f"a{sign}b") == "a b", hex(code)
        elif kind in {"Cc", "Cf"} and code not in SEEN:
            assert fold(f"a{sign}b") == "ab" or code == 0, hex(code)
        elif kind == "Pd":
            assert fold(f"a{sign}b") == "a-b", hex(code)


@pytest.mark.parametrize(
    ("written", "letters"), [("Wi-Fi 6", 5), ("œ", 2), ("«  – »", 0), ("€", 0)]
)
def test_letters_and_digits_are_counted_as_they_are_searched(written, letters):
    assert count_letters(written) == letters


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("a", True),
        ("-", True),
        ("", False),
        (" \u00a0\u2800", False),
        ("\u200b\u0301", False),
        (".\u200b", True),
    ],
)
def test_a_text_is_seen_where_one_of_its_signs_is(written, seen):
    assert is_seen(written) is seen


def test_short_words_are_found_by_pieces_and_others_by_three_characters_in_a_row():
    assert [has_trigrams(each) for each in ("abc", "é12", "ab", "a-b", "a_bc")] == [
        True, True, False, False, False,
    ]  # fmt: skip
    assert pieces_of(["t1", "x", "lg2"]) == ["t1", "x", "l", "g", "2"]
