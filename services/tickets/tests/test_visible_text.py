"""A mail may quote what its customer may read; only our own services ask, and never get a note."""

from uuid import uuid4

import pytest

from contracts.identity.roles import SERVICE

SECRET = "Zibeline"


@pytest.fixture
def notifications(someone):
    return someone(SERVICE, "notifications")


async def text_of(desk, who, message_id):
    return await desk.get(who, f"/messages/{message_id}/text")


async def test_a_service_reads_what_customer_and_staff_wrote(desk, notifications, nathalie, karim):
    number = await desk.opened(nathalie, description="Depuis ce matin, plus rien.")
    answered = (await desk.say(karim, number, "Essayez <ceci>.\n\nPuis cela.")).json()
    [opening, _] = (await desk.read(nathalie, number))["messages"]

    for message_id, words in (
        (opening["id"], "Depuis ce matin, plus rien."),
        (answered["id"], "Essayez <ceci>.\n\nPuis cela."),
    ):
        answer = await text_of(desk, notifications, message_id)
        assert (answer.status_code, answer.json()) == (200, {"text": words, "files": []})


async def test_a_note_is_as_unknown_as_no_message(desk, notifications, nathalie, karim):
    number = await desk.opened(nathalie)
    await desk.note(karim, number, SECRET)
    note = await desk.note_of(number)

    answers = [await text_of(desk, notifications, id) for id in (note["id"], uuid4())]

    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (404, "message_unknown")
        assert SECRET not in answer.text
    assert answers[0].json() == answers[1].json()


@pytest.mark.parametrize("role", ["customer", "seller", "technician", "administrator"])
async def test_nobody_else_asks_for_a_text_by_its_message(desk, someone, nathalie, karim, role):
    number = await desk.opened(nathalie)
    message = (await desk.say(karim, number, SECRET)).json()
    for message_id in (message["id"], uuid4()):
        answer = await text_of(desk, someone(role, "Camille Petit"), message_id)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert SECRET not in answer.text
    unsigned = await desk.client.get(f"/api/tickets/messages/{message['id']}/text")
    assert unsigned.status_code == 401


async def test_a_service_may_do_nothing_else_here(desk, notifications, nathalie, karim):
    number = await desk.opened(nathalie)
    message = (await desk.say(karim, number, SECRET)).json()
    for method, path, body in (
        ("GET", "", None),
        ("GET", "/mine", None),
        ("GET", f"/{number}", None),
        ("GET", f"/{number}/messages", None),
        ("POST", f"/{number}/messages", {"text": "x"}),
        ("POST", f"/{number}/notes", {"text": "x"}),
        ("POST", f"/{number}/resolution", None),
        ("POST", "/search", {"text": SECRET}),
        ("GET", f"/messages/{message['id']}/minutes", None),
    ):
        answer = await desk.send(notifications, method, path, body)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
