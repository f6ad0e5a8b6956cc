"""The letters that a search matched are marked, and nothing else of the text changes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.text.cases import FOUND, NOT_FOUND
from chassis.text.folding import fold, words_of
from web.shared.text.matches import holds, marked


def test_marks_every_word_wherever_it_occurs():
    assert marked("HP LaserJet Pro 4002dn", "laserjet 40") == (
        "HP <mark>LaserJet</mark> Pro <mark>40</mark>02dn"
    )


@pytest.mark.parametrize(("written", "typed"), FOUND)
def test_what_a_search_finds_is_marked(written, typed):
    assert holds(written, typed)
    assert all("<mark>" in marked(written, word) for word in words_of(typed))


@pytest.mark.parametrize(("written", "typed"), NOT_FOUND)
def test_what_no_search_finds_is_not(written, typed):
    assert not holds(written, typed)


def test_marks_letters_as_they_are_written():
    assert marked("Élodie Lefèvre", "elo") == "<mark>Élo</mark>die Lefèvre"
    assert marked("Elodie Lefevre", "LEFÈ") == "Elodie <mark>Lefe</mark>vre"
    assert marked("Bœuf", "oeu") == "B<mark>œu</mark>f"
    assert marked("Core i7-12700K", "i712700") == "Core <mark>i7-12700</mark>K"
    assert marked("Core i7\u00a0- 12700K", "i7-12700") == "Core <mark>i7\u00a0- 12700</mark>K"
    assert marked("Clavier - noir", "clavier noir") == "<mark>Clavier</mark> - <mark>noir</mark>"


def test_short_words_match_beginnings_only_where_asked():
    assert marked("n.rousseau@orange.fr", "ro", inside_from=3) == (
        "n.<mark>ro</mark>usseau@orange.fr"
    )
    assert marked("Perrot", "ro", inside_from=3) == "Perrot"
    assert marked("Perrot", "rro", inside_from=3) == "Pe<mark>rro</mark>t"


def test_overlapping_matches_make_one_mark():
    assert marked("banana", "ana") == "b<mark>anana</mark>"


def test_text_from_outside_stays_text():
    assert marked("<script>alert(1)</script>", "script") == (
        "&lt;<mark>script</mark>&gt;alert(1)&lt;/<mark>script</mark>&gt;"
    )
    assert marked("{{7*7}}", "7*7") == "{{<mark>7*7</mark>}}"


@given(st.text(max_size=60), st.text(max_size=20))
def test_nothing_but_marks_is_added(text: str, search: str):
    assert re.sub("</?mark>", "", marked(text, search).unescape()) == re.sub("</?mark>", "", text)


@given(st.text(max_size=40), st.integers(0, 39), st.integers(3, 10))
def test_any_part_that_was_typed_is_marked(text: str, start: int, length: int):
    part = text[start : start + length]
    if len(words_of(part)) == 1 and " " not in fold(part) and len(words_of(part)[0]) > 2:
        assert "<mark>" in marked(text, part)


def test_every_word_has_to_occur_somewhere():
    assert holds("Écran Dell\nPHBQ74K2M910XTD", "dell ecran")
    assert holds("Écran Dell\nPHBQ74K2M910XTD", "74k2")
    assert not holds("Écran Dell", "dell imprimante")
