"""What a scanner meant is understood whole, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.sales.api import ALPHABET
from web.counter.new_sale.keyboards import decoded, without_prefix

# What an AZERTY computer makes of the keys that a QWERTY scanner presses, shift included.
FRENCH = dict(zip("0123456789", "à&é\"'(-è_ç", strict=True)) | {
    "A": "Q", "Q": "A", "Z": "W", "W": "Z", "M": "?", "]": "$",
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
    assert meant is None or (set(meant[1:]) <= ALPHABET and len(meant) == len(text))
    assert not meant or meant[0] in ALPHABET | {"]"}


@pytest.mark.parametrize("prefix", ["]C1", "]C0", "]d2", "]D2", "]Q3", "]A0", "]E0", "]z0", "]L2"])
def test_a_symbology_identifier_is_taken_off(prefix: str):
    assert without_prefix(f" {prefix}PHBQ74K2M910XTD ") == (prefix, "PHBQ74K2M910XTD")
    assert without_prefix(decoded(read_as_french(f"{prefix.upper()}PHBQ")) or "") == (
        prefix.upper(),
        "PHBQ",
    )


@pytest.mark.parametrize("text", ["", "]", "]C", "]1C", "C1PHBQ", "[C1PHBQ", "PHBQ]C1", "]É1PH"])
def test_what_is_no_identifier_stays(text: str):
    assert without_prefix(text) == ("", text)
