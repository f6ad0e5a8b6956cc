"""What people type, and what is refused in it."""

import importlib
import json
import pkgutil
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

import contracts
from contracts.identity.api import Email, NewPassword
from contracts.sales.api import Cancellation, Day
from contracts.text import (
    MAX_ERRORS,
    Body,
    MessageText,
    Name,
    PersonName,
    SearchText,
    Subject,
)
from contracts.tickets.api import NewTicket

KINDS = {
    "name": Name,
    "subject": Subject,
    "message": MessageText,
    "search": SearchText,
    "e-mail": Email,
    "password": NewPassword,
}


def read(kind, text):
    return TypeAdapter(kind).validate_python(text)


def code_of(kind, text):
    with pytest.raises(ValidationError) as refused:
        read(kind, text)
    [error] = refused.value.errors()
    return error["type"]


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@pytest.mark.parametrize(
    ("character", "code"),
    [("\0", "text_nul"), ("\ud800", "text_surrogate")],
)
def test_what_a_database_cannot_keep_is_refused_everywhere(kind, character, code):
    """As it comes in JSON, where both may be written."""
    typed = json.loads(json.dumps(f"jeanne{character}dubois@example.org"))
    assert code_of(kind, typed) in {code, "string_unicode"}


@pytest.mark.parametrize(("kind", "longest"), [(Name, 100), (Subject, 200), (MessageText, 20_000)])
def test_a_text_has_its_longest(kind, longest):
    assert len(read(kind, "é" * longest)) == longest
    assert code_of(kind, "é" * (longest + 1)) == "text_too_long"


@pytest.mark.parametrize(
    ("text", "searched"),
    [
        ("é" * 200, "é" * 200),
        ("é" * 201, "é" * 200),
        ("mot " * 50 + "fin", ("mot " * 50).strip()),
        ("a" * 199 + " bc", "a" * 199),
        ("a" * 199 + "\tbc", "a" * 199),
        ("Votre demande n° 1044 a reçu une réponse " * 10, None),
    ],
)
def test_a_long_text_is_searched_by_its_first_words(text, searched):
    found = read(SearchText, text)
    assert searched is None or found == searched
    assert len(found) <= 200
    assert text.startswith(found)
    assert text[len(found) :][:1].isspace() or " " not in text.strip()


@pytest.mark.parametrize("kind", [Name, Subject, MessageText])
@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u00a0\u3000"])
def test_blanks_alone_are_no_text(kind, text):
    assert code_of(kind, text) in {"text_empty", "text_control"}


@pytest.mark.parametrize("kind", [Name, Subject])
@pytest.mark.parametrize("control", ["\n", "\r", "\x07", "\x1b", "\x7f"])
def test_a_name_and_a_subject_are_one_line(kind, control):
    assert code_of(kind, f"Jeanne{control}Dubois") == "text_control"


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", "{{7*7}}", "e" + "\u0301" * 10_000])
def test_odd_messages_are_kept_as_they_are(text):
    assert read(MessageText, text) == text


def test_a_line_break_counts_once_however_it_is_sent():
    assert read(MessageText, "a\r\nb\rc\nd") == "a\nb\nc\nd"
    assert len(read(MessageText, "x\r\n" * 10_000)) == 20_000


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=100))
def test_any_other_name_is_kept_but_for_blanks_around(name):
    if name.strip():
        assert read(Name, f"  {name} ") == name.strip()


def test_a_password_is_kept_to_the_last_blank():
    assert read(NewPassword, " douze blancs ") == " douze blancs "
    assert code_of(NewPassword, "x" * 11) == "password_too_short"
    assert code_of(NewPassword, "x" * 257) == "password_too_long"


@given(st.dates())
def test_a_day_is_read_as_it_is_written(day):
    assert read(Day, day.isoformat()) == day


@given(st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.datetimes()))
@example("")
@example(" ")
def test_nothing_else_is_a_day(given_value):
    is_empty = isinstance(given_value, str) and not given_value.strip()
    assert code_of(Day, given_value) == ("text_empty" if is_empty else "date_unreadable")


def test_a_reason_needs_words():
    with pytest.raises(ValidationError):
        Cancellation(reason="  ")
    assert Cancellation(reason="Mauvais client").reason == "Mauvais client"


@pytest.mark.parametrize(
    "name",
    ["http://pirate.example", "Voir www.pirate.example", "pirate.example/prix", "lea@pirate.example",
     "Léa pirate.COM", "pirate．example", "pirate。example", "ftp://x", "Prix:pirate.example:8080"],
)  # fmt: skip
def test_a_person_s_name_holds_no_address(name):
    assert code_of(PersonName, name) == "name_with_address"


@pytest.mark.parametrize(
    "name",
    ["Léa", "Jean-François", "D’Arc-Müller", "J. R. R.", "J.R.R. Dupont", "St. Clair", "Dr. Ngô",
     "Nguyễn Thị Minh", "O’Neil (compta)", "李小龍", "Société A. & B.", "M. 2"],
)  # fmt: skip
def test_any_other_name_of_a_person_is_taken(name):
    assert read(PersonName, name) == name


def bodies(kind: type[Body] = Body) -> Iterator[type[Body]]:
    for body in kind.__subclasses__():
        yield body
        yield from bodies(body)


MANY = {f"{number:x}": [] for number in range(8_000)}
LISTS = {"list": [{}] * 8_000, "numbers": [0] * 8_000, "object": MANY, "text": "a\r\n@." * 8_000}


def mistakes(body: type[Body], given_fields: object) -> int:
    try:
        body.model_validate(given_fields)
    except ValidationError as refused:
        return refused.error_count()
    return 0


def test_a_mistake_that_comes_thousands_of_times_is_looked_at_some_times():
    """In unknown fields, and in any field of any body: each is an error that costs."""
    for module in pkgutil.walk_packages(contracts.__path__, "contracts."):
        importlib.import_module(module.name)
    checked = 0
    for body in bodies():
        for given_fields in (
            MANY,
            *({name: of} for name in body.model_fields for of in LISTS.values()),
        ):
            assert mistakes(body, given_fields) <= MAX_ERRORS + len(body.model_fields), body
            checked += 1
    assert checked > 200


def test_fields_that_are_known_are_explained_beside_thousands_that_are_not():
    given_fields = {f"{number:x}": 0 for number in range(8_000)} | {"subject": 3}
    with pytest.raises(ValidationError) as refused:
        NewTicket.model_validate(given_fields)
    errors = refused.value.errors()
    unknown = [error["loc"] for error in errors if error["type"] == "extra_forbidden"]
    assert unknown == [(f"{number:x}",) for number in range(MAX_ERRORS)]
    others = {error["loc"] for error in errors if error["type"] != "extra_forbidden"}
    assert others == {("sale_id",), ("subject",), ("description",)}
