"""Barcodes as drawings: Code 39 for scanners, QR for phones."""

from dataclasses import dataclass

import segno

# Wide and narrow of nine elements, bars and gaps in turn, per character.
CODE_39 = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ*",
        [
            "000110100",
            "100100001",
            "001100001",
            "101100000",
            "000110001",
            "100110000",
            "001110000",
            "000100101",
            "100100100",
            "001100100",
            "100001001",
            "001001001",
            "101001000",
            "000011001",
            "100011000",
            "001011000",
            "000001101",
            "100001100",
            "001001100",
            "000011100",
            "100000011",
            "001000011",
            "101000010",
            "000010011",
            "100010010",
            "001010010",
            "000000111",
            "100000110",
            "001000110",
            "000010110",
            "110000001",
            "011000001",
            "111000000",
            "010010001",
            "110010000",
            "011010000",
            "010010100",
        ],
        strict=True,
    )
)
WIDE, NARROW = 3, 1


@dataclass(frozen=True)
class Drawing:
    """A path in units of one module, for an SVG of that width and height."""

    path: str
    width: int
    height: int


def code_39(text: str, height: int = 40) -> Drawing:
    """`text` between the start and stop signs, without check digit, as scanners expect it."""
    path, x = "", 0
    for character in f"*{text}*":
        for index, element in enumerate(CODE_39[character]):
            width = WIDE if element == "1" else NARROW
            if index % 2 == 0:
                path += f"M{x} 0h{width}v{height}h-{width}z"
            x += width
        x += NARROW
    return Drawing(path, x - NARROW, height)


def qr_code(text: str, border: int = 4) -> Drawing:
    """With the quiet zone that the standard asks for."""
    code = segno.make(text, error="m", micro=False)
    rows = [list(row) for row in code.matrix_iter(border=border)]
    path = "".join(
        f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark
    )
    return Drawing(path, len(rows[0]), len(rows))
