"""What the policy forbids is in no template, and what people typed is only ever text."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi import FastAPI

import web
from web.forms import Form
from web.icons import LUCIDE, OURS

TEMPLATES = Path(web.__file__).parent / "templates"
STATIC = Path(web.__file__).parent / "static"
FILES = sorted(TEMPLATES.rglob("*.html"))

FORBIDDEN = {
    "a style attribute": r"\sstyle\s*=",
    "a style element": r"<style\b",
    "a script without an address": r"<script(?![^>]*\ssrc=)",
    "an event handler": r"\son[a-z]+\s*=",
    "htmx's own handlers": r"\shx-on\b",
    "an expression for htmx": r"hx-(vals|headers|confirm)\s*=\s*[\"']?\s*js:",
    "an event filter for htmx": r"hx-trigger\s*=\s*\"[^\"]*\[",
    "a script address": r"javascript:",
    "markup taken as it comes": r"\|\s*safe\b",
}


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(TEMPLATES)))
def test_a_template_holds_nothing_that_the_policy_forbids(file):
    source = re.sub(r"\{#.*?#\}", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    found = [what for what, pattern in FORBIDDEN.items() if re.search(pattern, source)]
    assert found == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(TEMPLATES)))
def test_every_template_compiles_and_names_icons_that_are_there(app: FastAPI, file):
    app.state.templates.get_template(str(file.relative_to(TEMPLATES)))
    named = re.findall(r"\bicon\('([a-z-]+)'(?! ~)", file.read_text(encoding="utf-8"))
    assert set(named) <= LUCIDE.keys() | OURS.keys()


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(TEMPLATES)))
def test_a_time_stands_in_an_element_that_says_its_moment(file):
    """So that a browser whose clock shows another hour can say whose this one is."""
    source = re.sub(r"\bwhen\([^)]*\)", "", file.read_text(encoding="utf-8"))
    assert not re.search(r"\|(moment|recent|since|last_time|time)\b", source)


@pytest.mark.parametrize("file", sorted(STATIC.rglob("*.js")), ids=lambda file: file.name)
def test_a_module_evaluates_nothing(file):
    assert not re.search(r"\beval\(|new Function|\.cssText|setAttribute\(\"style\"",
                         file.read_text(encoding="utf-8"))  # fmt: skip


HOSTILE = [
    "<script>alert(1)</script>",
    "{{1234567*9}}",
    '"><img src=x onerror=alert(1)>',
    "</textarea>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_typed_is_shown_as_text(app: FastAPI, text):
    template = app.state.templates.from_string(
        "{% from 'macros.html' import field, message with context %}"
        "{{ field(form, 'subject', 'Sujet') }}{{ message(text, '', moment, text) }}"
    )
    form = Form(values={"subject": text}).refuse("subject", text)
    html = template.render(form=form, text=text, moment=datetime.now(UTC), form_token="")
    assert "<script" not in html
    assert "<img" not in html
    assert "11111103" not in html
    assert "</textarea>" not in html


def test_a_message_keeps_its_paragraphs_and_lines(app: FastAPI):
    split = app.state.templates.filters["paragraphs"]
    assert split("Bonjour,\n\nligne 1\n  ligne 2\n\n\n\nMerci") == [
        "Bonjour,", "ligne 1\n  ligne 2", "Merci",
    ]  # fmt: skip
    accents = "e" + "\u0301" * 10_000
    assert split(accents) == [accents]


def test_an_excerpt_ends_between_words(app: FastAPI):
    cut = app.state.templates.filters["excerpt"]
    assert cut("une\n\nligne") == "une ligne"
    assert cut("mot, " * 100).endswith("mot…")
    assert len(cut("x" * 500)) <= 141
