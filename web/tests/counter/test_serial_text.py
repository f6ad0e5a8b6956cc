"""A serial number as its field tidies it, in the browser's own language."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contracts.sales.api import ALPHABET, RAISED
from local.launcher.assets import node

MODULE = Path(__file__).parents[2] / "src/web/counter/scripts/serial-text.js"
UNIT = "PHBQ74K2M910XTD"


def in_javascript(function: str, texts: Sequence[str]) -> list[Any]:
    """What a function of the module says of each text."""
    script = (
        f"import {{ {function} }} from {json.dumps(MODULE.as_uri())};"
        "let given = ''; for await (const part of process.stdin) given += part;"
        f"console.log(JSON.stringify(JSON.parse(given).map((text) => {function}(text))));"
    )
    done = subprocess.run(
        [*node(), "--input-type=module", "--eval", script],
        input=json.dumps(texts), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


TIDIED = {
    "phbq74k2m91": "PHBQ74K2M91",
    f" {UNIT.lower()}\t": UNIT,
    "PHBQ7-4K2M9-10XTD": UNIT,
    "PHBQ7 4K2M9 10XTD": UNIT,
    "PHBQ7\u00a04K2M9\u202f10XTD": UNIT,
    "PHBQ7.4K2M9.10XTD": UNIT,
    "PHBQ7\u20114K2M9\u201310XTD": UNIT,
    "PHBQ7/4K2M9_10XTD": "PHBQ7/4K2M9_10XTD",
    "PHBQ74\u200b": "PHBQ74\u200b",
    "é ß ı ２ 😀": "éßı２😀",
}


def test_what_parts_its_groups_is_taken_out_and_nothing_else():
    assert dict(zip(TIDIED, in_javascript("tidied", list(TIDIED)), strict=True)) == TIDIED


def test_the_field_and_the_server_agree_on_blanks_and_small_letters():
    """Every character of Unicode, as the page treats it and as the contract does."""
    every = [chr(point) for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF]
    tidied = in_javascript("tidied", every)
    dropped = {sign for sign, shown in zip(every, tidied, strict=True) if not shown}
    raised = {sign for sign, shown in zip(every, tidied, strict=True) if shown not in ("", sign)}

    assert {sign for sign in every if sign.isspace()} <= dropped
    assert not dropped & ALPHABET
    assert {ord(sign) for sign in raised} == RAISED.keys()


SCANS = {
    UNIT: True,
    "àhbq74-2m910xtd": True,
    f"]C1{UNIT}": True,
    f"$c&{UNIT}": True,
    UNIT[:14]: False,
    f"{UNIT}X": False,
    f"]C1{UNIT}X": False,
    f"XC1{UNIT}": False,
}


def test_a_scan_of_a_serial_number_is_told_by_its_length():
    assert dict(zip(SCANS, in_javascript("isNumberScan", list(SCANS)), strict=True)) == SCANS


TYPED = {
    UNIT: True,
    UNIT[:14]: False,
    f"]C1{UNIT[:12]}": False,  # as many signs, and not the end
    f"]C1{UNIT}": True,
    f"$c&{UNIT[:12]}": False,
}


def test_a_number_is_not_whole_before_its_end_whatever_the_scanner_puts_before_it():
    assert dict(zip(TYPED, in_javascript("isWhole", list(TYPED)), strict=True)) == TYPED
