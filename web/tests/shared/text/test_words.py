"""Every code of the services has a French sentence, and sentences are set as French is."""

import ast
import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import pytest
from pydantic import Field, TypeAdapter, ValidationError

from chassis.errors import CODES_OF_STATUS
from web.shared import words

ROOT = Path(__file__).parents[4]
CONTEXT = ("expected", "line", "column", "variable", "character", "position")
SOURCES = ("services/*/src", "libs/chassis/src", "contracts/src")


@functools.cache
def codes() -> set[str]:
    """Those of refusals, of contracts' own checks, and of bare statuses."""
    return {code for file in source_files() for code in codes_in(file)} | set(
        CODES_OF_STATUS.values()
    )


def source_files() -> Iterator[Path]:
    for pattern in SOURCES:
        for folder in ROOT.glob(pattern):
            yield from folder.rglob("*.py")


def codes_in(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef):
            yield from codes_of_class(node)
        if isinstance(node, ast.Call) and name_of(node.func) == "PydanticCustomError":
            yield ast.literal_eval(node.args[0])


def codes_of_class(node: ast.ClassDef) -> Iterator[str]:
    """`code = "x"` and `status, code = 422, "x"`."""
    for statement in node.body:
        match statement:
            case ast.Assign(targets=[ast.Name("code")], value=ast.Constant(str(code))):
                yield code
            case ast.AnnAssign(target=ast.Name("code"), value=ast.Constant(str(code))):
                yield code
            case ast.Assign(
                targets=[ast.Tuple([ast.Name("status"), ast.Name("code")])],
                value=ast.Tuple([_, ast.Constant(str(code))]),
            ):
                yield code


def name_of(function: ast.expr) -> str:
    return function.id if isinstance(function, ast.Name) else ""


def test_the_codes_are_found_where_they_are_written():
    assert {"ticket_resolved", "email_taken", "invalid", "too_many", "text_nul"} <= codes()


def test_every_code_has_a_sentence():
    assert codes() <= set(words.REFUSALS)
    for code in codes():
        sentence = words.refusal(code, {"length": 3, "shortest": 12, "longest": 200, "position": 8})
        assert re.search(r"[.?»]$", sentence), (code, sentence)


def test_no_sentence_holds_a_plain_space_before_high_punctuation():
    for code in words.REFUSALS:
        sentence = words.refusal(code, dict.fromkeys(CONTEXT, "x"))
        assert not re.search(r" [:;!?»]", sentence), code
    for name in words.DONE:
        assert not re.search(
            r" [:;!?»]", words.done(name, {"name": "Léa", "number": 7, "email": "lea@example.org"})
        ), name


def test_a_field_has_its_own_wording():
    assert words.refusal("text_empty", field="subject") == "Indiquez le problème en une phrase."
    assert words.refusal("text_empty", field="nickname") == "Ce champ est obligatoire."


def test_numbers_are_in_the_sentence():
    too_long = words.refusal("text_too_long", {"longest": 20_000, "length": 20_007})
    assert too_long == "20\u00a0007 caractères\u00a0: 20\u00a0000 au plus, 7 de trop."
    short = words.refusal("password_too_short", {"shortest": 12, "length": 8})
    assert short == "8 caractères, encore 4 au moins."
    wait = words.refusal("too_many_attempts", retry_after=290)
    assert wait == "Trop d’essais. Réessayez dans 5 minutes."
    links = words.refusal("too_many_links", {"most": 5}, retry_after=601)
    assert links == (
        "5 liens par heure au plus\u00a0: le prochain peut partir dans 11 minutes."
        " Le dernier reçu s’ouvre toujours."
    )


@pytest.mark.parametrize(
    ("kind", "value", "limit"),
    [
        (int, -1, {"ge": 0}),
        (int, 0, {"gt": 0}),
        (int, 1_441, {"le": 1_440}),
        (int, 9, {"lt": 9}),
        (str, "ab", {"max_length": 1}),
        (str, "a", {"min_length": 2}),
        (list[str], ["a", "b"], {"max_length": 1}),
        (list[str], [], {"min_length": 1}),
    ],
)
def test_a_limit_is_named(kind, value, limit):
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(Annotated[kind, Field(**limit)]).validate_python(value)
    [found] = refused.value.errors()
    sentence = words.refusal(found["type"], found["ctx"])
    assert words.number(next(iter(limit.values()))) in sentence
    assert "None" not in sentence


def test_minutes_are_named_with_both_limits():
    for code in ("int_parsing", "greater_than_equal", "less_than_equal"):
        assert "de 0 à 1\u00a0440" in words.refusal(code, field="minutes")


def test_a_text_that_is_too_long_names_the_limit_of_texts():
    assert "20\u00a0000 caractères au plus" in words.refusal("body_too_large")


def test_an_unknown_code_is_still_a_sentence():
    assert words.refusal("from_the_future") == words.UNKNOWN


def test_counts_stop_where_they_are_no_longer_exact():
    assert words.counted(1_000) == "1\u00a0000"
    assert words.counted(1_001) == "1\u00a0000+"
    assert words.number(12_415) == "12\u00a0415"
    assert [words.spelled(n, "feminine") for n in (0, 1, 2, 12)] == ["aucune", "une", "deux", "12"]


def test_what_a_form_did_is_one_of_our_sentences_only():
    assert words.done("resolved", {"number": 4127}) == "Demande n°\u00a04127 résolue."
    assert words.done("<b>anything</b>", {}) == ""
