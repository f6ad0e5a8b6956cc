"""No end of a line cuts an address or a number where nobody would."""

import re

import pytest

from web.shared.text.matches import marked
from web.shared.text.unbroken import unbroken


def pieces(html: str) -> list[str]:
    return [re.sub("<[^>]*>", "", piece) for piece in html.split("<wbr>")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("V-2026-00073", ["V-2026-00073"]),
        ("lea@example.com", ["lea", "@example.com"]),
        (
            "jean-christophe.de-la-fontaine@example.com",
            ["jean-", "christophe.", "de-", "la-", "fontaine", "@example.com"],
        ),
        ("100-100000910WOF", ["100-100000910WOF"]),
        (
            "Lien envoyé à lea@example.com : 24 heures",
            ["Lien envoyé à lea", "@example.com : 24 heures"],
        ),
    ],
)
def test_a_line_ends_between_pieces(text, expected):
    html = unbroken(text)
    assert pieces(html) == expected
    assert 'nowrap">@example.com<' in html or "@" not in text


def test_a_piece_too_long_for_any_line_may_end_anywhere():
    assert unbroken("a1" * 30) == "a1" * 30


def test_markup_in_it_is_text():
    assert "<script" not in unbroken("<script>@1")


def test_what_was_found_is_marked_in_its_pieces():
    html = marked("lea@example.com", "lea exam", is_code=True)
    assert pieces(html) == ["lea", "@example.com"]
    assert html.count("<mark>") == 2
