"""Write the limits of the contracts, and of pages, as a module that scripts import."""

from chassis.text.typography import LONGEST_PIECE
from contracts.identity.api import PASSWORD_SHORTEST
from contracts.numbers import SERIAL_NUMBER_LENGTH
from contracts.paging import PAGE_MOST
from local.launcher.settings import ROOT

MODULE = ROOT / "web/src/web/shared/scripts/generated/limits.js"
LIMITS = {
    "LONGEST_PIECE": LONGEST_PIECE,
    "PAGE_MOST": PAGE_MOST,
    "PASSWORD_SHORTEST": PASSWORD_SHORTEST,
    "SERIAL_NUMBER_LENGTH": SERIAL_NUMBER_LENGTH,
}


def module() -> str:
    lines = (f"export const {name} = {value};\n" for name, value in LIMITS.items())
    return f"// Written by ./guichet contracts: these stand in Python.\n\n{''.join(lines)}"


def write() -> None:
    MODULE.write_text(module(), encoding="utf-8")
