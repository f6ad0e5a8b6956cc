"""Undoing a sale recorded by mistake."""

from uuid import uuid4

import pytest

from chassis.testing import published, published_again, token
from contracts.identity.roles import Role
from contracts.sales.events import SaleCancelled, SaleRecorded
from sales.operations import from_tables

SELLER = token(Role.SELLER)


@pytest.fixture
async def sale(client, shop):
    return (await client.post("/api/sales", json=shop.sale(), headers=SELLER)).json()


async def cancel(client, sale_id, reason="vendu au mauvais client", headers=SELLER):
    return await client.post(
        f"/api/sales/{sale_id}/cancellation", json={"reason": reason}, headers=headers
    )


async def test_a_cancelled_sale_keeps_who_why_and_when(client, sale):
    technician = token(Role.TECHNICIAN, name="Luc Martin")
    answer = await cancel(client, sale["id"], headers=technician)

    assert answer.status_code == 200, answer.text
    cancelled = answer.json()
    assert cancelled["cancelled_by_name"] == "Luc Martin"
    assert cancelled["cancellation_reason"] == "vendu au mauvais client"
    assert cancelled["cancelled_at"] is not None
    unchanged = ("id", "number", "customer_id", "seller_id", "product", "serial_number", "sold_on")
    assert [cancelled[name] for name in unchanged] == [sale[name] for name in unchanged]


async def test_a_cancellation_is_announced(client, sale, shop, session):
    await cancel(client, sale["id"])

    recorded, cancelled = await published(session)
    assert isinstance(recorded, SaleRecorded)
    assert isinstance(cancelled, SaleCancelled)
    assert str(cancelled.sale_id) == sale["id"]
    assert cancelled.version == 2
    assert cancelled.customer_id == shop.customer_id
    assert cancelled.product.id == shop.product_id
    assert cancelled.serial_number == "SN4X8820193KQ7L"


async def test_the_serial_number_is_free_again(client, sale, shop):
    await cancel(client, sale["id"])
    again = await client.post("/api/sales", json=shop.sale(), headers=SELLER)
    assert again.status_code == 201


async def test_said_twice_a_cancellation_is_answered_alike_and_announced_once(
    client, sale, session
):
    first = await cancel(client, sale["id"])
    again = await cancel(client, sale["id"], reason="autre raison")

    assert again.status_code == 200
    assert again.json() == first.json()
    assert len(await published(session)) == 2


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("", "text_empty"),
        (" \n", "text_empty"),
        ("x" * 501, "text_too_long"),
        ("a\0b", "text_nul"),
        (None, "string_type"),
    ],
)
async def test_a_cancellation_needs_a_reason(client, sale, session, reason, code):
    answer = await cancel(client, sale["id"], reason=reason)

    assert answer.status_code == 422
    [error] = answer.json()["errors"]
    assert (error["field"], error["code"]) == ("reason", code)
    assert len(await published(session)) == 1


async def test_any_characters_are_kept_as_they_are(client, sale):
    reason = "<script>alert(1)</script> {{7*7}} 'é' 😀 e" + "\u0301" * 100
    assert (await cancel(client, sale["id"], reason)).json()["cancellation_reason"] == reason


async def test_an_unknown_sale_is_not_found(client):
    answer = await cancel(client, uuid4())
    assert answer.status_code == 404
    assert answer.json()["code"] == "sale_unknown"


async def test_an_unreadable_id_is_malformed(client):
    answer = await cancel(client, "1")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "sale_id"


async def test_a_customer_cancels_nothing(client, sale, shop, session):
    answer = await cancel(client, sale["id"], headers=token(Role.CUSTOMER, shop.customer_id))
    assert answer.status_code == 403
    assert len(await published(session)) == 1


async def test_events_deleted_from_the_outbox_are_rebuilt_from_the_table(
    client, sale, shop, session
):
    await cancel(client, sale["id"])
    await client.post("/api/sales", json=shop.sale(), headers=SELLER)
    before = await published(session)
    assert len(before) == 3
    assert await published_again(session, from_tables) == before
