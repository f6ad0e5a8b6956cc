"""Scripts do what their own tests say, and say what pages say, set as French is, by the same rules."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from chassis.text.cases import FOUND, NOT_FOUND
from chassis.text.folding import fold
from local.launcher.assets import node
from local.workshop.generated import folding, limits
from web.shared.words import scripts

WEB = Path(__file__).parents[2] / "src/web"
COMMENT = re.compile(r"^\s*(?://|\*|/\*).*$|\s// .*$", re.MULTILINE)
STRING = re.compile(r'"[^"\n]*"|`[^`\n]*`')


def test_their_own_tests_pass(tmp_path):
    """Those of scripts/, by Node's test runner, with the sentences of a French page."""
    sentences = tmp_path / "words.fr.js"
    sentences.write_bytes(scripts.script("fr"))
    tests = sorted((Path(__file__).parents[1] / "scripts").glob("*.test.js"))
    assert tests
    done = subprocess.run(
        [*node(), "--test", "--test-reporter=dot", *tests],
        capture_output=True, text=True, check=False, timeout=200,
        env={**os.environ, "GUICHET_WORDS": str(sentences)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


SENTENCE = re.compile("[à-öø-ÿÀ-ÖØ-ÞŒœ’«»]|[A-Z][a-z]+ [a-z]+ [a-z]+")


@pytest.mark.parametrize("script", sorted(WEB.rglob("*.js")), ids=lambda script: script.stem)
def test_no_script_holds_a_sentence(script):
    """They stand in words/scripts.py, where translators find them."""
    code = COMMENT.sub("", script.read_text(encoding="utf-8"))
    for written in STRING.findall(code):
        assert not SENTENCE.search(written) or "DOMException" in code.partition(written)[0][-20:]


def test_scripts_say_what_there_is_and_nothing_is_left_over():
    code = "".join(script.read_text(encoding="utf-8") for script in WEB.rglob("*.js"))
    known = scripts.SENTENCES.keys() | scripts.COUNTED.keys()
    said = set(re.findall(r"\b(?:say|count|counted)\(\s*\"(\w+)\"", code))
    assert said <= known
    unused = {name for name in known - said if f'"{name}"' not in code}
    composed = ("missing_", "choose_")  # and the name of a step
    assert all(name.startswith(composed) or name.endswith("_entry_kept") for name in unused), unused


def test_the_limits_of_scripts_are_those_of_the_server():
    assert limits.MODULE.read_text(encoding="utf-8") == limits.module(), "run ./guichet contracts"


def test_scripts_fold_texts_as_searches_do():
    """The same rule as in Python and, by `chassis/tests/test_folding.py`, in PostgreSQL."""
    assert folding.MODULE.read_text(encoding="utf-8") == folding.module(), "run ./guichet contracts"
    texts = [text for case in (*FOUND, *NOT_FOUND) for text in case]
    texts += [f"a{chr(code)}b{chr(code)}" for code in range(0x3000) if chr(code).isprintable()]
    program = f"""
        import {{ fold }} from {json.dumps(folding.MODULE.as_uri())};
        import {{ readFileSync }} from "node:fs";
        console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf-8")).map(fold)));
    """
    done = subprocess.run(
        [*node(), "--input-type=module", "--eval", program],
        input=json.dumps(texts), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert dict(zip(texts, json.loads(done.stdout), strict=True)) == {t: fold(t) for t in texts}
