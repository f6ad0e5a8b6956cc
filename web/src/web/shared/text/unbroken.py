"""Addresses, references and numbers break between their pieces only."""

import re
from collections.abc import Iterator

from markupsafe import Markup, escape

from chassis.text.typography import LONGEST_PIECE

ENDS = re.compile(r"(?<=[._+/-])")
CODE = re.compile(r"@|(?=.{6})\S*\d")


def unbroken(text: str) -> Markup:
    """Addresses, references and numbers of a text, in pieces that no end of a line cuts."""
    if not CODE.search(text):
        return escape(text)
    words = re.split(r"(\s+)", text)
    return Markup().join(whole(word) if CODE.search(word) else escape(word) for word in words)


def whole(word: str) -> Markup:
    return Markup("<wbr>").join(held(piece, escape(piece)) for piece in pieces_of(word))


def pieces_of(text: str) -> Iterator[str]:
    for part in re.split("(?=@)", text):
        yield from [part] if len(part) <= LONGEST_PIECE else ENDS.split(part)


def held(piece: str, shown: Markup) -> Markup:
    if len(piece) > LONGEST_PIECE:
        return shown
    return Markup(f'<span class="nowrap">{shown}</span>')  # noqa: S704 - escaped
