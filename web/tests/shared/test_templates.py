"""Templates compile, and what people typed is only ever text."""

import re
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from jinja2 import Environment
from markupsafe import Markup

import web
from web.shared.forms import Form
from web.shared.icons import LUCIDE, OURS

WEB = Path(web.__file__).parent
FILES = sorted(WEB.rglob("*.html"))


def test_every_template_compiles_and_names_icons_that_are_there(app: FastAPI):
    for file in FILES:
        name = str(file.relative_to(WEB)).replace("/templates/", "/")
        app.state.templates.get_template(name)
        named = re.findall(r"\bicon\('([a-z-]+)'(?! ~)", file.read_text(encoding="utf-8"))
        assert set(named) <= LUCIDE.keys() | OURS.keys(), name


HOSTILE = [
    "<script>alert(1)</script>",
    "{{1234567*9}}",
    '"><img src=x onerror=alert(1)>',
    "</textarea>",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_typed_is_shown_as_text(app: FastAPI, text):
    template = app.state.templates.from_string(
        "{% from 'shared/macros.html' import field, message with context %}"
        "{{ field(form, 'subject', 'Sujet') }}{{ message(text, '', moment, text) }}"
    )
    form = Form(values={"subject": text}).refuse("subject", text)
    html = template.render(form=form, text=text, moment=datetime.now(UTC), form_token="")
    assert "<script" not in html
    assert "<img" not in html
    assert "11111103" not in html
    assert "</textarea>" not in html


@pytest.mark.parametrize("value", [*HOSTILE, Markup("<b>"), 7, 1.5, None, True, UUID(int=1)])
def test_values_are_shown_as_jinja_escapes_them(app: FastAPI, value):
    source = "{{ value }} {{ [value]|join('<') }} {% set kept %}{{ value }}{% endset %}{{ kept }}"
    theirs = Environment(autoescape=True).from_string(source)
    assert app.state.templates.from_string(source).render(value=value) == theirs.render(value=value)


@pytest.mark.parametrize("accepted", ["gzip, deflate, br, zstd", "br;q=1.0, gzip;q=1.0"])
async def test_a_page_is_compressed_for_whoever_takes_it(browser: httpx.AsyncClient, accepted):
    plain = await browser.get("/connexion", headers={"Accept-Encoding": "identity"})
    packed = await browser.get("/connexion", headers={"Accept-Encoding": accepted})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"
    assert int(packed.headers["Content-Length"]) < len(plain.content) / 2
    assert re.sub(r'"form_token" value="[^"]*"', "", packed.text) == re.sub(
        r'"form_token" value="[^"]*"', "", plain.text
    )


def test_a_message_keeps_its_paragraphs_and_lines(app: FastAPI):
    split = app.state.templates.filters["paragraphs"]
    assert split("Bonjour,\n\nligne 1\n  ligne 2\n\n\n\nMerci") == [
        "Bonjour,", "ligne 1\n  ligne 2", "Merci",
    ]  # fmt: skip
    accents = "e" + "\u0301" * 10_000
    assert split(accents) == [accents]


def test_an_excerpt_ends_between_words(app: FastAPI):
    cut = app.state.templates.filters["excerpt"]
    assert cut("une\n\nligne ?") == "une ligne\u00a0?"
    assert cut("mot, " * 100).endswith("mot…")
    assert len(cut("x" * 500)) <= 141
