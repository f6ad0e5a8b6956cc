"""Numbers of requests, sales and units in what people type, with what they put around them.

All take a text as searches fold it (`chassis.text.folding`): lower case, « - » for any separator.
"""

import re

LONGEST_NUMBER = 18  # digits: Python, JSON and PostgreSQL's bigint can all read it
SHORTEST_PART = 6
SERIAL_NUMBER_LENGTH = 15
SERIAL_NUMBER_SIGNS = "0-9A-Z"  # within the brackets of a regular expression
SERIAL_NUMBER = f"^[{SERIAL_NUMBER_SIGNS}]{{{SERIAL_NUMBER_LENGTH}}}$"
ALPHABET = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
# Small letters and what they become: `str.upper` would turn ß into SS and ı into I.
RAISED = {ord(small): ord(small) - 32 for small in "abcdefghijklmnopqrstuvwxyz"}

# « 4127 », « n° 4 127 », « #4127 », « [4127] », « demande d’assistance n° 4127 »
ALONE = re.compile(
    r"(?:demande(?: d-assistance)? )?(?:n ?[°o]?|numero|#)?[ \[(#-]*([0-9][0-9 ]*)[\])]?"
)
# The same in a sentence, such as the subject of a mail; no number of a sale is one. Signs in between
# are never given back (« *+ »): of many without a number each would be tried with every other.
AMONG_WORDS = re.compile(
    r"(?<!vente )(?:\bn ?°|\b(?:no|numero|demande|request)\b|[#\[(])[ #-]*+(?:n ?°|no|numero)?"
    r"[ #-]*+([0-9]{1,3}(?: [0-9]{3})+|[0-9]+)\b"
)
SALE = re.compile(r"\bv[ -]?(20[0-9]{2})[ -]?([0-9]{1,9})\b")
LABEL = re.compile(r"(?:\bs-?n|\bn-?s|\bserie|\bserial(?: number| no)?)\b[ :#°-]*([0-9a-z -]*)")


def request_number_in(folded: str) -> int | None:
    found = ALONE.fullmatch(folded) or AMONG_WORDS.search(folded)
    digits = found[1].replace(" ", "") if found else ""
    return int(digits) if 0 < len(digits) <= LONGEST_NUMBER else None


def sale_number_in(folded: str) -> str | None:
    """As it is printed: « v 2026 73 » is `V-2026-00073`."""
    found = SALE.search(folded)
    return f"V-{found[1]}-{int(found[2]):05}" if found else None


def serial_numbers_in(folded: str) -> list[str]:
    """Whole serial numbers or parts of one, in capitals: in groups, with or without a label.

    A part has 6 characters or more, and a digit: without one it is taken for a word.
    """
    texts = [folded]
    if label := LABEL.search(folded):
        texts += [label[1], *label[1].split()[:1]]
    joined = (re.sub("[ -]", "", text).translate(RAISED) for text in texts)
    return [text for text in dict.fromkeys(joined) if is_part(text)]


def is_part(text: str) -> bool:
    if not SHORTEST_PART <= len(text) <= SERIAL_NUMBER_LENGTH or sale_number_in(text.lower()):
        return False
    if not ALPHABET.issuperset(text):
        return False
    return len(text) == SERIAL_NUMBER_LENGTH or any(sign.isdigit() for sign in text)
