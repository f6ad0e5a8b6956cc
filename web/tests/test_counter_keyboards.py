"""A scanner set for QWERTY on a computer set for AZERTY is understood whole, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.sales.api import ALPHABET
from web.keyboards import decoded

# What an AZERTY computer makes of the keys that a QWERTY scanner presses, shift included.
FRENCH = dict(zip("0123456789", "à&é\"'(-è_ç", strict=True)) | {
    "A": "Q", "Q": "A", "Z": "W", "W": "Z", "M": "?",
}  # fmt: skip


def read_as_french(text: str) -> str:
    return "".join(FRENCH.get(character, character) for character in text)


def test_digits_and_the_moved_letters_are_put_back():
    assert decoded('PHBA&é"QTDZ?àçè') == "PHBQ123ATDWM097"


def test_small_letters_are_raised():
    assert decoded("phba,") == "PHBQM"


@pytest.mark.parametrize("text", ["PHB1", "PHBQé ", "m&é", "PHB;&", "PHBê"])
def test_what_no_such_scanner_sends_is_not_guessed(text: str):
    assert decoded(text) is None


@given(st.text(alphabet=sorted(ALPHABET), min_size=15, max_size=15))
def test_every_serial_number_comes_back(serial_number: str):
    assert decoded(read_as_french(serial_number)) == serial_number


@given(st.text(max_size=20))
def test_what_is_decoded_could_be_part_of_a_serial_number(text: str):
    meant = decoded(text)
    assert meant is None or (set(meant) <= ALPHABET and len(meant) == len(text))
