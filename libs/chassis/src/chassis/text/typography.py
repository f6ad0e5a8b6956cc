"""French typography, for pages and mails."""

import re

NBSP = "\u00a0"
LONGEST_PIECE = 20  # characters of an address or a number that are not broken across lines

PUNCTUATION = re.compile(r"(?<=\S) ([:;!?»])(?=[\s<\"'”.,)’]|$)", re.MULTILINE)
UNITS = re.compile(
    r"(?:(?<=\d)|(?<=\)s)) (?:(?:heures?|h|j|min|Ko|Mo)\b|%(?!\())(?: (?=\d\d\b|%\())?"
)


def typeset(text: str) -> str:
    """No-break spaces before high punctuation, inside quotes, after « n° », around units."""
    text = PUNCTUATION.sub(f"{NBSP}\\1", text).replace("« ", f"«{NBSP}").replace("n° ", f"n°{NBSP}")
    return UNITS.sub(lambda unit: NBSP + unit[0].strip() + NBSP * unit[0].endswith(" "), text)
