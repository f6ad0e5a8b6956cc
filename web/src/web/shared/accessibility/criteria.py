"""How the product stands with each criterion of RGAA 4.1.2, from criteria.toml."""

import tomllib
from collections import Counter
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from web.shared.text.language import N_

FILE = Path(__file__).with_name("criteria.toml")
MET, WITHOUT, OPEN = "met", "not applicable", "open"
STATES = {"tests": MET, "checked": MET, "without": WITHOUT, "open": OPEN}
NONE, PARTLY, WHOLLY = N_("non conforme"), N_("partiellement conforme"), N_("totalement conforme")


@dataclass(frozen=True)
class Criterion:
    """`number` as « 10.4 »; `wording` and, where it is open, `why` are sentences to translate."""

    number: str
    wording: str
    state: str
    tests: tuple[str, ...]  # path::name of each that shows it
    why: str
    until: date | None

    @classmethod
    def read(cls, number: str, row: dict[str, Any], tests: dict[str, str]) -> "Criterion":
        """Raises `ValueError` unless there is one state, and a day for what is open."""
        [kind] = STATES.keys() & row.keys()
        if (kind == "open") != ("until" in row):
            raise ValueError(f"{number}: what is open says until when, and nothing else does")
        shown_by = tuple(tests[name] for name in row.get("tests", ()))
        why = "" if kind == "tests" else row[kind]
        return cls(number, row["fr"], STATES[kind], shown_by, why, row.get("until"))


@dataclass(frozen=True)
class Theme:
    number: int
    name: str
    criteria: tuple[Criterion, ...]


@dataclass(frozen=True)
class Audit:
    looked_on: date
    tests: dict[str, str]
    themes: tuple[Theme, ...]

    @property
    def criteria(self) -> list[Criterion]:
        return [each for theme in self.themes for each in theme.criteria]

    @property
    def counts(self) -> Counter[str]:
        return Counter(each.state for each in self.criteria)

    @property
    def open(self) -> list[Criterion]:
        return [each for each in self.criteria if each.state == OPEN]

    @property
    def percent(self) -> int:
        """Of those that apply, how many are met; never rounded up."""
        return 100 * self.counts[MET] // (self.counts[MET] + self.counts[OPEN])

    @property
    def conformity(self) -> str:
        """The sentence that the law asks for, to translate: half of the criteria is « partly »."""
        if self.percent == 100:
            return WHOLLY
        return PARTLY if self.percent >= 50 else NONE


@cache
def audit() -> Audit:
    data = tomllib.loads(FILE.read_text(encoding="utf-8"))
    themes = tuple(
        Theme(
            theme["number"],
            theme["fr"],
            tuple(
                Criterion.read(f"{theme['number']}.{number}", row, data["tests"])
                for number, row in theme["criteria"].items()
            ),
        )
        for theme in data["theme"]
    )
    return Audit(data["looked_on"], data["tests"], themes)
