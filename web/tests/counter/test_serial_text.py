"""The field of a serial number and the server treat every character alike."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from contracts.numbers import ALPHABET, RAISED
from local.launcher.assets import node

MODULE = Path(__file__).parents[2] / "src/web/counter/scripts/serial-text.js"


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


def test_the_field_and_the_server_agree_on_blanks_and_small_letters():
    """Every character of Unicode, as the page treats it and as the contract does."""
    every = [chr(point) for point in range(0x110000) if not 0xD800 <= point <= 0xDFFF]
    tidied = in_javascript("tidied", every)
    dropped = {sign for sign, shown in zip(every, tidied, strict=True) if not shown}
    raised = {sign for sign, shown in zip(every, tidied, strict=True) if shown not in ("", sign)}

    assert {sign for sign in every if sign.isspace()} <= dropped
    assert not dropped & ALPHABET
    assert {ord(sign) for sign in raised} == RAISED.keys()
