"""What two people do at the same instant, on separate connections."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from uuid import uuid4

from sqlalchemy import func, select

from chassis.data.writing import reader_of
from chassis.http.auth import Caller
from chassis.messaging.outbox import OutboxMessage
from chassis.testing import somebody_waits, token
from contracts.catalog.events import ProductsChanged, ProductState
from contracts.identity.roles import Role
from contracts.sales.api import NewSale
from sales import operations
from sales.models import Sale, SellableProduct
from waiting import eventually


async def sales_of(shop):
    async with shop.database.transaction() as session:
        statement = select(Sale).where(Sale.product_id == shop.product_id)
        return (await session.scalars(statement.order_by(Sale.recorded_at))).all()


async def announced(shop, type):
    async with shop.database.transaction() as session:
        ids = [str(sale.id) for sale in await sales_of(shop)]
        subjects = [f"{type}.{id}" for id in ids]
        return await session.scalar(select(func.count()).where(OutboxMessage.subject.in_(subjects)))


async def test_two_sellers_of_one_unit_get_one_sale_and_one_refusal(busy_client, busy_shop):
    async def sell(name):
        return await busy_client.post(
            "/api/sales", json=busy_shop.sale(), headers=token(Role.SELLER, name=name)
        )

    answers = await asyncio.gather(*(sell(f"Seller {n}") for n in range(8)))

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 7}
    [sale] = await sales_of(busy_shop)
    assert await announced(busy_shop, "sales.sale-recorded.v1") == 1
    for answer in answers:
        if answer.status_code == 409:
            [error] = answer.json()["errors"]
            assert error["code"] == "serial_number_already_sold"
            assert error["context"]["sale_id"] == str(sale.id)
            assert error["context"]["seller_name"] == sale.seller_name


async def test_a_double_click_records_once(busy_client, busy_shop):
    headers = token(Role.SELLER, uuid4()) | {"Idempotency-Key": str(uuid4())}

    async def click():
        return await busy_client.post("/api/sales", json=busy_shop.sale(), headers=headers)

    answers = await asyncio.gather(*(click() for _ in range(5)))

    assert [answer.status_code for answer in answers] == [201] * 5
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(await sales_of(busy_shop)) == 1
    assert await announced(busy_shop, "sales.sale-recorded.v1") == 1


async def test_two_cancellations_at_once_cancel_once(busy_client, busy_shop):
    sold = await busy_client.post("/api/sales", json=busy_shop.sale(), headers=token(Role.SELLER))

    async def cancel(reason):
        return await busy_client.post(
            f"/api/sales/{sold.json()['id']}/cancellation",
            json={"reason": reason},
            headers=token(Role.SELLER),
        )

    answers = await asyncio.gather(*(cancel(f"raison {n}") for n in range(5)))

    assert [answer.status_code for answer in answers] == [200] * 5
    assert len({answer.json()["cancellation_reason"] for answer in answers}) == 1
    assert await announced(busy_shop, "sales.sale-cancelled.v1") == 1


async def test_a_unit_sold_and_cancelled_over_and_over_never_stands_twice(busy_client, busy_shop):
    async def sell_and_cancel():
        headers = token(Role.SELLER)
        for _ in range(5):
            sold = await busy_client.post("/api/sales", json=busy_shop.sale(), headers=headers)
            assert sold.status_code in {201, 409, 503}, sold.text
            if sold.status_code == 201:
                await busy_client.post(
                    f"/api/sales/{sold.json()['id']}/cancellation",
                    json={"reason": "erreur"},
                    headers=headers,
                )

    await asyncio.gather(*(sell_and_cancel() for _ in range(4)))

    sales = await sales_of(busy_shop)
    assert sales
    assert all(sale.cancelled_at is not None for sale in sales)
    # Each was sold after the one before was cancelled, or PostgreSQL would have refused it.
    assert await announced(busy_shop, "sales.sale-cancelled.v1") == len(sales)


async def test_a_customer_renamed_during_their_sale_is_found_under_the_new_name(
    busy_client, busy_shop
):
    new = NewSale.model_validate(busy_shop.sale())
    seller = Caller(id=uuid4(), role=Role.SELLER, name="Awa", session_id=uuid4(), token="")
    async with busy_shop.database.transaction() as session:
        parties = await (await reader_of(session)).ask(operations.parties(new))
        await operations.record_sale(session, seller, parties, new, at=datetime.now(UTC))
        rename = asyncio.create_task(
            busy_shop.hears_of_customer(version=2, last_name=f"Garnier{busy_shop.customer_id}")
        )
        await asyncio.sleep(0.2)
        assert not rename.done()
    await rename

    answer = await busy_client.post(
        "/api/sales/search",
        json={"text": f"garnier{busy_shop.customer_id}"},
        headers=token(Role.SELLER),
    )
    [sale] = answer.json()["sales"]
    assert sale["customer_id"] == str(busy_shop.customer_id)


async def test_two_replicas_with_the_same_products_never_wait_for_each_other(busy_shop):
    """Each takes them in the order of their ids, however the event names them."""
    first, second = sorted(uuid4() for _ in range(2))

    def events(version, *ids):
        products = [
            ProductState(id=id, version=version, reference=str(id), designation="x", on_sale=True)
            for id in ids
        ]
        return ProductsChanged(change_id=uuid4(), products=products)

    await busy_shop.hears(events(1, first, second))
    async with busy_shop.database.transaction() as session:
        await session.get(SellableProduct, first, with_for_update=True)
        other = asyncio.create_task(busy_shop.hears(events(2, second, first)))

        async def it_waits():
            assert await somebody_waits(busy_shop.database)

        await eventually(it_waits)
        await session.get(SellableProduct, second, with_for_update=True)
    await other
