"""Addresses in messages become links, and nothing else does."""

import re
import time

import pytest

from web.shared.text.linked import linked

NBSP = "\u00a0"


def links(text: str) -> list[str]:
    return re.findall(r'<a href="([^"]*)" target="_blank" rel="noopener noreferrer">', linked(text))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Voyez https://example.org/a.", "https://example.org/a"),
        ("http://localhost:8080/a;b:c, puis", "http://localhost:8080/a;b:c"),
        ("(voir https://example.org/x)", "https://example.org/x"),
        ("https://example.org/a_(b)", "https://example.org/a_(b)"),
        ("[https://example.org]", "https://example.org"),
        ("<https://example.org>", "https://example.org"),
        ("« https://example.org/x »", "https://example.org/x"),
        (f"«{NBSP}https://example.org/x{NBSP}»", "https://example.org/x"),
        ("«https://example.org/x»", "https://example.org/x"),
        ("“https://example.org/x”.", "https://example.org/x"),
        ("https://example.org ?", "https://example.org"),
        ("https://example.org !", "https://example.org"),
        (f"https://example.org{NBSP}: oui", "https://example.org"),
        ("https://example.org…", "https://example.org"),
        ("l’adresse est https://exämple.org/é\net", "https://exämple.org/é"),
        ("HTTPS://EXAMPLE.ORG/A", "HTTPS://EXAMPLE.ORG/A"),
        ("www.example.org/pilotes.", "http://www.example.org/pilotes"),
        ("mailto:lea@example.org.", "mailto:lea@example.org"),
        ("Écrivez à lea@example.org !", "mailto:lea@example.org"),
    ],
)
def test_an_address_ends_where_a_french_reader_ends_it(text, address):
    assert links(text) == [address]


@pytest.mark.parametrize(
    "text",
    [
        "fait.De rien",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://example.org",
        "file:///etc/passwd",
        "//example.org",
        "192.168.1.1",
        "E-42 : 10.5 V",
        "https://",
    ],
)
def test_nothing_else_is_a_link(text):
    assert links(text) == []


def test_what_is_around_and_inside_an_address_stays_text():
    html = linked('<img src=x onerror=alert(1)> https://example.org/?a="><script>&b=1 \'"')
    assert "<img" not in html
    assert "<script" not in html
    assert html.startswith("&lt;img src=x onerror=alert(1)&gt; <a ")
    assert links("https://example.org/?a=1&b=2") == ["https://example.org/?a=1&amp;b=2"]


@pytest.mark.parametrize(
    "text", ["Bonjour,\n\tà  demain.", "https://a.example et b@c.example", "«\u202f!"]
)
def test_the_words_to_read_are_the_same(text):
    assert re.sub("<[^>]*>", "", linked(text)) == text


@pytest.mark.parametrize(
    "part",
    [
        "https://x.example/a,",
        "http://a ",
        "a@b.c ",
        "(",
        "a@",
        "www.",
        "https://a.",
        "e\u0301",
        "1.",
    ],
)
def test_the_longest_message_takes_no_time(part):
    text = (part * 20_000)[:20_000]
    started = time.process_time()
    linked(text)
    assert time.process_time() - started < 2  # 0.09 on an idle machine; minutes if it were cubic
