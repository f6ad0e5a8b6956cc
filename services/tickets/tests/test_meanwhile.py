"""Sending stops once when somebody wrote meanwhile, never twice, and nobody is ever locked out."""

import pytest

from chassis.testing import published


async def last_position(desk, who, number):
    return (await desk.read(who, number))["messages"][-1]["position"]


async def test_a_reply_that_crossed_another_is_refused_once_and_nothing_is_written(
    desk, session, nathalie, karim, julien
):
    number = await desk.opened(nathalie)
    seen = await last_position(desk, karim, number)
    await desk.say(nathalie, number, "Un détail.")
    await desk.say(julien, number, "De Julien.")
    events, before = len(await published(session)), await desk.read(karim, number)

    answer = await desk.say(karim, number, "De Karim.", key="key-of-the-form", seen_position=seen)
    assert (answer.status_code, answer.json()["code"]) == (409, "answered_meanwhile")
    assert answer.json()["context"] == {
        "count": 2,
        "last_author_name": "Julien Morel",
        "last_position": before["messages"][-1]["position"],
    }
    after = await desk.read(karim, number)
    assert (after["messages"], after["ticket"]) == (before["messages"], before["ticket"])
    assert len(await published(session)) == events


async def test_sending_anyway_passes_with_the_same_key(desk, nathalie, karim, julien):
    number = await desk.opened(nathalie)
    seen = await last_position(desk, karim, number)
    await desk.say(julien, number)
    refused = await desk.say(karim, number, "De Karim.", key="key-of-form", seen_position=seen)
    assert refused.status_code == 409

    sent = {"key": "key-of-form", "seen_position": seen, "send_anyway": True}
    first = await desk.say(karim, number, "De Karim.", **sent)
    again = await desk.say(karim, number, "De Karim.", **sent)
    assert (first.status_code, first.json()) == (201, again.json())
    assert len((await desk.read(karim, number))["messages"]) == 3


async def test_who_has_seen_the_last_message_sends_at_once(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    await desk.note(karim, number)
    for who in (karim, nathalie, karim):
        seen = await last_position(desk, who, number)
        assert (await desk.say(who, number, seen_position=seen)).status_code == 201


async def test_without_saying_what_was_seen_one_just_sends(desk, nathalie, karim, julien):
    number = await desk.opened(nathalie)
    await desk.say(julien, number)
    assert (await desk.say(karim, number)).status_code == 201


async def test_one_s_own_message_from_another_window_counts_too(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    seen = await last_position(desk, karim, number)
    await desk.say(karim, number)
    answer = await desk.say(karim, number, seen_position=seen)
    assert answer.json()["code"] == "answered_meanwhile"


async def test_a_note_of_a_colleague_stops_staff_once(desk, nathalie, karim, julien):
    number = await desk.opened(nathalie)
    seen = await last_position(desk, karim, number)
    await desk.note(julien, number, "C’est sous garantie.")
    for write in (desk.say, desk.note):
        answer = await write(karim, number, seen_position=seen)
        assert answer.json()["code"] == "answered_meanwhile"
        assert answer.json()["context"]["last_author_name"] == "Julien Morel"
    answer = await desk.note(karim, number, seen_position=seen, send_anyway=True)
    assert answer.status_code == 201


@pytest.mark.parametrize("anyway", [False, True])
async def test_a_request_closed_meanwhile_admits_nothing(desk, nathalie, karim, julien, anyway):
    number = await desk.opened(nathalie)
    seen = await last_position(desk, karim, number)
    await desk.resolve(nathalie, number, text="C’est réglé.")
    for write in (desk.say, desk.note):
        answer = await write(karim, number, seen_position=seen, send_anyway=anyway)
        assert (answer.status_code, answer.json()["code"]) == (409, "ticket_resolved")
        if not anyway:
            assert answer.json()["context"]["count"] == 1
            assert answer.json()["context"]["last_author_name"] == "Nathalie Rousseau"
    assert len((await desk.read(karim, number))["messages"]) == 2


async def test_a_last_word_that_crossed_an_answer_is_refused_once(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    seen = await last_position(desk, nathalie, number)
    await desk.say(karim, number, "Essayez ceci.")
    answer = await desk.resolve(nathalie, number, text="Ça remarche.", seen_position=seen)
    assert answer.json()["code"] == "answered_meanwhile"
    assert (await desk.read(nathalie, number))["ticket"]["status"] == "in_progress"

    answer = await desk.resolve(
        nathalie, number, text="Ça remarche.", seen_position=seen, send_anyway=True
    )
    assert (answer.status_code, answer.json()["status"]) == (200, "resolved")


@pytest.mark.parametrize("position", [-1, 2**63, "abc", 1.5])
async def test_what_is_no_position_is_refused(desk, nathalie, karim, position):
    number = await desk.opened(nathalie)
    for answer in (
        await desk.say(karim, number, seen_position=position),
        await desk.note(karim, number, seen_position=position),
        await desk.resolve(karim, number, seen_position=position),
        await desk.see(karim, number, position),
    ):
        assert answer.status_code == 422
    assert len((await desk.read(karim, number))["messages"]) == 1
