"""Repairs scans of a scanner set for another keyboard, or that sends a prefix."""

import re

from contracts.numbers import ALPHABET, RAISED

# A scanner set for QWERTY presses keys; a computer set for AZERTY reads these characters there.
DIGITS = dict(zip("à&é\"'(-è_ç", "0123456789", strict=True))
BELGIAN_AND_MAC_DIGITS = {"§": "6", "!": "8"}
CAPS_LOCK_DIGITS = {"À": "0", "É": "2", "È": "7", "Ç": "9"}
MOVED_LETTERS = {"A": "Q", "Q": "A", "Z": "W", "W": "Z", ",": "M", "?": "M"}
DECODED = DIGITS | BELGIAN_AND_MAC_DIGITS | CAPS_LOCK_DIGITS | MOVED_LETTERS

# The key of « ] », where nothing but a symbology identifier begins with it.
BRACKETS = {"$", "£"}

UNMOVED_LETTERS = ALPHABET - set("0123456789AQZWM")


def decoded(text: str) -> str | None:
    """The characters that the scanner sent, or None if some cannot be determined.

    All or nothing: a digit read as a digit, or an M, does not come from such a scanner.
    """
    decoded_text = "]" if text[:1] in BRACKETS else ""
    for character in text[len(decoded_text) :].translate(RAISED):
        if character in DECODED:
            decoded_text += DECODED[character]
        elif character in UNMOVED_LETTERS:
            decoded_text += character
        else:
            return None
    return decoded_text


# ISO/IEC 15424: « ] », a letter for the kind of barcode, and a sign for its options.
PREFIX = re.compile(r"\][A-Za-z][0-9A-Za-z]")


def without_prefix(text: str) -> tuple[str, str]:
    """The symbology identifier that some scanners send before a barcode, and the barcode."""
    found = PREFIX.match(text.strip())
    prefix = found[0] if found else ""
    return prefix, text.strip()[len(prefix) :]
