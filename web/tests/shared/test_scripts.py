"""Scripts do what their own tests say, and say what pages say, set as French is, by the same rules."""

import re
import subprocess
from pathlib import Path

import pytest

from contracts.identity.api import PASSWORD_SHORTEST
from local.launcher.assets import node
from web.shared import words
from web.shared.text.unbroken import LONGEST_PIECE

WEB = Path(__file__).parents[2] / "src/web"
COMMENT = re.compile(r"^\s*(?://|\*|/\*).*$|\s// .*$", re.MULTILINE)
STRING = re.compile(r'"[^"\n]*"|`[^`\n]*`')


def test_their_own_tests_pass():
    """Those of scripts/, by Node's test runner."""
    tests = sorted((Path(__file__).parents[1] / "scripts").glob("*.test.js"))
    assert tests
    done = subprocess.run(
        [*node(), "--test", "--test-reporter=dot", *tests],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", sorted(WEB.rglob("*.js")), ids=lambda script: script.stem)
def test_what_scripts_say_is_set_as_french_is(script):
    for written in STRING.findall(COMMENT.sub("", script.read_text(encoding="utf-8"))):
        said = re.sub(r"\$\{[^{}]*\}", "x", written)
        assert words.typeset(said) == said


@pytest.mark.parametrize(
    ("script", "rule"),
    [
        ("counter/scripts/words", f"export const PASSWORD_SHORTEST = {PASSWORD_SHORTEST};"),
        ("shared/scripts/unbroken", f"const LONGEST_PIECE = {LONGEST_PIECE};"),
    ],
)
def test_a_limit_that_a_script_repeats_is_the_one_of_the_server(script, rule):
    assert rule in (WEB / f"{script}.js").read_text(encoding="utf-8")
