"""Mark what a search found, by the rule that all searches follow."""

import re

from markupsafe import Markup

from chassis.text.folding import fold, fold_with_origins, pattern_of, words_of
from web.shared.text.unbroken import held, pieces_of

LETTER_BEFORE = re.compile(r"[^\W_]\Z")


def marked(text: str, search: str, *, inside_from: int = 1, is_code: bool = False) -> Markup:
    """`text` with every word of `search` in <mark>.

    Words of fewer than `inside_from` characters match beginnings of words only. `is_code`: an
    address or a reference, kept `unbroken`.
    """
    found = matched_characters(text, search, inside_from)
    if not is_code:
        return with_marks(text, found)
    pieces, at = list[Markup](), 0
    for piece in pieces_of(text):
        pieces.append(held(piece, with_marks(piece, found[at : at + len(piece)])))
        at += len(piece)
    return Markup("<wbr>").join(pieces)


def with_marks(text: str, found: list[bool]) -> Markup:
    pieces = Markup()
    for index, character in enumerate(text):
        if found[index] and (index == 0 or not found[index - 1]):
            pieces += Markup("<mark>")
        pieces += character
        if found[index] and (index + 1 == len(text) or not found[index + 1]):
            pieces += Markup("</mark>")
    return pieces


def holds(text: str, search: str) -> bool:
    """Whether every word of `search` occurs somewhere in a line of `text`."""
    lines = [fold(line) for line in text.splitlines()]
    return all(
        any(re.search(pattern_of(word), line) for line in lines) for word in words_of(search)
    )


def matched_characters(text: str, search: str, inside_from: int) -> list[bool]:
    found = [False] * len(text)
    folded, origins = fold_with_origins(text)
    for word in words_of(search):
        # A match may begin within another one: « ana » is twice in « banana ».
        for match in re.finditer(f"(?=({pattern_of(word)}))", folded):
            start, end = match.span(1)
            if len(word) >= inside_from or not LETTER_BEFORE.search(folded[:start]):
                for index in range(origins[start], origins[end - 1] + 1):
                    found[index] = True
    return found
