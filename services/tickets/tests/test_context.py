"""What staff see beside a request: its customer, their other requests, similar requests."""

from datetime import UTC, date, datetime
from uuid import uuid4

import pytest

from contracts.identity.events import CustomerChanged


@pytest.fixture
def context(desk, karim):
    async def read(number):
        answer = await desk.get(karim, f"/{number}/context")
        assert answer.status_code == 200, answer.text
        return answer.json()

    return read


def numbers(lines):
    return [line["number"] for line in lines]


async def test_a_customer_is_copied_only_from_identitys_events(desk, context, nathalie):
    number = await desk.opened(nathalie)
    before = (await context(number))["customer"]
    assert (before["id"], before["name"]) == (str(nathalie.id), "Nathalie Rousseau")
    assert before["email"] is before["registered_at"] is None
    await desk.receive(
        CustomerChanged(
            customer_id=nathalie.id,
            version=1,
            enabled=True,
            first_name="Nathalie",
            last_name="Rousseau-Petit",
            email="n@example.org",
            registered_at=datetime(2023, 5, 2, tzinfo=UTC),
        )
    )
    after = (await context(number))["customer"]
    assert (after["id"], after["name"]) == (str(nathalie.id), "Nathalie Rousseau-Petit")
    assert (after["email"], after["registered_at"]) == ("n@example.org", "2023-05-02T00:00:00Z")


async def test_the_customer_s_other_products_come_newest_purchase_first(
    desk, context, nathalie, marc
):
    sale = await desk.sell(nathalie)
    old = await desk.sell(nathalie, sold_on=date(2026, 1, 5))
    new = await desk.sell(nathalie, sold_on=date(2026, 11, 20))
    cancelled = await desk.sell(nathalie)
    await desk.receive(desk.cancellation(cancelled))
    await desk.sell(marc)

    around = await context(await desk.opened(nathalie, sale=sale))
    assert [each["sale_id"] for each in around["products"]] == [str(new.sale_id), str(old.sale_id)]
    assert around["product_count"] == 2


async def test_the_customer_s_other_requests_come_newest_activity_first(
    desk, context, nathalie, marc, karim
):
    first, second, third = [await desk.opened(nathalie) for _ in range(3)]
    await desk.opened(marc)
    await desk.say(karim, first)
    around = await context(second)
    assert numbers(around["tickets"]) == [first, third]
    assert around["ticket_count"] == 2


async def test_other_requests_on_the_same_product_show_how_they_ended(
    desk, context, nathalie, marc, someone, karim
):
    sale = await desk.sell(nathalie)
    same = {"product": sale.product}
    number = await desk.opened(nathalie, sale=sale)
    done = await desk.opened(marc, sale=await desk.sell(marc, **same))
    running = await desk.opened(marc, sale=await desk.sell(marc, **same))
    await desk.opened(marc)
    await desk.say(karim, done, "Changez le rouleau.", resolve=True)

    around = await context(number)
    assert numbers(around["same_product"]) == [done, running]
    ended = around["same_product"][0]
    assert (ended["status"], ended["resolved_by_name"]) == ("resolved", "Karim Benali")
    assert (ended["last_text"], ended["answered_by"]) == ("Changez le rouleau.", ["Karim Benali"])
    assert ended["resolved_at"] is not None
    assert around["same_product_count"] == 2
    assert around["same_product_resolved_count"] == 1


async def test_lists_are_bounded_and_counts_exact(desk, context, nathalie):
    sale = await desk.sell(nathalie)
    number = await desk.opened(nathalie, sale=sale)
    for _ in range(25):
        await desk.sell(nathalie)
    for _ in range(12):
        await desk.opened(nathalie, sale=sale)
    around = await context(number)
    assert (len(around["products"]), around["product_count"]) == (20, 25)
    assert (len(around["tickets"]), around["ticket_count"]) == (10, 12)
    assert (len(around["same_product"]), around["same_product_count"]) == (10, 12)


async def test_counts_are_never_above_1001(desk, context, nathalie):
    number = await desk.opened(nathalie)
    await desk.many(nathalie, 1100, status="open", answered=False)
    assert (await context(number))["ticket_count"] == 1001


async def test_an_unknown_request_has_no_context(desk, karim):
    answer = await desk.get(karim, f"/{uuid4().int % 10**9 + 10**9}/context")
    assert (answer.status_code, answer.json()["code"]) == (404, "ticket_unknown")


async def test_the_desk_is_the_queue_the_exchange_and_what_is_around_it(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    other = await desk.opened(nathalie)
    await desk.note(karim, number, "Entre nous.")
    seen = (await desk.get(karim, "/desk", open=str(number), counts="true")).json()

    assert seen["thread"] == await desk.read(karim, number)
    assert seen["context"] == (await desk.get(karim, f"/{number}/context")).json()
    assert [line["number"] for line in seen["queue"]["tickets"]] == [number, other]
    assert seen["queue"]["counts"]["to_handle"] == 2
    alone = (await desk.get(karim, "/desk")).json()
    assert (alone["thread"], alone["context"]) == (None, None)
    beside = (await desk.get(karim, f"/{number}/desk")).json()
    assert beside == {"thread": seen["thread"], "context": seen["context"]}


async def test_nobody_else_sees_the_desk(desk, nathalie, karim):
    number = await desk.opened(nathalie)
    assert (await desk.get(nathalie, "/desk", open=str(number))).status_code == 403
    unknown = await desk.get(karim, "/desk", open=str(number + 1))
    assert (unknown.status_code, unknown.json()["code"]) == (404, "ticket_unknown")
