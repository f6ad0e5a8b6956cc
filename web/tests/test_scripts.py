"""Scripts say what pages say, set as French is, by the same rules."""

import re
from pathlib import Path

import pytest

from contracts.identity.api import PASSWORD_SHORTEST
from web import words
from web.unbroken import LONGEST_PIECE

STATIC = Path(__file__).parents[1] / "src/web/static"
COMMENT = re.compile(r"^\s*(?://|\*|/\*).*$|\s// .*$", re.MULTILINE)
STRING = re.compile(r'"[^"\n]*"|`[^`\n]*`')


@pytest.mark.parametrize("script", sorted(STATIC.glob("*.js")), ids=lambda script: script.stem)
def test_what_scripts_say_is_set_as_french_is(script):
    for written in STRING.findall(COMMENT.sub("", script.read_text(encoding="utf-8"))):
        said = re.sub(r"\$\{[^{}]*\}", "x", written)
        assert words.typeset(said) == said


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        ("counter-words", f"export const PASSWORD_SHORTEST = {PASSWORD_SHORTEST};"),
        ("unbroken", f"const LONGEST_PIECE = {LONGEST_PIECE};"),
    ],
)
def test_a_limit_that_a_script_repeats_is_the_one_of_the_server(script, rule):
    assert rule in (STATIC / f"{script}.js").read_text(encoding="utf-8")
