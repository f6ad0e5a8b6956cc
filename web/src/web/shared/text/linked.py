"""Makes addresses in people's texts clickable: http, https and mailto only."""

import re

from linkify_it import LinkifyIt
from markupsafe import Markup, escape

LONGEST_LINK = 2_000  # characters; recognising takes the square of a word's length
MAY_HOLD_ONE = re.compile(r"@|[:.][^\s:.]")  # few texts do, and of those few words
# A French sentence ends an address also where no blank parts them: « https://example.org ».
QUOTES = re.compile("[«»“”„‟‹›]")
# Opened in a new tab, without referrer and without access to this window.
LINK = Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>')

recognise = LinkifyIt(options={"fuzzy_ip": False})
recognise.add("ftp:", None).add("//", None)


def linked(text: str) -> Markup:
    """The text, escaped, every address in it a link; the characters to read stay the same."""
    if not MAY_HOLD_ONE.search(text):
        return escape(text)
    return Markup().join(linked_piece(piece) for piece in re.split(r"(\s+)", text))


def linked_piece(piece: str) -> Markup:
    if len(piece) > LONGEST_LINK or not MAY_HOLD_ONE.search(piece):
        return escape(piece)
    return Markup().join(linked_word(word) for word in re.split(f"({QUOTES.pattern})", piece))


def linked_word(word: str) -> Markup:
    made, end = Markup(), 0
    for found in recognise.match(word) or ():
        # « fait.De » is a sentence; whoever leaves the scheme out writes www.
        if not found.schema and not found.raw.casefold().startswith("www."):
            continue
        made += escape(word[end : found.index]) + LINK.format(found.url, found.raw)
        end = found.last_index
    return made + escape(word[end:])
