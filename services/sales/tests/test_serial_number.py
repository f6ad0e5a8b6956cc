"""The rule of serial numbers, over all of Unicode."""

import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from contracts.sales.api import SerialNumber, normalise_serial_number

GOOD = string.digits + string.ascii_uppercase
TYPED = GOOD + string.ascii_lowercase
BLANKS = " \t\r\n\u00a0\u2003\u3000"

# Any text, and texts of about the right length where one wrong character hides among good ones.
any_text = st.text()
nearly_good = st.lists(
    st.one_of(st.sampled_from(TYPED), st.characters()), min_size=13, max_size=17
).map("".join)


@given(st.text(TYPED, min_size=15, max_size=15), st.text(BLANKS), st.text(BLANKS))
def test_fifteen_digits_and_letters_are_raised_and_stripped(typed, before, after):
    raised = "".join(chr(ord(c) - 32) if "a" <= c <= "z" else c for c in typed)
    assert normalise_serial_number(before + typed + after) == raised


@given(st.one_of(any_text, nearly_good))
@example("ß" * 15)
@example("ı" * 15)
@example("ﬁ" * 15)
@example("K" * 15)  # the Kelvin sign lowers to k
@example("０" * 15)
@example("Ａ" * 15)
@example("SN4X8820193KQ7L\u0301")
@example("\u200bSN4X8820193KQ7L")
@example("SN4X8820193KQ7L\ufeff")
def test_whatever_is_accepted_was_typed_as_it_is(text):
    """Nothing is repaired but blanks around and a-z: no mapping of Unicode slips in."""
    try:
        accepted = normalise_serial_number(text)
    except PydanticCustomError:
        return
    assert len(accepted) == 15
    assert set(accepted) <= set(GOOD)
    typed = text.strip()
    assert len(typed) == 15
    assert all(a in (b, chr(ord(b) - 32)) for a, b in zip(accepted, typed, strict=True))


@given(st.one_of(any_text, nearly_good))
def test_a_refusal_names_the_first_wrong_character_or_the_length(text):
    typed = text.strip()
    wrong = [(at, character) for at, character in enumerate(typed, 1) if character not in TYPED]
    if wrong:
        at, character = wrong[0]
        assert refusal_of(text) == (
            "serial_number_character",
            {"position": at, "character": character},
        )
    elif len(typed) != 15:
        assert refusal_of(text) == ("serial_number_length", {"length": len(typed)})
    else:
        assert normalise_serial_number(text)


def refusal_of(text):
    with pytest.raises(PydanticCustomError) as refused:
        normalise_serial_number(text)
    return refused.value.type, refused.value.context


@given(st.text(GOOD, min_size=15, max_size=15))
def test_a_good_number_is_left_as_it_is(number):
    assert normalise_serial_number(number) == number


@given(st.characters(categories=["Cs"]))
def test_lone_surrogates_are_refused(surrogate):
    """PostgreSQL keeps none; JSON may carry them."""
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(SerialNumber).validate_python(surrogate + "N4X8820193KQ7L")
    assert refused.value.errors()[0]["type"] in {"text_surrogate", "string_unicode"}
