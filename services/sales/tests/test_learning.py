"""What sales keeps of customers and products: from events, or asked of the owner once."""

import time
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import func, select

from chassis.testing import deliver, published, token, wrap
from contracts.catalog.events import ProductsChanged, ProductState
from contracts.identity.roles import Role
from sales.handlers import subscriptions
from sales.models import KnownCustomer, SellableProduct

SELLER = token(Role.SELLER)


async def record(client, shop, **changes):
    return await client.post("/api/sales", json=shop.sale(**changes), headers=SELLER)


def code_of(answer):
    return answer.json()["code"]


# --- Events -----------------------------------------------------------------------------------


async def stored(session, kind, id):
    session.expire_all()
    return await session.get(kind, id)


async def test_a_customer_is_stored_as_in_the_last_event(shop, session):
    await shop.hears_of_customer(version=2, last_name="Lefèvre", enabled=False)

    customer = await stored(session, KnownCustomer, shop.customer_id)
    assert (customer.last_name, customer.enabled, customer.version) == ("Lefèvre", False, 2)


@pytest.mark.parametrize("version", [1, 2, 3])
async def test_a_version_that_is_not_newer_is_ignored(shop, session, version):
    await shop.hears_of_customer(version=3, last_name="Lefèvre")
    await shop.hears_of_customer(version=version, last_name="Ancienne")
    await shop.hears_of_product(version=3, designation="Neuve")
    await shop.hears_of_product(version=version, designation="Ancienne")

    assert (await stored(session, KnownCustomer, shop.customer_id)).last_name == "Lefèvre"
    assert (await stored(session, SellableProduct, shop.product_id)).designation == "Neuve"


async def test_a_redelivered_event_changes_nothing(shop, session, database):
    event = ProductsChanged(change_id=uuid4(), products=[state(shop.product_id, 2, "Neuve")])
    envelope = wrap(event)
    assert await deliver(database, subscriptions, envelope) == 1
    await shop.hears_of_product(version=3, designation="Plus neuve")

    assert await deliver(database, subscriptions, envelope) == 0
    assert (await stored(session, SellableProduct, shop.product_id)).designation == "Plus neuve"


def state(id, version, designation):
    return ProductState(
        id=id, version=version, reference=f"REF-{id}", designation=designation, on_sale=True
    )


async def test_a_whole_import_is_kept_each_product_by_its_own_version(shop, session, database):
    await shop.hears_of_product(version=7, designation="Plus récente")
    products = [state(uuid4(), 1, f"Produit {n}") for n in range(199)]
    products.append(state(shop.product_id, 6, "En retard"))

    await deliver(database, subscriptions, ProductsChanged(change_id=uuid4(), products=products))

    assert await session.scalar(select(func.count()).select_from(SellableProduct)) == 200
    assert (await stored(session, SellableProduct, shop.product_id)).designation == "Plus récente"


async def test_of_a_product_twice_in_one_event_the_newest_version_is_stored(session, database):
    id = uuid4()
    products = [state(id, 2, "Neuve"), state(id, 1, "Ancienne")]
    await deliver(database, subscriptions, ProductsChanged(change_id=uuid4(), products=products))

    assert (await stored(session, SellableProduct, id)).designation == "Neuve"


async def test_an_event_of_nothing_changes_nothing(session, database):
    await deliver(database, subscriptions, ProductsChanged(change_id=uuid4(), products=[]))
    assert await session.scalar(select(func.count()).select_from(SellableProduct)) == 0


# --- The owner asked --------------------------------------------------------------------------


async def test_a_customer_created_a_second_ago_can_buy(
    client, shop_without_events, owners, session
):
    owners.know_customer(shop_without_events.customer_id)
    owners.know_product(shop_without_events.product_id)

    answer = await record(client, shop_without_events)

    assert answer.status_code == 201, answer.text
    assert answer.json()["product"]["designation"] == "Perceuse à percussion 18 V"
    assert len(await published(session)) == 1


async def test_the_owner_is_asked_once_with_the_sellers_token(client, shop_without_events, owners):
    owners.know_customer(shop_without_events.customer_id)
    owners.know_product(shop_without_events.product_id)
    await record(client, shop_without_events, serial_number="SN0000000000001")
    await record(client, shop_without_events, serial_number="SN0000000000002")

    assert owners.requests == [
        f"identity/customers/{shop_without_events.customer_id}",
        f"catalog/products/{shop_without_events.product_id}",
    ]
    assert set(owners.tokens) == {SELLER["Authorization"]}


async def test_nobody_is_asked_about_what_is_known(client, shop, owners):
    assert (await record(client, shop)).status_code == 201
    assert owners.requests == []


async def test_an_owners_answer_is_treated_like_its_events(client, shop_without_events, owners):
    owners.know_customer(shop_without_events.customer_id, enabled=False)
    owners.know_product(shop_without_events.product_id, on_sale=False)
    assert code_of(await record(client, shop_without_events)) == "customer_disabled"

    await shop_without_events.hears_of_customer(version=2)
    assert code_of(await record(client, shop_without_events)) == "product_withdrawn"


async def test_an_event_that_arrives_late_does_not_undo_the_owners_answer(
    client, shop_without_events, owners, session
):
    owners.know_customer(shop_without_events.customer_id, version=4, last_name="Lefèvre")
    owners.know_product(shop_without_events.product_id)
    await record(client, shop_without_events)
    await shop_without_events.hears_of_customer(version=3, last_name="Ancienne")

    assert (
        await stored(session, KnownCustomer, shop_without_events.customer_id)
    ).last_name == "Lefèvre"


async def test_whom_the_owner_does_not_know_is_unknown(
    client, shop_without_events, owners, session
):
    owners.know_product(shop_without_events.product_id)
    answer = await record(client, shop_without_events)

    assert answer.status_code == 422
    assert code_of(answer) == "customer_unknown"
    assert await published(session) == []


async def test_what_the_owner_does_not_know_is_unknown(client, shop_without_events, owners):
    owners.know_customer(shop_without_events.customer_id)
    answer = await record(client, shop_without_events)

    assert answer.status_code == 422
    assert code_of(answer) == "product_unknown"


@pytest.mark.parametrize("mood", ["failing", "unrouted", "silent"])
async def test_an_owner_that_does_not_answer_is_no_verdict(
    app, client, shop_without_events, owners, session, mood, monkeypatch
):
    owners.mood = mood
    monkeypatch.setattr(app.state.http, "timeout", httpx.Timeout(1 if mood == "silent" else 20))
    started = time.monotonic()
    answer = await record(client, shop_without_events)

    assert answer.status_code == 503
    assert code_of(answer) == "not_known_yet"
    assert answer.headers["Retry-After"] == "1"
    assert time.monotonic() - started < 30
    assert await published(session) == []


async def test_an_owner_that_is_away_is_no_verdict(app, client, shop_without_events, monkeypatch):
    monkeypatch.setattr(app.state.http, "url", "http://127.0.0.1:9")
    assert code_of(await record(client, shop_without_events)) == "not_known_yet"


async def test_an_answer_that_makes_no_sense_is_no_verdict(client, shop_without_events, owners):
    owners.known[f"identity/customers/{shop_without_events.customer_id}"] = {"surprise": True}
    assert code_of(await record(client, shop_without_events)) == "not_known_yet"


async def test_once_the_owner_is_back_the_same_form_passes(client, shop_without_events, owners):
    owners.mood = "failing"
    assert code_of(await record(client, shop_without_events)) == "not_known_yet"

    owners.mood = "answering"
    owners.know_customer(shop_without_events.customer_id)
    owners.know_product(shop_without_events.product_id)
    assert (await record(client, shop_without_events)).status_code == 201


async def test_no_connection_is_held_while_the_owner_answers(busy_app, busy_client, owners):
    """Otherwise a slow identity would empty the pool of sales."""
    held = []
    pool = busy_app.state.database.engine.pool
    owners.while_asked = lambda: held.append(pool.checkedout())
    ids = {"customer_id": uuid4(), "product_id": uuid4()}
    owners.know_customer(ids["customer_id"])
    owners.know_product(ids["product_id"])
    sale = {name: str(id) for name, id in ids.items()} | {
        "serial_number": "SN0000000000001",
        "sold_on": "2026-11-02",
    }

    answer = await busy_client.post(
        "/api/sales", json=sale, headers=SELLER | {"Idempotency-Key": str(uuid4())}
    )

    assert answer.status_code == 201, answer.text
    assert held == [0, 0]
