"""What was begun is kept on the server, per person and request, until it is sent."""

import asyncio
import json
from uuid import uuid4

import pytest


async def save(desk, who, number, **draft):
    path = "/draft" if number is None else f"/{number}/draft"
    return await desk.send(who, "PUT", path, draft)


async def saved_draft(desk, who, number):
    answer = await desk.get(who, "/draft" if number is None else f"/{number}/draft")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_draft_is_kept_as_it_was_typed_and_comes_with_the_request(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    draft = {"text": "Bonjour,\n\n ", "kind": "note", "minutes": 3, "seen_position": 5}
    answer = await save(desk, karim, number, **draft)

    assert answer.status_code == 200, answer.text
    assert answer.json()["saved_at"] is not None
    assert {name: answer.json()[name] for name in draft} == draft
    assert await saved_draft(desk, karim, number) == answer.json()
    assert (await desk.read(karim, number))["draft"] == answer.json()


async def test_the_last_draft_counts_from_whatever_device(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    await save(desk, karim, number, text="Au bureau", minutes=3)
    await save(desk, karim, number, text="Au téléphone")
    draft = await saved_draft(desk, karim, number)
    assert (draft["text"], draft["minutes"]) == ("Au téléphone", None)


async def test_a_draft_that_comes_after_it_was_sent_is_refused(desk, nathalie, karim):
    """By its key: what was begun since, under another one, is nobody's late draft."""
    number, sale = await desk.opened(nathalie), await desk.sell(nathalie)
    new = {"subject": "Pas de son", "description": "Rien.", "sale_id": str(sale.sale_id)}
    for who, path, body in (
        (karim, f"/{number}/messages", {"text": "Une fois."}),
        (karim, f"/{number}/notes", {"text": "Une fois."}),
        (nathalie, "", new),
        (nathalie, f"/{number}/messages", {"text": "Merci.", "resolve": True}),
    ):
        about, key, other = number if path else None, str(uuid4()), str(uuid4())
        await save(desk, who, about, text="Une", key=key)
        assert (await saved_draft(desk, who, about))["key"] == key
        for _ in range(2):  # the answer was lost: once more
            assert (await desk.send(who, "POST", path, body, key)).status_code == 201
            late = await save(desk, who, about, text="Une f", key=key)
            assert (late.status_code, late.json()["code"]) == (409, "already_sent")
            assert (await saved_draft(desk, who, about))["saved_at"] is None
        await save(desk, who, about, text="Autre chose", key=other)
        await desk.send(who, "POST", path, body, key)
        assert (await saved_draft(desk, who, about))["text"] == "Autre chose"


async def test_a_draft_on_its_way_while_it_is_sent_never_comes_back(busy_desk, nathalie, karim):
    number = await busy_desk.opened(nathalie)
    for _ in range(10):
        key = str(uuid4())
        drafts = [save(busy_desk, karim, number, text="Bon", key=key) for _ in range(3)]
        *answers, sent = await asyncio.gather(
            *drafts, busy_desk.say(karim, number, "Bonjour.", key=key)
        )
        assert sent.status_code == 201, sent.text
        assert {answer.status_code for answer in answers} <= {200, 409}
        assert (await saved_draft(busy_desk, karim, number))["saved_at"] is None


async def test_everybody_has_drafts_of_their_own(desk, nathalie, karim, julien):
    number, other = await desk.opened(nathalie), await desk.opened(nathalie)
    for who in (nathalie, karim, julien):
        await save(desk, who, number, text=f"De {who.name}")
    for who in (nathalie, karim, julien):
        assert (await saved_draft(desk, who, number))["text"] == f"De {who.name}"
        assert (await saved_draft(desk, who, other))["saved_at"] is None
    assert (await desk.read(julien, other))["draft"] is None


async def test_a_new_request_has_a_draft_too_that_opening_one_forgets(desk, nathalie):
    sale = await desk.sell(nathalie)
    empty = await saved_draft(desk, nathalie, None)
    draft = {"text": "Elle ne", "subject": "Pan", "sale_id": str(sale.sale_id)}
    await save(desk, nathalie, None, **draft)
    number = await desk.opened(nathalie)
    assert await saved_draft(desk, nathalie, None) == empty
    assert empty["saved_at"] is empty["sale_id"] is None
    await save(desk, nathalie, None, follows=number)
    assert (await saved_draft(desk, nathalie, None))["follows"] == number


async def test_sending_forgets_one_s_own_draft_and_no_other(desk, nathalie, karim, julien):
    number = await desk.opened(nathalie)
    for send in (desk.say, desk.note):
        await save(desk, karim, number, text="Bonjour")
        await save(desk, julien, number, text="Salut")
        await send(karim, number, "Bonjour.")
        assert (await saved_draft(desk, karim, number))["saved_at"] is None
        assert (await saved_draft(desk, julien, number))["text"] == "Salut"
    await save(desk, nathalie, number, text="Merci")
    await desk.resolve(nathalie, number, text="Merci.")
    assert (await saved_draft(desk, nathalie, number))["saved_at"] is None
    assert (await saved_draft(desk, julien, number))["text"] == "Salut"


async def test_a_refused_message_keeps_its_draft(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    [first] = (await desk.read(karim, number))["messages"]
    await save(desk, karim, number, text="Bonjour")
    await desk.say(nathalie, number)
    for answer in (
        await desk.say(karim, number, " "),
        await desk.say(karim, number, "Bonjour.", seen_position=first["position"]),
    ):
        assert answer.status_code in (409, 422)
    await desk.resolve(nathalie, number)
    assert (await desk.say(karim, number, "Bonjour.")).json()["code"] == "ticket_resolved"
    assert (await saved_draft(desk, karim, number))["text"] == "Bonjour"


async def test_a_draft_is_thrown_away(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    await save(desk, karim, number, text="Bonjour")
    await save(desk, nathalie, None, text="Nouvelle")
    for who, path in ((karim, f"/{number}/draft"), (nathalie, "/draft")):
        for _ in range(2):
            assert (await desk.send(who, "DELETE", path)).status_code == 204
    assert (await saved_draft(desk, karim, number))["saved_at"] is None
    assert (await saved_draft(desk, nathalie, None))["saved_at"] is None


async def test_nobody_keeps_drafts_in_what_they_may_not_see(desk, nathalie, marc, karim):
    number = await desk.opened(nathalie)
    of_another = await save(desk, marc, number, text="Bonjour")
    missing = await save(desk, karim, 999_999, text="Bonjour")
    for answer in (of_another, missing):
        assert (answer.status_code, answer.json()["code"]) == (404, "ticket_unknown")
    assert (await saved_draft(desk, marc, number))["saved_at"] is None


@pytest.mark.parametrize("field", [{"kind": "note"}, {"minutes": 4}])
async def test_customers_draft_no_notes_and_no_time_spent(desk, nathalie, field):
    number = await desk.opened(nathalie)
    answer = await save(desk, nathalie, number, text="Bonjour", **field)
    assert (answer.status_code, answer.json()["code"]) == (422, "staff_only")


async def test_staff_begin_no_requests(desk, karim):
    assert (await save(desk, karim, None, text="Bonjour")).status_code == 403


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("text", "é" * 20_001, "text_too_long"),
        ("text", "a\x00b", "text_nul"),
        ("text", None, "string_type"),
        ("subject", "é" * 201, "text_too_long"),
        ("subject", "a\nb", "text_control"),
        ("sale_id", "abc", "uuid_parsing"),
        ("kind", "poem", "enum"),
        ("seen_position", -1, "greater_than_equal"),
        ("other", 1, "extra_forbidden"),
    ],
)
async def test_what_cannot_be_kept_is_named(desk, nathalie, karim, field, value, code):
    number = await desk.opened(nathalie)
    answer = await save(desk, karim, number, **{field: value})
    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == (field, code)


async def test_anything_else_is_kept_even_a_subject_with_blanks_only(desk, nathalie):
    draft = {"text": "x\r\n" * 10_000, "subject": "  ", "sale_id": str(uuid4())}
    body = json.dumps(draft)
    headers = nathalie.headers | {"Content-Type": "application/json"}
    await desk.client.put("/api/tickets/draft", content=body, headers=headers)
    shown = await saved_draft(desk, nathalie, None)
    assert (shown["text"], shown["subject"]) == ("x\n" * 10_000, "  ")
    assert shown["sale_id"] == draft["sale_id"]
