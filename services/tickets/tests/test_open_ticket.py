"""A customer asks for help about something they bought."""

import asyncio
from uuid import UUID, uuid4

from chassis.data.wire import COMMIT, Wire
from chassis.data.writing import flush_pending
from chassis.testing import published
from contracts.tickets.events import TicketOpened
from tickets.handlers import cancel_ownership


async def test_the_owner_of_a_product_opens_a_request(desk, nathalie):
    sale = await desk.sell(nathalie)
    answer = await desk.open(nathalie, sale, subject="Bruit", description="Elle grince.\nFort.")

    assert answer.status_code == 201, answer.text
    ticket = answer.json()
    assert ticket["number"] >= 1001
    assert (ticket["status"], ticket["version"]) == ("open", 1)
    assert ticket["waiting_for_customer"] is False
    assert (ticket["subject"], ticket["customer_id"]) == ("Bruit", str(nathalie.id))
    assert ticket["customer_name"] == "Nathalie Rousseau"
    assert ticket["opened_at"] == ticket["waiting_since"] == ticket["last_activity_at"]
    assert ticket["resolved_at"] is ticket["resolved_by_name"] is None
    assert ticket["resolved_by_customer"] is None
    product = ticket["product"]
    assert (product["sale_id"], product["product_id"]) == (str(sale.sale_id), str(sale.product.id))
    assert product["reference"] == "HP-4103"
    assert product["designation"] == "Imprimante HP LaserJet 4103dw"
    assert (product["serial_number"], product["sold_on"]) == ("PHBQ74K2M910XTD", "2026-11-24")
    assert product["cancelled"] is False
    thread = await desk.read(nathalie, ticket["number"])
    assert thread["ticket"] == ticket
    [message] = thread["messages"]
    assert message["text"] == "Elle grince.\nFort."
    assert (message["kind"], message["author_name"]) == ("customer", "Nathalie Rousseau")


async def test_a_new_request_is_announced_without_its_words(desk, session, nathalie):
    sale = await desk.sell(nathalie)
    ticket = (await desk.open(nathalie, sale)).json()

    [event] = await published(session)
    assert isinstance(event, TicketOpened)
    assert (event.ticket_id, event.version) == (UUID(ticket["id"]), 1)
    assert (event.number, event.customer_id) == (ticket["number"], nathalie.id)
    assert (event.sale_id, event.serial_number) == (sale.sale_id, "PHBQ74K2M910XTD")
    assert event.product.model_dump() == sale.product.model_dump()
    assert "plus rien" not in event.model_dump_json()


async def test_requests_are_numbered_for_people_each_with_its_own(desk, nathalie, marc):
    numbers = [await desk.opened(who) for who in (nathalie, marc, nathalie)]
    assert sorted(set(numbers)) == numbers


async def test_several_requests_may_be_open_on_one_product(desk, nathalie):
    sale = await desk.sell(nathalie)
    assert await desk.opened(nathalie, sale=sale) != await desk.opened(nathalie, sale=sale)


async def test_nobody_asks_about_the_product_of_another(desk, session, nathalie, marc):
    sale = await desk.sell(nathalie)
    answer = await desk.open(marc, sale)

    assert answer.status_code == 409
    assert answer.json()["code"] == "product_not_owned"
    assert answer.json()["errors"][0]["field"] == "sale_id"
    assert await published(session) == []
    assert await desk.numbers(marc, "/mine") == []


async def test_ownership_comes_from_recorded_sales_alone(desk, nathalie):
    undelivered = desk.sale(nathalie)
    assert (await desk.open(nathalie, undelivered)).json()["code"] == "product_not_owned"

    await desk.receive(undelivered)
    assert (await desk.open(nathalie, undelivered)).status_code == 201


async def test_nobody_asks_about_a_cancelled_sale(desk, nathalie):
    sale = await desk.sell(nathalie)
    await desk.receive(desk.cancellation(sale))

    answer = await desk.open(nathalie, sale)
    assert answer.status_code == 409
    assert answer.json()["code"] == "sale_cancelled"
    assert answer.json()["errors"][0]["field"] == "sale_id"


async def test_only_customers_open_requests(desk, karim, julien, claire):
    for staff in (karim, julien, claire):
        answer = await desk.open(staff)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_one_submission_is_recorded_once(desk, session, nathalie):
    sale, key = await desk.sell(nathalie), str(uuid4())
    first = await desk.open(nathalie, sale, key=key)
    second = await desk.open(nathalie, sale, key=key)
    other = await desk.open(nathalie, sale, key=key, subject="Autre chose")

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert await desk.numbers(nathalie, "/mine") == [first.json()["number"]]
    assert len(await published(session)) == 1


async def test_twins_that_arrive_together_make_one_request(busy_desk, nathalie):
    sale, key = await busy_desk.sell(nathalie), str(uuid4())
    answers = await asyncio.gather(*(busy_desk.open(nathalie, sale, key=key) for _ in range(5)))

    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.json()["number"] for answer in answers}) == 1
    assert len(await busy_desk.numbers(nathalie, "/mine")) == 1


async def test_a_request_waits_for_a_cancellation_under_way(busy_desk, nathalie):
    sale = await busy_desk.sell(nathalie)
    async with busy_desk.database.transaction() as session:
        await cancel_ownership(session, busy_desk.cancellation(sale))
        await flush_pending(session)
        opening = asyncio.create_task(busy_desk.open(nathalie, sale))
        done, _ = await asyncio.wait([opening], timeout=0.5)
        assert not done

    assert (await opening).json()["code"] == "sale_cancelled"
    assert await busy_desk.numbers(nathalie, "/mine") == []


async def test_each_write_takes_two_round_trips(busy_desk, nathalie, karim, monkeypatch):
    """First the key with all reads; then all writes, the answer and COMMIT."""
    sale = await busy_desk.sell(nathalie)
    trips, run = [], Wire.run_once

    async def counted(wire, batch):
        trips.append(batch)
        return await run(wire, batch)

    monkeypatch.setattr(Wire, "run_once", counted)
    opened = await busy_desk.open(nathalie, sale, key=str(uuid4()))
    number = opened.json()["number"]
    assert [batch[-1] == COMMIT for batch in trips] == [False, True]
    trips.clear()
    replied = await busy_desk.say(karim, number, key=str(uuid4()), seen_position=1)
    assert replied.status_code == 201
    assert [batch[-1] == COMMIT for batch in trips] == [False, True]
    trips.clear()
    noted = await busy_desk.note(karim, number, key=str(uuid4()))
    assert noted.status_code == 201
    assert [batch[-1] == COMMIT for batch in trips] == [False, True]
