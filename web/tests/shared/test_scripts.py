"""Scripts do what their own tests say, and say what pages say, set as French is, by the same rules."""

import re
import subprocess
from pathlib import Path

import pytest

from local.launcher.assets import node
from local.workshop.generated import limits
from web.shared import words

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
        message = re.sub(r"\$\{[^{}]*\}", "x", written)
        assert words.typeset(message) == message


def test_the_limits_of_scripts_are_those_of_the_server():
    assert limits.MODULE.read_text(encoding="utf-8") == limits.module(), "run ./guichet contracts"
