"""The codes on the confirmation say what they should."""

import re

from hypothesis import given
from hypothesis import strategies as st

from contracts.sales.api import ALPHABET
from web.counter.barcodes import CODE_39, Drawing, code_39, qr_code

MEANING = {elements: character for character, elements in CODE_39.items()}
RECT = re.compile(r"M(\d+) 0h(\d+)v40h-\d+z")


def read_back(drawing: Drawing) -> str:
    """As a scanner does: bars and the gaps between them, nine to a character."""
    bars = [(int(x), int(width)) for x, width in RECT.findall(drawing.path)]
    elements = ""
    for (x, width), following in zip(bars, [*bars[1:], None], strict=True):
        elements += "1" if width == 3 else "0"
        if following:
            elements += "1" if following[0] - x - width == 3 else "0"
    # Nine elements and the narrow gap before the next character.
    return "".join(MEANING[elements[at : at + 9]] for at in range(0, len(elements), 10))


@given(st.text(alphabet=sorted(ALPHABET), min_size=15, max_size=15))
def test_code_39_reads_back_between_its_stars(serial_number: str):
    assert read_back(code_39(serial_number)) == f"*{serial_number}*"


def test_the_width_ends_with_the_last_bar():
    drawing = code_39("PHBR31C8W502LZ6")
    x, width = RECT.findall(drawing.path)[-1]
    assert int(x) + int(width) == drawing.width


def test_the_qr_code_has_its_quiet_zone():
    drawing = qr_code("https://guichet.example.org")
    columns = [int(x) for x in re.findall(r"M(\d+) \d+h1", drawing.path)]
    assert min(columns) == 4
    assert max(columns) == drawing.width - 5
