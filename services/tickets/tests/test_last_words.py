"""Replying and resolving at once, and last words: one transaction, one message, one end."""

import pytest

from chassis.testing import published
from contracts.tickets.events import TicketMessageAdded, TicketOpened, TicketResolved


def kinds(events):
    return [type(event) for event in events]


@pytest.mark.parametrize("answered", [False, True])
async def test_staff_reply_and_resolve_at_once(desk, session, nathalie, karim, answered):
    number = await desk.opened(nathalie)
    if answered:
        await desk.say(karim, number)
    answer = await desk.say(karim, number, "C’est réglé.", resolve=True, minutes=12)

    assert answer.status_code == 201, answer.text
    assert (answer.json()["status_after"], answer.json()["minutes"]) == ("in_progress", 12)
    thread = await desk.read(nathalie, number)
    assert thread["messages"][-1]["text"] == "C’est réglé."
    ticket = thread["ticket"]
    assert (ticket["status"], ticket["waiting_for_customer"]) == ("resolved", False)
    assert ticket["resolved_by_name"] == "Karim Benali"
    assert ticket["resolved_at"] == ticket["last_activity_at"]

    events = await published(session)
    assert kinds(events[-2:]) == [TicketMessageAdded, TicketResolved]
    assert [event.model_dump()["version"] for event in events] == list(range(1, len(events) + 1))


async def test_the_customer_resolves_with_a_last_word(desk, session, nathalie, karim):
    number = await desk.opened(nathalie)
    await desk.say(karim, number)
    answer = await desk.resolve(nathalie, number, text="Merci, ça marche !")

    assert (answer.status_code, answer.json()["status"]) == (200, "resolved")
    thread = await desk.read(karim, number)
    assert thread["messages"][-1]["text"] == "Merci, ça marche !"
    assert thread["messages"][-1]["kind"] == "customer"
    assert thread["ticket"]["waiting_since"] is None
    assert kinds(await published(session)) == [
        TicketOpened,
        TicketMessageAdded,
        TicketMessageAdded,
        TicketResolved,
    ]


async def test_a_repeated_last_word_is_written_once(desk, session, nathalie, karim):
    number = await desk.opened(nathalie)
    seen = (await desk.read(nathalie, number))["messages"][-1]["position"]
    answers = [
        await desk.resolve(nathalie, number, text="Merci !", seen_position=seen) for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len((await desk.read(karim, number))["messages"]) == 2
    assert len(await published(session)) == 3


async def test_another_last_word_after_the_end_is_refused_and_not_dropped(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    await desk.resolve(nathalie, number, text="Merci !")
    for message in ("Encore un mot.", "Merci"):
        answer = await desk.resolve(nathalie, number, text=message)
        assert (answer.status_code, answer.json()["code"]) == (409, "ticket_resolved")
    assert (await desk.resolve(nathalie, number)).status_code == 200
    assert len((await desk.read(karim, number))["messages"]) == 2


async def test_a_repeated_reply_and_resolution_is_done_once(desk, session, nathalie, karim):
    number = await desk.opened(nathalie)
    first, second = [
        await desk.say(karim, number, "Fini.", key="key-of-the-form", resolve=True)
        for _ in range(2)
    ]
    assert (first.status_code, first.json()) == (201, second.json())
    assert len(await published(session)) == 3


async def test_a_refused_last_word_leaves_the_request_open(desk, session, nathalie):
    number = await desk.opened(nathalie)
    answer = await desk.resolve(nathalie, number, text="  ")
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "text_empty")
    assert (await desk.read(nathalie, number))["ticket"]["status"] == "open"
    assert len(await published(session)) == 1


async def test_nobody_has_a_last_word_after_somebody_else_resolved(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    await desk.resolve(nathalie, number)
    for answer in (
        await desk.resolve(karim, number, text="Pas si vite."),
        await desk.say(karim, number, "Pas si vite.", resolve=True),
    ):
        assert (answer.status_code, answer.json()["code"]) == (409, "ticket_resolved")
    assert len((await desk.read(karim, number))["messages"]) == 1


async def test_customers_cannot_record_time_spent(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    for answer in (
        await desk.say(nathalie, number, minutes=3),
        await desk.resolve(nathalie, number, text="Merci.", minutes=3),
    ):
        assert (answer.status_code, answer.json()["code"]) == (422, "staff_only")
        assert answer.json()["errors"][0]["field"] == "minutes"
    thread = await desk.read(karim, number)
    assert (thread["ticket"]["status"], len(thread["messages"])) == ("open", 1)
