"""NATS is away, full, emptied, or refuses: what is seen, and what ends it."""

import os
import shutil
import signal

import pytest

from faults.broker import Broker, administered
from incidents.operator import Operator
from incidents.page import row
from shop import Account, Shop
from waiting import eventually

KIB = 2**10


@pytest.fixture
async def broker(operator: Operator):
    async with administered(operator.stack) as broker:
        yield broker


async def all_is_published(operator: Operator, service: str) -> None:
    async def none_waits() -> None:
        query = "SELECT count(*) FROM messaging.outbox WHERE published_at IS NULL"
        assert operator.sql(service, query) == [(0,)]

    await eventually(none_waits)


async def test_nats_is_away(operator: Operator, shop: Shop):
    away = row("broker: away")
    with operator.away(operator.stack.nats):
        await operator.sees(away, "sales")
        await shop.register()
        assert operator.figures("identity").outbox > 0
        await operator.sees(away, "notifications")
    await all_is_published(operator, "identity")


async def test_nats_says_nothing(operator: Operator, shop: Shop):
    """Frozen: no connection ends, and nothing is answered."""
    away = row("broker: away")
    with operator.frozen(operator.stack.nats):
        line = await operator.sees(away, "sales", seconds=60)
        assert line.startswith(("consumer", "broker"))

        async def reported_by_each() -> None:
            """Each consumer looks in its own time, ten seconds apart at most."""
            for stream in ("IDENTITY", "CATALOG"):
                assert operator.is_loop_in_trouble("sales", f"consumer {stream}"), stream

        await eventually(reported_by_each, seconds=60, pause=0.3)


async def test_nats_has_no_room(operator: Operator, shop: Shop):
    full = row("relay: NATS has no room")
    assert "raise `GUICHET_NATS_STORE`" in full.todo
    assert "`./guichet down`, and `up` with it" in full.todo
    raised = operator.stack.settings.nats_store
    async with administered(operator.stack) as broker:
        used = (await broker.js.account_info()).storage
    operator.opens_again(nats_store=f"{used // KIB + 4}KB")
    try:
        for _ in range(12):
            await shop.register()
        await operator.sees(full, "identity")
        assert operator.is_loop_in_trouble("identity", "relay")
        await shop.register()
        assert operator.figures("identity").outbox > 0
    finally:
        operator.opens_again(nats_store=raised)
    await all_is_published(operator, "identity")
    await operator.is_well()
    async with administered(operator.stack) as broker:
        assert (await broker.js.account_info()).storage > used + 4 * KIB
        await broker.is_heard("IDENTITY", "sales")


async def test_the_disk_of_nats_is_full(operator: Operator, shop: Shop, disks):
    full = row("relay: NATS does not say that it has stored")
    with disks["nats"].full():
        for _ in range(30):
            await shop.register()
            if operator.reasons("identity"):
                break
        await operator.sees(full, "identity", seconds=60)
        assert operator.is_loop_in_trouble("identity", "relay")
        assert "no space left on device" in operator.log("nats")
        await shop.register()
    await operator.repairs(full, "restart", "nats")
    await all_is_published(operator, "identity")


async def test_nats_has_lost_its_streams(operator: Operator, shop: Shop, broker: Broker):
    gone = row("relay: NATS has no stream")
    await broker.js.delete_stream("IDENTITY")
    line = await operator.sees(gone, "identity")
    assert line.startswith("relay: ")
    await operator.sees(gone, "sales")
    await operator.repairs(gone, "restart", "nats")
    await operator.finds_in_log("stream_was_lost", "identity")
    await all_is_published(operator, "identity")


async def test_the_store_of_nats_is_deleted(operator: Operator, shop: Shop):
    lost = row("NATS has lost the files of its stream")
    store = operator.stack.state / "nats" / "jetstream"
    store.rename(store.with_name("gone"))
    shutil.rmtree(store.with_name("gone"))
    await shop.register()
    await operator.sees(lost, "identity")
    await operator.sees(lost, "notifications")
    await operator.repairs(lost, "restart", "nats")
    await all_is_published(operator, "identity")


async def test_a_stream_is_empty_and_was_not(operator: Operator, broker: Broker):
    """Its publisher is frozen, and publishes it again when it goes on."""
    empty = row("of NATS is empty and was not")
    with operator.frozen(operator.stack.services["catalog"]):
        await broker.js.purge_stream("CATALOG")
        await operator.sees(empty, "sales")
    await operator.is_well()
    assert (await broker.js.stream_info("CATALOG")).state.messages > 0


async def test_events_were_missed(operator: Operator, shop: Shop, product, broker: Broker):
    """Somebody deletes one before tickets has heard it."""
    customer, tickets = await shop.register(), operator.stack.services["tickets"]
    await shop.sell(await shop.register(), product)
    await operator.is_well()
    with operator.away(tickets):
        sale = await shop.sell(customer, product)
        stored = await broker.stored("SALES", f"sales.sale-recorded.v1.{sale['id']}")
        assert stored.seq
        await broker.js.delete_msg("SALES", stored.seq)
    await operator.is_well()
    assert await owned(customer) == []

    await operator.repairs(row("has missed events"), "republish", "sales")

    async def is_owned() -> None:
        assert await owned(customer) == [sale["serial_number"]]

    await eventually(is_owned)


async def owned(customer: Account) -> list[str]:
    found = await customer.get("/api/tickets/owned-products")
    return [each["serial_number"] for each in found["owned_products"]]


async def test_a_right_is_lost(operator: Operator, shop: Shop):
    """NATS reads a configuration of another version."""
    forbidden, nats = row("NATS does not let"), operator.stack.nats
    ours = nats.file.read_text()
    for right in ("identity.>", "$JS.API.CONSUMER.MSG.NEXT.IDENTITY.sales"):
        assert f'"{right}"' in ours, ours
    changed = ours.replace('"identity.>"', '"elsewhere.>"')
    changed = changed.replace("MSG.NEXT.IDENTITY.sales", "MSG.NEXT.IDENTITY.elsewhere")
    nats.file.write_text(changed)
    assert nats.pid is not None
    os.kill(nats.pid, signal.SIGHUP)
    await shop.register()
    line = await operator.sees(forbidden, "identity")
    assert line.startswith("relay: NATS does not let this service publish")
    line = await operator.sees(forbidden, "sales")
    assert line.startswith("consumer IDENTITY: NATS does not let this service read")
    await operator.repairs(forbidden, "restart", "nats")
    await all_is_published(operator, "identity")


async def test_a_durable_is_deleted(operator: Operator, shop: Shop, broker: Broker):
    made_again = row("durable_made_again")
    assert made_again.todo.startswith("nothing")
    before = len(operator.log("sales"))
    await broker.js.delete_consumer("IDENTITY", "sales")
    await operator.finds_in_log("durable_made_again", "sales", since=before)
    await shop.register()
    await broker.is_heard("IDENTITY", "sales")
