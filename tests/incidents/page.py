"""The table of docs/operations.md: what is seen when something is wrong, why, and what to do."""

import re
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
TITLE = "\n## When something is wrong\n"


class Row(NamedTuple):
    seen: str
    why: str
    todo: str

    @property
    def quoted(self) -> list[str]:
        """What the product says, word for word but for its `…`."""
        return re.findall(r"`([^`]+)`", self.seen)

    def is_seen_in(self, words: str) -> bool:
        """Whether any of its quotations stands there; a terminal may have broken the lines."""
        words = " ".join(words.split())
        return any(re.search(pattern_of(each), words) for each in self.quoted)


def pattern_of(quoted: str) -> str:
    return ".*?".join(re.escape(piece.strip()) for piece in quoted.split("…"))


def rows() -> list[Row]:
    table = PAGE.read_text().partition(TITLE)[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [Row(*(cell.strip() for cell in line.split("|")[1:-1])) for line in lines[2:]]


def row(seen: str) -> Row:
    """The one whose first cell has these words."""
    [found] = [each for each in rows() if seen in each.seen]
    return found
