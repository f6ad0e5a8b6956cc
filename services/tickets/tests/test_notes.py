"""Notes are for staff alone: no page, list, count, search, event or hint tells customers of one."""

import json

import pytest

from chassis.testing import published
from contracts.tickets import api

SECRET = "Zibeline"


@pytest.fixture
async def noted(desk, nathalie, karim):
    """A request in progress with a note between the messages."""
    number = await desk.opened(nathalie)
    await desk.say(karim, number, "Bonjour.")
    assert (
        await desk.note(karim, number, f"{SECRET} : client pénible.", minutes=7)
    ).status_code == 201
    await desk.say(nathalie, number, "Toujours rien.")
    return number


@pytest.mark.parametrize("role", ["technician", "seller", "administrator"])
async def test_every_member_of_staff_writes_notes_and_reads_them(
    desk, someone, nathalie, karim, role
):
    number = await desk.opened(nathalie)
    staff = someone(role, "Camille Petit")
    answer = await desk.note(staff, number, "Rappeler demain.", minutes=5)

    assert answer.status_code == 201, answer.text
    note = answer.json()
    assert (note["kind"], note["text"], note["minutes"]) == ("note", "Rappeler demain.", 5)
    assert (note["author_name"], note["author_role"]) == ("Camille Petit", role)
    assert (await desk.read(karim, number))["messages"][-1] == note


async def test_customers_write_no_notes(desk, nathalie, marc):
    number = await desk.opened(nathalie)
    for who in (nathalie, marc):
        answer = await desk.note(who, number)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_note_changes_nothing_that_a_customer_or_a_queue_shows(
    desk, session, nathalie, karim, julien
):
    number = await desk.opened(nathalie)
    for action in (None, karim, nathalie):
        if action:
            await desk.say(action, number)
        before = await everything_shown(desk, nathalie, karim, number)
        events = len(await published(session))
        await desk.note(julien, number)
        assert await everything_shown(desk, nathalie, karim, number) == before
        assert len(await published(session)) == events


async def everything_shown(desk, customer, staff, number):
    thread = await desk.read(customer, number)
    ticket = (await desk.read(staff, number))["ticket"]
    lists = [await desk.get(customer, "/mine", counts=True)] + [
        await desk.get(staff, "", view=view, counts=True) for view in api.StaffView
    ]
    return [without_as_of(shown) for shown in (thread, ticket, *(page.json() for page in lists))]


def without_as_of(shown):
    return {name: value for name, value in shown.items() if name != "as_of"}


async def test_no_answer_to_a_customer_mentions_a_note(desk, noted, nathalie):
    """Every route that customers may call, read as bare text."""
    thread = await desk.get(nathalie, f"/{noted}")
    position = thread.json()["messages"][0]["position"]
    await desk.send(nathalie, "PUT", f"/{noted}/draft", {"text": "Alors ?"})
    answers = [
        thread,
        await desk.get(nathalie, f"/{noted}/messages"),
        await desk.get(nathalie, f"/{noted}/messages", since=position),
        await desk.get(nathalie, "/mine", counts=True),
        await desk.get(nathalie, "/mine", q=SECRET),
        await desk.get(nathalie, "/mine", q="toujours"),
        await desk.get(nathalie, "/mine/counts"),
        await desk.get(nathalie, "/owned-products"),
        await desk.get(nathalie, "/changes", since="1:1:"),
        await desk.get(nathalie, f"/{noted}/draft"),
        await desk.send(nathalie, "POST", "/search", {"text": SECRET}),
        await desk.send(nathalie, "POST", "/search", {"text": "toujours rien"}),
        await desk.say(nathalie, noted, "Allô ?", seen_position=position),
        await desk.say(nathalie, noted, "Allô ?", seen_position=position, send_anyway=True),
        await desk.resolve(nathalie, noted, text="Tant pis.", seen_position=position),
        await desk.resolve(nathalie, noted),
    ]
    for answer in answers:
        received = answer.text.lower()
        assert answer.status_code in (200, 201, 409), received
        for word in (SECRET.lower(), "pénible", '"note"', "minutes", "priority", "unread"):
            assert word not in received, (answer.request.url, received)


async def test_staff_routes_are_closed_to_customers(desk, noted, nathalie):
    note = (await desk.note_of(noted))["id"]
    for method, path, body in (
        ("GET", f"/{noted}/context", None),
        ("PUT", f"/{noted}/priority", {"priority": "high"}),
        ("PUT", f"/{noted}/seen", {"position": 1}),
        ("GET", f"/{noted}/quick-replies", None),
        ("POST", f"/{noted}/notes", {"text": "x"}),
        ("GET", f"/messages/{note}/minutes", None),
        ("PUT", f"/messages/{note}/minutes", {"minutes": 1}),
        ("GET", "/quick-replies", None),
        ("POST", "/quick-replies", {"title": "x", "text": "x"}),
        ("GET", "", None),
        ("GET", "/counts", None),
    ):
        answer = await desk.send(nathalie, method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path


async def test_what_a_customer_missed_does_not_count_notes(desk, noted, nathalie, karim):
    """Nor is their sending refused because of one."""
    last = (await desk.read(nathalie, noted))["messages"][-1]["position"]
    await desk.note(karim, noted)
    assert (await desk.say(nathalie, noted, "Allô ?", seen_position=last)).status_code == 201

    first = (await desk.read(nathalie, noted))["messages"][0]["position"]
    answer = await desk.say(nathalie, noted, "Allô ?", seen_position=first)
    assert answer.json()["context"]["count"] == 3
    assert answer.json()["context"]["last_author_name"] == "Nathalie Rousseau"


async def test_pages_of_a_customer_are_full_whatever_notes_stand_between(desk, nathalie, karim):
    number = await desk.opened(nathalie, description="0")
    for index in range(1, 8):
        for _ in range(3):
            await desk.note(karim, number)
        await desk.say(nathalie, number, str(index))

    messages, before = [], None
    while True:
        parameters = {"limit": 3} | ({"before": before} if before else {})
        page = (await desk.get(nathalie, f"/{number}/messages", **parameters)).json()
        messages = [message["text"] for message in page["messages"]] + messages
        if (before := page["previous"]) is None:
            break
        assert len(page["messages"]) == 3
    assert messages == [str(index) for index in range(8)]


async def test_an_erroneous_cursor_into_a_note_shows_no_note(desk, noted, nathalie, karim):
    """A customer may invent positions: whatever they ask from, notes are left out."""
    positions = [m["position"] for m in (await desk.read(karim, noted))["messages"]]
    for position in range(min(positions) - 1, max(positions) + 2):
        page = await desk.get(nathalie, f"/{noted}/messages", since=position)
        assert SECRET not in page.text
        assert {m["kind"] for m in page.json()["messages"]} <= {"customer", "staff"}


async def test_nobody_writes_a_note_in_a_resolved_request(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    await desk.resolve(nathalie, number)
    answer = await desk.note(karim, number)
    assert (answer.status_code, answer.json()["code"]) == (409, "ticket_resolved")
    assert len((await desk.read(karim, number))["messages"]) == 1


async def test_one_note_is_recorded_once(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    path, body, key = f"/{number}/notes", {"text": "Une fois."}, "a-key-of-this-form"
    first, second = [await desk.send(karim, "POST", path, body, key) for _ in range(2)]
    assert first.json() == second.json()
    assert len((await desk.read(karim, number))["messages"]) == 2


async def test_the_key_of_a_note_gives_no_customer_a_note(desk, nathalie, karim):
    """Keys are each caller's own: the same key means another thing to somebody else."""
    number, key = await desk.opened(nathalie), "a-key-of-this-form"
    await desk.send(karim, "POST", f"/{number}/notes", {"text": SECRET}, key)
    answer = await desk.say(nathalie, number, SECRET, key)
    assert (answer.status_code, answer.json()["kind"]) == (201, "customer")


async def test_events_hold_no_word_of_anybody(desk, session, noted):
    content = json.dumps([event.model_dump(mode="json") for event in await published(session)])
    assert SECRET not in content
    assert "note" not in content
