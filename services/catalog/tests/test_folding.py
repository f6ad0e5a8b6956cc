"""The one function that folds what is searched and what is typed."""

import string
import unicodedata
from collections.abc import Generator
from itertools import pairwise

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis import testing


@pytest.fixture(scope="module")
def connection() -> Generator[psycopg.Connection]:
    url = testing.migrated_database("catalog", "test_catalog_folding")
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


def fold(connection: psycopg.Connection, *said: str) -> list[str]:
    row = connection.execute(
        "SELECT array(SELECT searchable(said) FROM unnest(%s::text[])"
        " WITH ORDINALITY AS all_said (said, place) ORDER BY place)",
        [list(said)],
    ).fetchone()
    assert row is not None
    return row[0]


def known_mark(character: str) -> bool:
    """Marks beyond those of European scripts may change places with their neighbours."""
    return not unicodedata.combining(character) or "\u0300" <= character <= "\u036f"


characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"]).filter(known_mark)
typical = st.sampled_from("aAéÉe\u0301œßØ½±Ω\u2126（[%_\\- \u200b\u00a0™’”×\u0130ﬁ1Z電")
texts = st.lists(st.text(typical | characters, max_size=30), min_size=1, max_size=50)


@settings(max_examples=60, deadline=None)
@given(texts, st.randoms(use_true_random=False))
def test_what_is_part_of_a_text_is_part_of_it_folded(connection, texts, chosen):
    parts = []
    for text in texts:
        start, end = sorted((chosen.randint(0, len(text)), chosen.randint(0, len(text))))
        parts.append(text[start:end])
    wholes, folded = fold(connection, *texts), fold(connection, *parts)

    for text, part, whole, folded_part in zip(texts, parts, wholes, folded, strict=True):
        assert folded_part in whole, (text, part)


@settings(max_examples=60, deadline=None)
@given(texts)
def test_folded_text_holds_no_sign_of_like_and_all_of_it_has_trigrams(connection, texts):
    for folded in fold(connection, *texts):
        assert not set("%_\\") & set(folded)
        for before, after in pairwise(folded + " "):
            if before not in string.ascii_letters + string.digits + " ":
                assert after == "Z", folded


@settings(max_examples=60, deadline=None)
@given(texts)
def test_folding_tells_signs_and_letters_apart(connection, texts):
    """Signs become capitals: what is typed in capitals must never mean a sign."""
    raised, lowered = (fold(connection, *map(form, texts)) for form in (ascii_upper, ascii_lower))

    assert raised == lowered


def ascii_upper(text: str) -> str:
    return text.translate(str.maketrans(string.ascii_lowercase, string.ascii_uppercase))


def ascii_lower(text: str) -> str:
    return text.translate(str.maketrans(string.ascii_uppercase, string.ascii_lowercase))


def test_every_sign_of_the_keyboard_is_told_from_the_others(connection):
    folded = fold(connection, *string.punctuation)

    assert len(set(folded)) == len(string.punctuation)


@pytest.mark.parametrize("mark", ["\u0301", "\u0301\u0327"])
def test_as_many_accents_as_a_product_may_have_are_folded_at_once(connection, mark):
    connection.execute("SET statement_timeout = '1s'")

    assert fold(connection, "e" + mark * (1_500 // len(mark))) == ["e"]
