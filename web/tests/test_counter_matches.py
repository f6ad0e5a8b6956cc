"""The letters that a search matched are marked, and nothing else of the text changes."""

import re

from hypothesis import given
from hypothesis import strategies as st

from web.matches import folded_with_origins, holds, marked


def test_marks_every_word_wherever_it_occurs():
    assert marked("HP LaserJet Pro 4002dn", "laserjet 40") == (
        "HP <mark>LaserJet</mark> Pro <mark>40</mark>02dn"
    )


def test_ignores_accents_and_case_on_both_sides():
    assert marked("Élodie Lefèvre", "elo") == "<mark>Élo</mark>die Lefèvre"
    assert marked("Elodie Lefevre", "LEFÈ") == "Elodie <mark>Lefe</mark>vre"


def test_marks_a_letter_that_unfolds_into_two():
    assert marked("Bœuf", "oeu") == "B<mark>œu</mark>f"


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
    folded, _ = folded_with_origins(part)
    if folded.strip() and not set(folded) & set(" \t\n") and len(folded.split()) == 1:
        assert "<mark>" in marked(text, part)


def test_every_word_has_to_occur_somewhere():
    assert holds("Écran Dell\nPHBQ74K2M910XTD", "dell ecran")
    assert holds("Écran Dell\nPHBQ74K2M910XTD", "74k2")
    assert not holds("Écran Dell", "dell imprimante")
