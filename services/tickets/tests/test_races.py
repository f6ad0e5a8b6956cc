"""Several people at the same request at the same moment, on real connections."""

import asyncio
import os

import pytest
from sqlalchemy import select

from chassis.testing import published
from contracts.tickets.events import TicketMessageAdded, TicketOpened, TicketResolved
from tickets.models import Message

# All thousand: GUICHET_TEST_RACES=1000 pytest …/test_races.py --timeout 3600
ROUNDS = int(os.environ.get("GUICHET_TEST_RACES", "10"))
pytestmark = pytest.mark.timeout(300 + 10 * ROUNDS)


async def story(desk, ticket_id):
    """The events of one request, in the order in which they will be published."""
    async with desk.database.transaction() as session:
        events = await published(session)
    return [event for event in events if event.subject == ticket_id]


async def test_two_answers_and_a_resolution_at_once_have_one_order(
    busy_desk, nathalie, karim, julien
):
    """No answer that was accepted is lost, none comes after the end, versions have no gap."""
    for _ in range(ROUNDS):
        opened = (await busy_desk.open(nathalie)).json()
        number = opened["number"]
        first, second, resolution = await asyncio.gather(
            busy_desk.say(karim, number, "De Karim."),
            busy_desk.say(julien, number, "De Julien."),
            busy_desk.resolve(nathalie, number),
        )
        assert resolution.status_code == 200, resolution.text
        accepted = [answer for answer in (first, second) if answer.status_code == 201]
        refused = [answer for answer in (first, second) if answer.status_code != 201]
        assert all(answer.json()["code"] == "ticket_resolved" for answer in refused)

        thread = await busy_desk.read(nathalie, number)
        answers = thread["messages"][1:]
        assert {m["id"] for m in answers} == {answer.json()["id"] for answer in accepted}
        assert [m["sent_at"] for m in answers] == sorted(m["sent_at"] for m in answers)
        assert thread["ticket"]["status"] == "resolved"
        assert thread["ticket"]["version"] == 2 + len(accepted)

        events = await story(busy_desk, opened["id"])
        assert [event.version for event in events] == list(range(1, len(accepted) + 3))
        assert isinstance(events[0], TicketOpened)
        assert all(isinstance(event, TicketMessageAdded) for event in events[1:-1])
        assert isinstance(events[-1], TicketResolved)
        assert [str(event.message_id) for event in events[1:-1]] == [m["id"] for m in answers]


async def test_everybody_writes_at_once_and_nothing_is_lost(busy_desk, nathalie, karim, julien):
    number = await busy_desk.opened(nathalie)
    answers = await asyncio.gather(
        *(
            busy_desk.say(who, number, f"{who.name} {n}")
            for n in range(10)
            for who in (nathalie, karim, julien)
        )
    )
    assert [answer.status_code for answer in answers] == [201] * 30

    thread = await busy_desk.read(karim, number)
    assert thread["ticket"]["version"] == 31
    async with busy_desk.database.transaction() as session:
        rows = await session.scalars(
            select(Message).filter_by(ticket_id=thread["ticket"]["id"]).order_by(Message.position)
        )
        messages = list(rows)
    assert {str(m.id) for m in messages[1:]} == {answer.json()["id"] for answer in answers}
    assert [m.sent_at for m in messages] == sorted(m.sent_at for m in messages)
    [line] = (await busy_desk.get(nathalie, "/mine")).json()["tickets"]
    assert (line["last_text"], line["last_author_name"]) == (
        messages[-1].text,
        messages[-1].author_name,
    )


async def test_two_people_resolve_at_once_and_one_of_them_did(busy_desk, nathalie, karim):
    for _ in range(ROUNDS):
        opened = (await busy_desk.open(nathalie)).json()
        answers = await asyncio.gather(
            busy_desk.resolve(nathalie, opened["number"]),
            busy_desk.resolve(karim, opened["number"]),
        )
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        [done] = [answer.json() for answer in answers if answer.status_code == 200]
        thread = await busy_desk.read(nathalie, opened["number"])
        assert thread["ticket"]["resolved_by_name"] == done["resolved_by_name"]
        assert len(await story(busy_desk, opened["id"])) == 2


async def test_of_two_answers_to_the_same_message_the_second_is_refused_once(
    busy_desk, nathalie, karim, julien
):
    """Both say what they have seen: one is sent, or none when the customer resolved first."""
    for _ in range(ROUNDS):
        number = await busy_desk.opened(nathalie)
        [first] = (await busy_desk.read(karim, number))["messages"]
        seen = {"seen_position": first["position"]}
        answers = await asyncio.gather(
            busy_desk.say(karim, number, "De Karim.", **seen),
            busy_desk.note(julien, number, "De Julien.", **seen),
            busy_desk.resolve(nathalie, number, text="C’est réglé.", **seen),
        )
        codes = sorted(answer.json().get("code", "") for answer in answers)
        written = [answer for answer in answers if answer.status_code < 300]
        assert written, codes
        assert all(code in ("", "answered_meanwhile", "ticket_resolved") for code in codes)
        thread = await busy_desk.read(karim, number)
        assert len(thread["messages"]) == 1 + len(written)
        # A note stops no customer; otherwise whoever comes second is told.
        assert len(written) == 1 or [m["kind"] for m in thread["messages"][1:]] == [
            "note",
            "customer",
        ]


async def test_one_form_sent_five_times_at_once_is_sent_once(busy_desk, nathalie, karim):
    number = await busy_desk.opened(nathalie)
    answers = await asyncio.gather(
        *(busy_desk.say(karim, number, "Une fois.", "key-of-the-form") for _ in range(5))
    )
    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len((await busy_desk.read(karim, number))["messages"]) == 2


async def test_the_customer_writes_while_staff_open_the_request(busy_desk, nathalie, karim):
    """What came while the page was being read is unread in the end, whoever was first."""
    for _ in range(ROUNDS):
        number = await busy_desk.opened(nathalie)
        [first] = (await busy_desk.read(karim, number))["messages"]
        await asyncio.gather(
            busy_desk.say(nathalie, number, "Encore un mot."),
            busy_desk.see(karim, number, first["position"]),
        )
        assert (await busy_desk.read(karim, number))["ticket"]["unread"] is True


async def test_two_quick_replies_of_one_title_are_not_both_made(busy_desk, karim):
    title = f"Titre {os.urandom(4).hex()}"
    body = {"title": title, "text": "Bonjour."}
    answers = await asyncio.gather(
        *(busy_desk.send(karim, "POST", "/quick-replies", body) for _ in range(4))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_drafts_kept_at_once_are_one_draft(busy_desk, nathalie, karim):
    number = await busy_desk.opened(nathalie)
    texts = [f"Brouillon {n}" for n in range(8)]
    await asyncio.gather(
        *(busy_desk.send(karim, "PUT", f"/{number}/draft", {"text": text}) for text in texts)
    )
    assert (await busy_desk.get(karim, f"/{number}/draft")).json()["text"] in texts


async def test_people_who_write_the_same_new_words_at_once_do_not_wait_in_a_circle(
    busy_desk, nathalie, marc
):
    """Stems that nobody has written before are learned by several at the same moment."""
    for _ in range(5):
        words = [os.urandom(6).hex() + "mot" for _ in range(20)]
        there, back = " ".join(words), " ".join(reversed(words))
        answers = await asyncio.gather(
            *(
                busy_desk.open(who, description=text)
                for who, text in ((nathalie, there), (marc, back)) * 3
            )
        )
        assert [answer.status_code for answer in answers] == [201] * 6
