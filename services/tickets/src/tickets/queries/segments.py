"""Where in a text the words stand that were searched for: pieces of plain text, never markup."""

import unicodedata
from collections.abc import Iterator
from itertools import groupby

from contracts.tickets.api import Segment

# PostgreSQL marks matches in a copy of the text in which these two characters cannot occur.
START, STOP = "\x02", "\x03"
MARKED = """E'HighlightAll=true, StartSel="\\x02", StopSel="\\x03"'"""

BEFORE, LONGEST = 60, 240
ELLIPSIS = "…"


def segments(text: str, marked: str) -> list[Segment]:
    """The whole text, cut where matches begin and end."""
    text = unicodedata.normalize("NFC", text)
    return cut(text, matches(text, marked), 0, len(text))


def excerpt(text: str, marked: str) -> list[Segment]:
    """The surroundings of the first match, or the beginning when nothing could be marked."""
    text = unicodedata.normalize("NFC", text)
    found = matches(text, marked)
    begin = max(0, found.index(True) - BEFORE) if True in found else 0
    end = begin + LONGEST
    return [
        *([Segment(text=ELLIPSIS, match=False)] if begin > 0 else []),
        *cut(text, found, begin, end),
        *([Segment(text=ELLIPSIS, match=False)] if end < len(text) else []),
    ]


def matches(text: str, marked: str) -> list[bool]:
    """For every character whether it belongs to a match.

    The marked copy has blanks for punctuation and some endings, but is as long as the text. Where
    it is not (PostgreSQL leaves out words of more than 2,000 characters) nothing is marked.
    """
    found = list(marks(marked))
    if len(found) != len(text):
        return [False] * len(text)
    for place in range(1, len(text)):  # endings that the search has cut off
        found[place] |= found[place - 1] and text[place].isalnum()
    return found


def marks(marked: str) -> Iterator[bool]:
    inside = False
    for character in marked:
        if character in (START, STOP):
            inside = character == START
        else:
            yield inside


def cut(text: str, found: list[bool], begin: int, end: int) -> list[Segment]:
    places = range(begin, min(end, len(text)))
    return [
        Segment(text="".join(text[place] for place in group), match=match)
        for match, group in groupby(places, key=found.__getitem__)
    ]
