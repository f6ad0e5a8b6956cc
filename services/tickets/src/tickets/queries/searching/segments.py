"""Where the searched words occur in a text: pieces of plain text, never markup."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

from chassis.text.folding import UNSEEN, fold_with_origins
from contracts.tickets.api import Segment

# PostgreSQL marks matches in a copy of the text in which these two characters cannot occur.
START, STOP = "\x02", "\x03"
MARKED = """E'HighlightAll=true, StartSel="\\x02", StopSel="\\x03"'"""

BEFORE, LONGEST = 60, 240
ELLIPSIS = "…"
SHORTEST_JOINED = 3

IS_UNSEEN = re.compile(f"[{UNSEEN}]").match


def segments(text: str, marked: str, joined: Sequence[str] = ()) -> list[Segment]:
    """The whole text, cut where matches begin and end."""
    text = unicodedata.normalize("NFC", text)
    return cut(text, matches(text, marked, joined), 0, len(text))


def excerpt(text: str, marked: str, joined: Sequence[str] = ()) -> list[Segment]:
    """The text around the first match, or its beginning if nothing could be marked."""
    text = unicodedata.normalize("NFC", text)
    found = matches(text, marked, joined)
    begin = max(0, found.index(True) - BEFORE) if True in found else 0
    end = begin + LONGEST
    return [
        *([Segment(text=ELLIPSIS, match=False)] if begin > 0 else []),
        *cut(text, found, begin, end),
        *([Segment(text=ELLIPSIS, match=False)] if end < len(text) else []),
    ]


def matches(text: str, marked: str, joined: Sequence[str] = ()) -> list[bool]:
    """For every character whether it belongs to a match.

    The marked copy has blanks for punctuation and some endings, and no sign that cannot be seen;
    otherwise it is as long as the text. Where it is not (PostgreSQL leaves out words of more than
    2,000 characters) it marks nothing.
    """
    signs = list(marks(marked))
    unseen = [bool(IS_UNSEEN(sign)) for sign in text]
    if len(signs) + sum(unseen) != len(text):
        found = [False] * len(text)
    else:
        seen = iter(signs)
        found = [not each and next(seen) for each in unseen]
        for place in range(1, len(text)):  # endings that the search has cut off
            found[place] |= found[place - 1] and (unseen[place] or text[place].isalnum())
    mark_joined(found, text, joined)
    return found


def mark_joined(found: list[bool], text: str, words: Sequence[str]) -> None:
    """Words that are written in two or more parts: `wifi` in « Wi-Fi »."""
    folded, origins = fold_with_origins(text)
    places = [place for place, sign in enumerate(folded) if sign not in " -"]
    squeezed = "".join(folded[place] for place in places)
    for word in words:
        if len(word) < SHORTEST_JOINED:
            continue
        begin = squeezed.find(word)
        while begin >= 0:
            first, last = places[begin], places[begin + len(word) - 1]
            if last - first >= len(word) and stands_alone(folded, first, last):
                whole = slice(origins[first], origins[last] + 1)
                found[whole] = [True] * (whole.stop - whole.start)
            begin = squeezed.find(word, begin + 1)


def stands_alone(folded: str, first: int, last: int) -> bool:
    before, behind = folded[max(0, first - 1) : first], folded[last + 1 : last + 2]
    return not before.isalnum() and not behind.isalnum()


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
