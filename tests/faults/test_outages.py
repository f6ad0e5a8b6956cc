"""Parts stop, or are killed in the middle of work: nothing that was recorded is lost."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest

from chassis.streams import ACK_SECONDS
from faults.lists import all_of
from local.stack import Service, Stack
from shop import Account, Shop, new_request, new_sale
from waiting import eventually

BURST = 40
AT_ONCE = 8  # fewer than sales and tickets have connections: more could be told to come again


@pytest.fixture
async def stopped_nats(stack: Stack, shop: Shop) -> AsyncGenerator[Stack]:
    await asyncio.to_thread(stack.nats.stop)
    yield stack
    start_nats(stack)


def start_nats(stack: Stack) -> None:
    stack.nats.start()
    stack.nats.wait_for(stack.nats.is_ready, 20)


async def test_a_sale_recorded_while_nats_is_down_reaches_tickets_once_it_is_back(
    shop, seller, customer, product, stopped_nats
):
    sale = await shop.sell(customer, product, seller=seller)
    too_early = await customer.call("POST", "/api/tickets", new_request(sale["id"]))
    assert too_early.status_code == 409
    assert too_early.json()["code"] == "product_not_owned"

    start_nats(stopped_nats)

    request = await eventually(lambda: opens_request(customer, sale["id"]))
    assert request["status"] == "open"
    assert request["product"]["serial_number"] == sale["serial_number"]


async def test_what_was_heard_before_an_outage_is_still_served_during_it(
    shop, seller, technician, customer, product, stack
):
    sale = await shop.sell(customer, product, seller=seller)
    request = await eventually(lambda: opens_request(customer, sale["id"]))
    await asyncio.to_thread(stack.nats.stop)
    try:
        path = f"/api/tickets/{request['number']}"
        await technician.post(f"{path}/messages", {"text": "Nettoyez le rouleau orange."})
        await customer.post(f"{path}/resolution", status=200)
        assert (await customer.get(path))["ticket"]["status"] == "resolved"
    finally:
        start_nats(stack)


async def test_sales_killed_in_the_middle_of_work_loses_no_sale_and_records_none_twice(
    stack, shop, seller, customer, product, supervisor
):
    sales = [new_sale(customer, product) for _ in range(BURST)]
    first = await while_one_is_killed(
        stack.services["sales"], [record(seller, sale) for sale in sales]
    )
    killed = [sale for sale, answer in zip(sales, first, strict=True) if answer != 201]
    assert killed, "the service was killed too late to disturb anything"
    assert len(killed) < BURST, "the service was killed before it recorded anything"

    for sale in killed:
        await eventually(lambda sale=sale: recorded(seller, sale))

    kept = await all_of(seller, f"/api/sales?customer_id={customer.id}", "sales")
    assert sorted(sale["serial_number"] for sale in kept) == serials(sales)
    await eventually(lambda: owns(customer, serials(sales)))
    assert "sales is started again" in " ".join(supervisor)


async def test_tickets_killed_while_it_listens_hears_everything_once_it_is_back(
    stack, shop, seller, customer, product, supervisor
):
    sales = [new_sale(customer, product) for _ in range(BURST)]
    answers = await while_one_is_killed(
        stack.services["tickets"], [record(seller, sale) for sale in sales]
    )

    assert set(answers) == {201}, "sales does not need tickets"
    # What it had taken and not acknowledged comes again after a while.
    await eventually(lambda: owns(customer, serials(sales)), seconds=2 * ACK_SECONDS)


async def test_tickets_killed_in_the_middle_of_work_keeps_each_message_once(
    stack, shop, seller, technician, customer, product, supervisor
):
    sale = await shop.sell(customer, product, seller=seller)
    request = await eventually(lambda: opens_request(customer, sale["id"]))
    path = f"/api/tickets/{request['number']}"
    texts = [f"Précision {number}" for number in range(BURST)]

    await while_one_is_killed(
        stack.services["tickets"], [attempt(customer, f"{path}/messages", text) for text in texts]
    )
    for text in texts:
        await eventually(lambda text=text: said(customer, f"{path}/messages", text))

    messages = await all_messages(customer, path)
    assert sorted(messages) == sorted([new_request("")["description"], *texts])


async def test_postgresql_that_stops_is_told_as_busy_and_outlived(
    stack, shop, seller, customer, product
):
    before = await shop.sell(customer, product, seller=seller)
    await asyncio.to_thread(stack.postgres.stop)
    try:
        refused = await seller.call("POST", "/api/sales", new_sale(customer, product))
        assert refused.status_code == 503
        # Either the service says so, or the gateway, which has seen that it is not ready.
        assert refused.json()["code"] in {"busy", "unavailable"}
        assert int(refused.headers["Retry-After"]) >= 1
    finally:
        stack.postgres.start()
        stack.postgres.wait_for(stack.postgres.is_ready, 30)

    after = await eventually(lambda: recorded(seller, new_sale(customer, product)))
    await eventually(lambda: owns(customer, serials([before, after])))


# --- What people do, and how they insist ------------------------------------------------------


async def while_one_is_killed(service: Service, work: list[Any]) -> list[Any]:
    """What comes of the work, when the service gets SIGKILL after a quarter of it."""
    places = asyncio.Semaphore(AT_ONCE)

    async def in_turn(each: Any) -> Any:
        async with places:
            return await each

    tasks = [asyncio.create_task(in_turn(each)) for each in work]
    for done, task in enumerate(asyncio.as_completed(tasks), start=1):
        await task
        if done == len(tasks) // 4:
            assert service.pid is not None
            os.kill(service.pid, signal.SIGKILL)
    return [task.result() for task in tasks]


async def record(seller: Account, sale: Any) -> int | None:
    """The status; nothing where not even an answer came. The serial number is the key."""
    try:
        answer = await seller.call("POST", "/api/sales", sale, key=sale["serial_number"])
    except httpx.HTTPError:
        return None
    return answer.status_code


async def recorded(seller: Account, sale: Any) -> Any:
    answer = await seller.call("POST", "/api/sales", sale, key=sale["serial_number"])
    assert answer.status_code == 201, answer.text
    return answer.json()


async def attempt(author: Account, path: str, text: str) -> None:
    try:
        await author.call("POST", path, {"text": text}, key=text.encode().hex())
    except httpx.HTTPError:
        return


async def said(author: Account, path: str, text: str) -> None:
    answer = await author.call("POST", path, {"text": text}, key=text.encode().hex())
    assert answer.status_code == 201, answer.text


async def opens_request(customer: Account, sale_id: str) -> Any:
    answer = await customer.call("POST", "/api/tickets", new_request(sale_id))
    assert answer.status_code == 201, answer.text
    return answer.json()


async def owns(customer: Account, expected: list[str]) -> None:
    found = await all_of(customer, "/api/tickets/owned-products?limit=50", "owned_products")
    assert serials(found) == expected


async def all_messages(reader: Account, path: str) -> list[str]:
    thread = await reader.get(path)
    texts = [message["text"] for message in thread["messages"]]
    while before := thread["previous"]:
        thread = await reader.get(f"{path}/messages?before={before}")
        texts += [message["text"] for message in thread["messages"]]
    return texts


def serials(sales: list[Any]) -> list[str]:
    return sorted(sale["serial_number"] for sale in sales)
