"""Events that come twice, late or in the wrong order end where they should."""

from typing import Any
from uuid import uuid4

import psycopg
import pytest

from chassis.data import provisioning
from faults.broker import wrapped
from shop import new_request, today
from waiting import eventually

RECORDED, CANCELLED = "sales.sale-recorded.v1", "sales.sale-cancelled.v1"


async def owned(customer) -> list[str]:
    products = await customer.get("/api/tickets/owned-products")
    return [each["sale_id"] for each in products["owned_products"]]


async def owns(customer, *sale_ids: str) -> None:
    assert await owned(customer) == list(sale_ids)


async def test_a_sale_received_twice_is_owned_once(shop, stack, broker, seller, customer, product):
    sale = await shop.sell(customer, product, seller=seller)
    event = await broker.stored("SALES", f"{RECORDED}.{sale['id']}")
    await eventually(lambda: owns(customer, sale["id"]))

    await broker.say_again(event)
    await broker.is_heard("SALES", "tickets")

    await owns(customer, sale["id"])
    assert no_dead_letters(stack)


async def test_a_sale_received_again_after_its_cancellation_stays_cancelled(
    shop, stack, broker, seller, customer, product
):
    sale = await shop.sell(customer, product, seller=seller)
    event = await broker.stored("SALES", f"{RECORDED}.{sale['id']}")
    await eventually(lambda: owns(customer, sale["id"]))
    reason = {"reason": "Mauvais client"}
    await seller.post(f"/api/sales/{sale['id']}/cancellation", reason, status=200)
    await broker.stored("SALES", f"{CANCELLED}.{sale['id']}")

    await broker.say_again(event)
    await broker.is_heard("SALES", "tickets")

    await owns(customer)
    await refuses_a_request(customer, sale["id"])
    assert no_dead_letters(stack)


async def test_an_old_name_received_again_does_not_come_back(
    shop, stack, broker, seller, customer, product
):
    old = await broker.stored("IDENTITY", f"identity.customer-changed.v1.{customer.id}")
    changed = await seller.call(
        "PATCH", f"/api/identity/customers/{customer.id}", {"last_name": "Vannier"}
    )
    assert changed.status_code == 200, changed.text
    await broker.is_heard("IDENTITY", "tickets")
    sale = await shop.sell(customer, product, seller=seller)
    await eventually(lambda: owns(customer, sale["id"]))
    request = await customer.post("/api/tickets", new_request(sale["id"]))

    await broker.say_again(old)
    await broker.is_heard("IDENTITY", "tickets")
    await broker.is_heard("IDENTITY", "sales")

    thread = await seller.get(f"/api/tickets/{request['number']}")
    assert thread["ticket"]["customer_name"] == "Nathalie Vannier"
    assert no_dead_letters(stack)


@pytest.mark.parametrize("apart", [True, False], ids=["apart", "together"])
async def test_a_cancellation_that_comes_before_its_sale_ends_cancelled(
    stack, broker, seller, customer, product, apart
):
    sale_id = str(uuid4())
    await broker.say(f"{CANCELLED}.{sale_id}", cancellation(sale_id, customer, product))
    if apart:
        await broker.is_heard("SALES", "tickets")
    await broker.say(f"{RECORDED}.{sale_id}", recording(sale_id, customer, product))
    await broker.is_heard("SALES", "tickets")

    await owns(customer)
    await refuses_a_request(customer, sale_id)
    assert no_dead_letters(stack)


async def refuses_a_request(customer, sale_id: str) -> None:
    refused = await customer.call("POST", "/api/tickets", new_request(sale_id))
    assert refused.status_code == 409
    assert refused.json()["code"] == "sale_cancelled"


def recording(sale_id: str, customer, product) -> bytes:
    return wrapped(
        RECORDED,
        sale_id,
        {
            **event_data(sale_id, customer, product),
            "version": 1,
            "seller_id": str(uuid4()),
            "sold_on": today().isoformat(),
            "recorded_at": "2026-11-24T10:00:00Z",
        },
    )


def cancellation(sale_id: str, customer, product) -> bytes:
    return wrapped(
        CANCELLED,
        sale_id,
        {
            **event_data(sale_id, customer, product),
            "version": 2,
            "cancelled_by": str(uuid4()),
            "cancelled_at": "2026-11-24T10:05:00Z",
        },
    )


def event_data(sale_id: str, customer, product) -> dict[str, Any]:
    return {
        "sale_id": sale_id,
        "customer_id": customer.id,
        "product": {
            "id": product.id,
            "reference": product.reference,
            "designation": product.designation,
        },
        "serial_number": "0123456789ABCDE",
    }


def no_dead_letters(stack) -> bool:
    """No listener has dead letters."""
    return not any(dead_letters(stack, service) for service in ("sales", "tickets"))


def dead_letters(stack, service: str) -> list[tuple[str, str]]:
    with psycopg.connect(provisioning.on_database(stack.server_url, service)) as connection:
        return connection.execute("select subject, error from messaging.dead_letters").fetchall()
