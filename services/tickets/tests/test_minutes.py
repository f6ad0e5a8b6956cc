"""Time spent: recorded with a reply or a note; staff can correct it, and corrections are listed."""

from datetime import datetime
from uuid import uuid4

import pytest

from chassis.testing import published


async def correct(desk, who, message, minutes):
    return await desk.send(who, "PUT", f"/messages/{message['id']}/minutes", {"minutes": minutes})


@pytest.fixture
async def reply(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    return (await desk.say(karim, number, minutes=15)).json() | {"number": number}


async def test_a_correction_keeps_who_when_and_what(desk, reply, karim, julien):
    first = await correct(desk, julien, reply, 20)
    second = await correct(desk, karim, reply, None)

    assert (first.status_code, first.json()["minutes"]) == (200, 20)
    body = second.json()
    assert body["minutes"] is None
    newest, oldest = body["corrections"]
    assert (newest["old"], newest["new"], newest["corrected_by_name"]) == (20, None, "Karim Benali")
    assert (oldest["old"], oldest["new"], oldest["corrected_by"]) == (15, 20, str(julien.id))
    assert datetime.fromisoformat(oldest["corrected_at"]).tzinfo is not None
    assert (await desk.get(julien, f"/messages/{reply['id']}/minutes")).json() == body

    shown = (await desk.read(julien, reply["number"]))["messages"][-1]
    assert (shown["minutes"], shown["minutes_corrected"]) == (None, True)


async def test_the_same_time_again_is_no_correction(desk, reply, karim):
    answer = await correct(desk, karim, reply, 15)
    assert answer.json() == {"minutes": 15, "corrections": []}
    assert (await desk.read(karim, reply["number"]))["messages"][-1]["minutes_corrected"] is False


async def test_a_correction_changes_nothing_else(desk, session, reply, nathalie, karim):
    number = reply["number"]
    events = len(await published(session))
    before = await desk.read(nathalie, number)
    await correct(desk, karim, reply, 99)
    after = await desk.read(nathalie, number)
    assert {**after, "as_of": ""} == {**before, "as_of": ""}
    assert len(await published(session)) == events


async def test_time_is_corrected_on_notes_and_after_the_end(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    note = (await desk.note(karim, number, minutes=5)).json()
    await desk.resolve(karim, number)
    assert (await correct(desk, karim, note, 6)).json()["minutes"] == 6


async def test_a_customers_message_has_no_time_spent(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    [message] = (await desk.read(karim, number))["messages"]
    missing = {"id": uuid4()}
    for answer in (
        await correct(desk, karim, message, 5),
        await correct(desk, karim, missing, 5),
        await desk.get(karim, f"/messages/{message['id']}/minutes"),
        await desk.get(karim, f"/messages/{missing['id']}/minutes"),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "message_unknown")


@pytest.mark.parametrize("minutes", [-1, 1441, 2**70, 1.5, "abc"])
async def test_invalid_minutes_are_refused(desk, reply, karim, minutes):
    number = reply["number"]
    for answer in (
        await correct(desk, karim, reply, minutes),
        await desk.say(karim, number, minutes=minutes),
        await desk.note(karim, number, minutes=minutes),
    ):
        assert answer.status_code == 422, answer.text
        assert answer.json()["errors"][0]["field"] == "minutes"


@pytest.mark.parametrize("minutes", [0, 1440, None])
async def test_up_to_a_day_may_be_recorded(desk, nathalie, karim, minutes):
    number = await desk.opened(nathalie)
    assert (await desk.say(karim, number, minutes=minutes)).json()["minutes"] == minutes
