"""Where the searched words occur in a text: pieces of plain text, never markup."""

import functools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise

from chassis.text.folding import UNSEEN, fold_character, fold_with_origins
from contracts.tickets.api import Segment

# PostgreSQL marks matches in a copy of the text in which these two characters cannot occur.
START, STOP = "\x02", "\x03"
MARKED = """E'HighlightAll=true, StartSel="\\x02", StopSel="\\x03"'"""
MARKS = re.compile(f"{START}([^{STOP}]*){STOP}")

BEFORE, LONGEST = 60, 240
ELLIPSIS = "…"
SHORTEST_JOINED = 3
MAX_REMEMBERED = 4_096  # characters

HIDDEN = re.compile(f"[{UNSEEN}]")

Span = tuple[int, int]  # from a character up to before another


def segments(text: str, marked: str, joined: Sequence[str] = ()) -> list[Segment]:
    """The whole text, cut where matches begin and end."""
    text = unicodedata.normalize("NFC", text)
    return cut(text, matches(text, marked, joined), 0, len(text))


def excerpt(text: str, marked: str, joined: Sequence[str] = ()) -> list[Segment]:
    """The text around the first match, or its beginning if nothing could be marked."""
    text = unicodedata.normalize("NFC", text)
    found = matches(text, marked, joined)
    begin = max(0, found[0][0] - BEFORE) if found else 0
    end = begin + LONGEST
    return [
        *([Segment(text=ELLIPSIS, match=False)] if begin > 0 else []),
        *cut(text, found, begin, end),
        *([Segment(text=ELLIPSIS, match=False)] if end < len(text) else []),
    ]


def matches(text: str, marked: str, joined: Sequence[str] = ()) -> list[Span]:
    """The positions of matches in order; no two overlap or touch."""
    spans = sorted([*marked_in(text, marked), *joined_in(text, joined)])
    apart: list[Span] = []
    for begin, end in spans:
        if apart and begin <= apart[-1][1]:
            apart[-1] = apart[-1][0], max(end, apart[-1][1])
        else:
            apart.append((begin, end))
    return apart


def marked_in(text: str, marked: str) -> list[Span]:
    """The marked copy has blanks for punctuation and some endings, and no sign that cannot be seen;
    otherwise it is as long as the text. Where it is not (PostgreSQL leaves out words of more than
    2,000 characters) it marks nothing.
    """
    found = [
        (mark.start() - 2 * n, mark.end() - 2 * n - 2)
        for n, mark in enumerate(MARKS.finditer(marked))
    ]
    length = len(marked) - 2 * len(found)
    if HIDDEN.search(text):
        seen = [index for index, sign in enumerate(text) if not HIDDEN.match(sign)]
        if len(seen) != length:
            return []
        found = [(seen[begin], seen[end - 1] + 1) for begin, end in found if end > begin]
    elif len(text) != length:
        return []
    return [(begin, end_of_word(text, end)) for begin, end in found]


def end_of_word(text: str, end: int) -> int:
    """Extend a match by an ending that the search has cut off."""
    while end < len(text) and (text[end].isalnum() or HIDDEN.match(text[end])):
        end += 1
    return end


# --- Words in several parts -------------------------------------------------------------------


class ByOne(dict[int, str]):
    """For `str.translate`: each character folded, if that is one character; else NUL."""

    def __missing__(self, code: int) -> str:
        folded = fold_character(chr(code))
        one = folded if len(folded) == 1 else "\0"
        if len(self) < MAX_REMEMBERED:
            self[code] = one
        return one


BY_ONE = ByOne()


def joined_in(text: str, words: Iterable[str]) -> list[Span]:
    """Words that are written in the text in two or more parts: `wifi` in « Wi-Fi »."""
    folded, origins = text.translate(BY_ONE), None
    if "\0" in folded:  # some sign is none or two when it is folded
        folded, origins = fold_with_origins(text)
    squeezed = folded.replace(" ", "").replace("-", "")
    spans: list[Span] = []
    for word in words:
        if len(word) < SHORTEST_JOINED or word not in squeezed:
            continue
        for found in in_parts(word).finditer(folded):
            first, end = found.span(1)
            if end - first > len(word) and is_whole_word(folded, first, end):
                spans.append(
                    (first, end) if origins is None else (origins[first], origins[end - 1] + 1)
                )
    return spans


@functools.lru_cache(maxsize=256)
def in_parts(word: str) -> re.Pattern[str]:
    """All matches, also those that begin inside another one."""
    return re.compile(f"(?=({'[ -]*'.join(map(re.escape, word))}))")


def is_whole_word(folded: str, first: int, end: int) -> bool:
    return not folded[max(0, first - 1) : first].isalnum() and not folded[end : end + 1].isalnum()


def cut(text: str, found: Sequence[Span], begin: int, end: int) -> list[Segment]:
    """The text between the two, piece by piece."""
    end = min(end, len(text))
    edges = [begin, *(min(max(index, begin), end) for span in found for index in span), end]
    return [
        Segment(text=text[first:last], match=bool(n % 2))
        for n, (first, last) in enumerate(pairwise(edges))
        if first < last
    ]
