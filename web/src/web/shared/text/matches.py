"""Marks what a search found, by the searches' folding rule."""

import re
from functools import lru_cache
from itertools import groupby

from markupsafe import Markup, escape

from chassis.text.folding import fold, fold_with_origins, pattern_of, words_of
from web.shared.text.unbroken import held, pieces_of

LETTER_BEFORE = re.compile(r"[^\W_]\Z")
MARK = Markup("<mark>{}</mark>")


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
    if True not in found:
        return escape(text)
    pieces, start = Markup(), 0
    for is_found, run in groupby(found):
        end = start + len(list(run))
        pieces += MARK.format(text[start:end]) if is_found else escape(text[start:end])
        start = end
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
    for word, pattern in patterns_of(search):
        for match in pattern.finditer(folded):
            start, end = match.span(1)
            if len(word) >= inside_from or not LETTER_BEFORE.search(folded[:start]):
                for index in range(origins[start], origins[end - 1] + 1):
                    found[index] = True
    return found


@lru_cache(maxsize=64)  # a page marks many texts for one search
def patterns_of(search: str) -> list[tuple[str, re.Pattern[str]]]:
    """A match may begin within another one: « ana » is twice in « banana »."""
    return [(word, re.compile(f"(?=({pattern_of(word)}))")) for word in words_of(search)]
