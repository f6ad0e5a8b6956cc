"""Whatever is typed is kept as it is or refused with a stable code, never half-written."""

import json

import pytest
from sqlalchemy import text as sql

from chassis.http import paging
from chassis.testing import published

NUL, SURROGATE = "a\x00b", "a\ud800b"
MOMENT = "2026-11-02T10:42:00Z"


async def post(desk, who, path, body):
    """As JSON of ASCII alone: the only way to send a lone surrogate."""
    headers = who.headers | {"Content-Type": "application/json"}
    return await desk.client.post(f"/api/tickets{path}", content=json.dumps(body), headers=headers)


def refusal(answer):
    """The code of a refusal of one field, the field's name, and the field's own code."""
    assert answer.status_code == 422, answer.text
    problem = answer.json()
    [error] = problem["errors"]
    return problem["code"], error["field"], error["code"]


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("subject", "", "text_empty"),
        ("subject", " \u00a0\n", "text_empty"),
        ("subject", "é" * 201, "text_too_long"),
        ("subject", NUL, "text_nul"),
        ("subject", "deux\nlignes", "text_control"),
        ("subject", SURROGATE, "text_surrogate"),
        ("subject", None, "string_type"),
        ("description", "", "text_empty"),
        ("description", " \r\n\t", "text_empty"),
        ("description", "é" * 20_001, "text_too_long"),
        ("description", NUL, "text_nul"),
        ("description", SURROGATE, "text_surrogate"),
        ("sale_id", "abc", "uuid_parsing"),
        ("status", "resolved", "extra_forbidden"),
        ("opened_at", MOMENT, "extra_forbidden"),
        ("sent_at", MOMENT, "extra_forbidden"),
    ],
)
async def test_a_wrong_field_of_a_new_request_is_named(desk, nathalie, field, value, code):
    sale = await desk.sell(nathalie)
    body = {"sale_id": str(sale.sale_id), "subject": "Sujet", "description": "Texte"}
    answer = await post(desk, nathalie, "", body | {field: value})

    assert refusal(answer) == ("invalid", field, code)
    async with desk.database.transaction() as session:
        assert await published(session) == []
    assert await desk.numbers(nathalie, "/mine") == []


@pytest.mark.parametrize("field", ["subject", "description", "sale_id"])
async def test_a_missing_field_is_required(desk, nathalie, field):
    sale = await desk.sell(nathalie)
    body = {"sale_id": str(sale.sale_id), "subject": "Sujet", "description": "Texte"}
    del body[field]
    answer = await post(desk, nathalie, "", body)
    assert refusal(answer) == ("invalid", field, "required")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("", "text_empty"),
        ("   \n ", "text_empty"),
        ("x" * 20_001, "text_too_long"),
        (NUL, "text_nul"),
        (SURROGATE, "text_surrogate"),
    ],
)
async def test_a_wrong_message_is_refused(desk, nathalie, karim, words, code):
    number = await desk.opened(nathalie)
    answer = await post(desk, karim, f"/{number}/messages", {"text": words})

    assert refusal(answer) == ("invalid", "text", code)
    thread = await desk.read(karim, number)
    assert (thread["ticket"]["status"], len(thread["messages"])) == ("open", 1)


async def test_nobody_says_when_something_was_written_or_done(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    before = await desk.read(karim, number)
    for who, path, body, field in (
        (nathalie, "messages", {"text": "Avant"}, "sent_at"),
        (karim, "messages", {"text": "Avant"}, "sent_at"),
        (karim, "notes", {"text": "Avant"}, "sent_at"),
        (nathalie, "resolution", {}, "resolved_at"),
        (karim, "resolution", {}, "resolved_at"),
    ):
        answer = await post(desk, who, f"/{number}/{path}", body | {field: MOMENT})
        assert refusal(answer) == ("invalid", field, "extra_forbidden")
    after = await desk.read(karim, number)
    assert (after["ticket"], after["messages"]) == (before["ticket"], before["messages"])


@pytest.mark.parametrize(
    "words",
    [
        "<script>alert(1)</script>",
        "{{7*7}}",
        "e" + "\u0301" * 10_000,
        "\u202eà l’envers",
        "👩‍🔧 où ?\n\n\tà la ligne",
        "'; DROP TABLE tickets; --",
        "x" * 20_000,
        "  des blancs autour  ",
    ],
    ids=lambda words: ascii(words[:12]),
)
async def test_any_other_text_is_kept_as_it_is(desk, nathalie, karim, words):
    number = await desk.opened(nathalie, description=words)
    await desk.say(karim, number, words)

    thread = await desk.read(nathalie, number)
    assert [message["text"] for message in thread["messages"]] == [words, words]
    [line] = (await desk.get(karim, "", view="in_progress")).json()["tickets"]
    assert line["last_text"] == words[:200]


@pytest.mark.parametrize(
    "subject", ["<script>alert(1)</script>", "{{7*7}}", "e" + "\u0301" * 199, "x" * 200]
)
async def test_any_other_subject_is_kept_as_it_is(desk, nathalie, subject):
    number = await desk.opened(nathalie, subject=subject)
    assert (await desk.read(nathalie, number))["ticket"]["subject"] == subject


async def test_line_breaks_of_forms_count_once(desk, nathalie):
    number = await desk.opened(nathalie, description="x\r\n" * 10_000)
    [message] = (await desk.read(nathalie, number))["messages"]
    assert message["text"] == "x\n" * 10_000


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"view": "mine"}, "view"),
        ({"limit": 0}, "limit"),
        ({"limit": 51}, "limit"),
        ({"limit": "x"}, "limit"),
        ({"customer_id": "abc"}, "customer_id"),
    ],
)
async def test_a_wrong_parameter_is_named(desk, karim, parameters, field):
    code, named, _ = refusal(await desk.get(karim, "", **parameters))
    assert (code, named) == ("invalid", field)


WRONG_CURSORS = [
    "x",
    "é",
    "\x00",
    "",
    "W10",
    paging.encode("2026", 1),
    paging.encode(),
    paging.encode("x"),
    paging.encode("2026-01-01T00:00:00+00:00", "x"),
    paging.encode("2026-01-01T00:00:00+00:00", 2**70),
    paging.encode(2**70),
    paging.encode({}),
]


@pytest.mark.parametrize("cursor", WRONG_CURSORS, ids=ascii)
async def test_a_cursor_that_no_list_gave_is_refused(desk, nathalie, karim, cursor):
    number = await desk.opened(nathalie)
    for answer in (
        await desk.get(karim, "", after=cursor),
        await desk.get(nathalie, "/mine", after=cursor),
        await desk.get(nathalie, "/owned-products", after=cursor),
        await desk.get(nathalie, f"/{number}/messages", before=cursor),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "cursor_invalid")


@pytest.mark.parametrize("number", ["0", "7", "9" * 18])
async def test_a_number_that_no_request_has_is_unknown(desk, karim, number):
    for answer in (
        await desk.get(karim, f"/{number}"),
        await desk.get(karim, f"/{number}/messages"),
        await desk.say(karim, number),
        await desk.resolve(karim, number),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "ticket_unknown")


@pytest.mark.parametrize(
    "number", ["abc", "-1", "1.5", "1001x", "%00", "\u0661\u0660\u0660\u0661", "9" * 19, "9" * 5000]
)
async def test_what_cannot_be_a_number_is_not_found(desk, karim, number):
    for answer in (
        await desk.get(karim, f"/{number}"),
        await desk.get(karim, f"/{number}/messages"),
        await desk.say(karim, number),
        await desk.resolve(karim, number),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# --- Too much at once ---------------------------------------------------------------------------


@pytest.fixture
def bounds(app, monkeypatch):
    monkeypatch.setattr(app.state.settings, "tickets_an_hour", 3)
    monkeypatch.setattr(app.state.settings, "messages_an_hour", 5)


def too_many(answer, code, most):
    """How long until it goes on, in seconds."""
    assert (answer.status_code, answer.json()["code"]) == (429, code)
    assert answer.json()["context"] == {"most": most}
    wait = int(answer.headers["Retry-After"])
    assert 3_500 < wait <= 3_600
    return wait


async def test_a_customer_opens_so_many_requests_in_an_hour(desk, bounds, nathalie, marc):
    sale = await desk.sell(nathalie)
    for _ in range(3):
        await desk.opened(nathalie, sale=sale)
    too_many(await desk.open(nathalie, sale), "too_many_tickets", 3)
    await desk.opened(marc)  # others go on
    async with desk.database.transaction() as session:
        await session.execute(sql("UPDATE tickets SET opened_at = opened_at - interval '1 hour'"))
    await desk.opened(nathalie, sale=sale)


async def test_a_customer_writes_so_many_messages_in_an_hour(desk, bounds, nathalie, karim):
    number = await desk.opened(nathalie)
    for turn in range(4):
        assert (await desk.say(nathalie, number, f"Mot {turn}")).status_code == 201
        assert (await desk.say(karim, number, f"Réponse {turn}")).status_code == 201
    too_many(await desk.say(nathalie, number, "De trop"), "too_many_messages", 5)
    too_many(await desk.open(nathalie), "too_many_messages", 5)
    last_word = await post(desk, nathalie, f"/{number}/resolution", {"text": "De trop"})
    too_many(last_word, "too_many_messages", 5)
    assert (await desk.say(karim, number, "Pour le personnel, rien")).status_code == 201
    async with desk.database.transaction() as session:
        await session.execute(sql("UPDATE messages SET sent_at = sent_at - interval '1 hour'"))
    for turn in range(4):
        assert (await desk.say(nathalie, number, f"Et ensuite {turn}")).status_code == 201
    for _ in range(2):  # repeated, it is one word
        last_word = await post(desk, nathalie, f"/{number}/resolution", {"text": "Merci"})
        assert last_word.status_code == 200
