"""Mark the letters that a search found, accents and case ignored as the search ignores them."""

import unicodedata

from markupsafe import Markup

# Letters that Unicode does not take apart.
LETTERS = {"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"}


def marked(text: str, search: str, *, inside_from: int = 1) -> Markup:
    """`text` with every word of `search` in <mark>.

    Words of fewer than `inside_from` characters match beginnings of words only.
    """
    found = matched_characters(text, search, inside_from)
    pieces = Markup()
    for index, character in enumerate(text):
        if found[index] and (index == 0 or not found[index - 1]):
            pieces += Markup("<mark>")
        pieces += character
        if found[index] and (index + 1 == len(text) or not found[index + 1]):
            pieces += Markup("</mark>")
    return pieces


def holds(text: str, search: str) -> bool:
    """Whether every word of `search` occurs somewhere in `text`."""
    folded = folded_with_origins(text)[0]
    return all(folded_with_origins(word)[0] in folded for word in search.split())


def matched_characters(text: str, search: str, inside_from: int) -> list[bool]:
    found = [False] * len(text)
    folded, origins = folded_with_origins(text)
    for word in (folded_with_origins(word)[0] for word in search.split()):
        at = folded.find(word) if word else -1
        while at >= 0:
            if len(word) >= inside_from or at == 0 or not folded[at - 1].isalnum():
                for origin in origins[at : at + len(word)]:
                    found[origin] = True
            at = folded.find(word, at + 1)
    return found


def folded_with_origins(text: str) -> tuple[str, list[int]]:
    """The folded text, and for each of its characters the index in `text` that it comes from."""
    folded, origins = "", list[int]()
    for index, character in enumerate(text):
        small = character.casefold()
        plain = unicodedata.normalize("NFKD", "".join(LETTERS.get(part, part) for part in small))
        for part in plain:
            if not unicodedata.combining(part):
                folded += part
                origins.append(index)
    return folded, origins
