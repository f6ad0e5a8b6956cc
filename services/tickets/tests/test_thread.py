"""The exchange in a request: answers, precisions, who may read, and long threads."""

from uuid import UUID, uuid4

import pytest

from chassis.testing import published
from contracts.tickets.events import Side, TicketMessageAdded


@pytest.mark.parametrize("role", ["technician", "seller", "administrator"])
async def test_every_member_of_staff_answers_and_is_named(desk, someone, nathalie, role):
    number = await desk.opened(nathalie)
    staff = someone(role, "Camille Petit")
    answer = await desk.say(staff, number, "L’avez-vous branchée ?")

    assert answer.status_code == 201, answer.text
    message = answer.json()
    assert (message["author_id"], message["author_name"]) == (str(staff.id), "Camille Petit")
    assert (message["author_role"], message["kind"]) == (role, "staff")
    assert message["status_after"] == "in_progress"

    assert (await desk.read(staff, number))["messages"][-1] == message
    thread = await desk.read(nathalie, number)
    of_staff_alone = {"minutes", "minutes_corrected"}
    assert thread["messages"][-1] == {
        name: value for name, value in message.items() if name not in of_staff_alone
    }
    assert thread["ticket"]["status"] == "in_progress"
    assert thread["ticket"]["waiting_for_customer"] is True
    assert thread["ticket"]["waiting_since"] is None


async def test_an_answer_is_announced_without_its_words(desk, session, nathalie, karim):
    number = await desk.opened(nathalie)
    message = (await desk.say(karim, number, "Un secret.")).json()

    _, event = await published(session)
    assert isinstance(event, TicketMessageAdded)
    assert (event.number, event.version) == (number, 2)
    assert (event.message_id, event.author_id) == (UUID(message["id"]), karim.id)
    assert (event.author_side, event.status) == (Side.STAFF, "in_progress")
    assert event.customer_id == nathalie.id
    assert "secret" not in event.model_dump_json()


async def test_the_customer_adds_words_and_the_status_stays(desk, session, nathalie, karim):
    number = await desk.opened(nathalie)
    assert (await desk.say(nathalie, number)).json()["status_after"] == "open"
    await desk.say(karim, number)
    assert (await desk.say(nathalie, number)).json()["status_after"] == "in_progress"

    thread = await desk.read(karim, number)
    assert [message["kind"] for message in thread["messages"]] == [
        "customer",
        "customer",
        "staff",
        "customer",
    ]
    assert thread["ticket"]["waiting_for_customer"] is False
    assert thread["ticket"]["waiting_since"] == thread["messages"][-1]["sent_at"]
    events = await published(session)
    sides = [event.author_side for event in events if isinstance(event, TicketMessageAdded)]
    assert sides == [Side.CUSTOMER, Side.STAFF, Side.CUSTOMER]


async def test_nobody_writes_in_a_resolved_request(desk, session, nathalie, karim):
    number = await desk.opened(nathalie)
    await desk.resolve(nathalie, number)
    for who in (nathalie, karim):
        answer = await desk.say(who, number)
        assert (answer.status_code, answer.json()["code"]) == (409, "ticket_resolved")

    thread = await desk.read(karim, number)
    assert (len(thread["messages"]), thread["ticket"]["version"]) == (1, 2)
    assert len(await published(session)) == 2


async def test_one_answer_is_recorded_once(desk, session, nathalie, karim):
    number, key = await desk.opened(nathalie), str(uuid4())
    first = await desk.say(karim, number, "Bonjour.", key)
    second = await desk.say(karim, number, "Bonjour.", key)
    other = await desk.say(karim, number, "Bonsoir.", key)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert other.json()["code"] == "idempotency_key_reused"
    assert len((await desk.read(karim, number))["messages"]) == 2
    assert len(await published(session)) == 2


async def test_a_repeated_answer_is_given_again_after_the_request_was_resolved(
    desk, nathalie, karim
):
    number, key = await desk.opened(nathalie), str(uuid4())
    first = await desk.say(karim, number, "Bonjour.", key)
    await desk.resolve(nathalie, number)
    assert (await desk.say(karim, number, "Bonjour.", key)).json() == first.json()


async def test_a_refused_answer_leaves_its_key_free(desk, nathalie, karim):
    number, key = await desk.opened(nathalie), str(uuid4())
    assert (await desk.say(karim, number, " ", key)).status_code == 422
    assert (await desk.say(karim, number, "Bonjour.", key)).status_code == 201


async def test_a_request_does_not_exist_for_another_customer(desk, session, nathalie, marc):
    number = await desk.opened(nathalie)
    before = len(await published(session))
    answers = [
        await desk.get(marc, f"/{number}"),
        await desk.get(marc, f"/{number}/messages"),
        await desk.say(marc, number),
        await desk.resolve(marc, number),
    ]
    missing = await desk.get(marc, "/999999")

    for answer in answers:
        assert answer.status_code == 404
        assert answer.json() == missing.json()
    assert missing.json()["code"] == "ticket_unknown"
    assert await desk.numbers(marc, "/mine") == []
    assert len(await published(session)) == before
    assert (await desk.read(nathalie, number))["ticket"]["version"] == 1


async def test_nobody_reads_anything_without_a_token(client):
    for path in ("", "/mine", "/counts", "/mine/counts", "/owned-products", "/1001"):
        answer = await client.get(f"/api/tickets{path}")
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_long_thread_opens_on_its_last_30_messages_and_pages_back(desk, nathalie, karim):
    number = await desk.opened(nathalie, description="0")
    for index in range(1, 75):
        await desk.say(karim if index % 3 else nathalie, number, str(index))

    thread = await desk.read(nathalie, number)
    assert [message["text"] for message in thread["messages"]] == [str(n) for n in range(45, 75)]

    messages, previous = thread["messages"], thread["previous"]
    while previous:
        page = (await desk.get(nathalie, f"/{number}/messages", before=previous, limit=20)).json()
        assert len(page["messages"]) <= 20
        assert page["ticket"] == thread["ticket"]
        messages, previous = page["messages"] + messages, page["previous"]
    assert [message["text"] for message in messages] == [str(n) for n in range(75)]


async def test_a_thread_of_exactly_30_messages_has_nothing_before(desk, nathalie):
    number = await desk.opened(nathalie)
    for _ in range(29):
        await desk.say(nathalie, number)
    thread = await desk.read(nathalie, number)
    assert (len(thread["messages"]), thread["previous"]) == (30, None)


async def test_a_request_goes_on_after_its_sale_was_cancelled_and_says_so(desk, nathalie, karim):
    sale = await desk.sell(nathalie)
    number = await desk.opened(nathalie, sale=sale)
    await desk.receive(desk.cancellation(sale))

    assert (await desk.say(karim, number)).status_code == 201
    thread = await desk.read(nathalie, number)
    assert thread["ticket"]["product"]["cancelled"] is True
    assert thread["ticket"]["product"]["sold_on"] == "2026-11-24"
