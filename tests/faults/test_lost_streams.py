"""NATS loses its store while a listener is behind: all of it is published again, by itself."""

import asyncio
import json
import os
import signal
from collections import defaultdict
from collections.abc import AsyncGenerator
from typing import Any

import psycopg
import pytest

from chassis.data import provisioning
from contracts.topology import PUBLISHERS, stream_name
from faults.broker import administered, delete_store
from faults.lists import all_of
from local.launcher.stack import Stack
from local.launcher.watching import condition
from shop import Account, Shop, new_sale
from waiting import eventually

GONE = "NATS has lost the files of its stream"


@pytest.fixture
async def behind(stack: Stack, shop: Shop) -> AsyncGenerator[Stack]:
    """Tickets is away, and hears nothing of what happens meanwhile."""
    await asyncio.to_thread(stack.services["tickets"].stop)
    yield stack
    await start_tickets(stack)


async def start_tickets(stack: Stack) -> None:
    tickets = stack.services["tickets"]
    if not tickets.is_alive():
        tickets.start()
        await asyncio.to_thread(tickets.wait_for, tickets.is_ready, 60)
        await asyncio.to_thread(stack.gateway.wait_for, stack.routes_to_all, 60)


async def test_what_was_lost_with_the_store_reaches_tickets_after_a_restart(
    behind: Stack, shop: Shop, seller: Account, customer: Account, product
):
    """Of NATS, as `down` and `up` do it; what is sold before the streams are made comes after."""
    sales = [await shop.sell(customer, product, seller=seller) for _ in range(3)]
    await eventually(lambda: all_is_published(behind))

    await asyncio.to_thread(behind.nats.stop)
    delete_store(behind)
    behind.nats.start()
    behind.nats.wait_for(behind.nats.is_ready, 60)
    sales.append(await eventually(lambda: recorded(seller, new_sale(customer, product))))
    await eventually(lambda: says(behind, "notifications", "NATS has no stream SALES"))
    await asyncio.to_thread(behind.set_up_streams)
    sales.append(await eventually(lambda: recorded(seller, new_sale(customer, product))))

    await start_tickets(behind)
    await eventually(lambda: owns(customer, sales), seconds=60)
    await eventually(lambda: all_is_well(behind), seconds=60)
    await eventually(lambda: is_whole(behind))


async def test_a_store_that_is_deleted_while_nats_runs_is_reported_and_outlived(
    behind: Stack, shop: Shop, seller: Account, customer: Account, product, supervisor
):
    """NATS goes on from memory, as if nothing had happened, and forgets all when it ends."""
    sales = [await shop.sell(customer, product, seller=seller) for _ in range(2)]
    await eventually(lambda: all_is_published(behind))

    delete_store(behind)
    for service in (*(each for each in PUBLISHERS if each != "tickets"), "notifications"):
        await eventually(lambda service=service: says(behind, service, GONE))
    sales.append(await shop.sell(customer, product, seller=seller))

    assert behind.nats.pid is not None
    os.kill(behind.nats.pid, signal.SIGKILL)  # the launcher starts it again, and makes its streams
    await start_tickets(behind)
    await eventually(lambda: owns(customer, sales), seconds=60)
    await eventually(lambda: all_is_well(behind), seconds=60)
    await eventually(lambda: is_whole(behind))


async def recorded(seller: Account, sale: Any) -> Any:
    answer = await seller.call("POST", "/api/sales", sale, key=sale["serial_number"])
    assert answer.status_code == 201, answer.text
    return answer.json()


async def owns(customer: Account, sales: list[Any]) -> None:
    """All of these, each once, and nothing else."""
    found = await all_of(customer, "/api/tickets/owned-products?limit=50", "owned_products")
    assert serials(found) == serials(sales)


def serials(sales: list[Any]) -> list[str]:
    return sorted(sale["serial_number"] for sale in sales)


async def all_is_published(stack: Stack) -> None:
    for service in PUBLISHERS:
        assert not published(stack, service)[1], f"{service} has not published all"


def published(stack: Stack, service: str) -> tuple[list[str], list[str]]:
    """The ids of the events that the stream holds by the outbox, and of those that wait."""
    with psycopg.connect(provisioning.on_database(stack.server_url, service)) as connection:
        rows = connection.execute(
            "SELECT event_id::text, published_at IS NOT NULL FROM messaging.outbox"
        ).fetchall()
    return [each for each, stored in rows if stored], [each for each, stored in rows if not stored]


def health(stack: Stack, service: str) -> condition.Condition:
    return condition.of_process(stack, stack.services[service], None)


async def says(stack: Stack, service: str, what: str) -> None:
    """In readiness, and so in `status`."""
    reasons = health(stack, service).reasons
    assert any(what in reason for reason in reasons), reasons


async def all_is_well(stack: Stack) -> None:
    for service in stack.services:
        found = health(stack, service)
        assert found.ready, service
        assert not found.reasons, (service, found.reasons)


async def is_whole(stack: Stack) -> None:
    """Each stream holds each event of its outbox once, and versions in their order."""
    async with administered(stack) as broker:
        for service in PUBLISHERS:
            await eventually(lambda: all_is_published(stack))
            ids, versions = [], defaultdict[str, list[int]](list)
            last = (await broker.js.stream_info(stream_name(service))).state.last_seq
            for number in range(1, last + 1):
                message = await broker.js.get_msg(stream_name(service), number)
                event = json.loads(message.data or b"{}")
                ids.append(event["id"])
                if "aggregateversion" in event:
                    versions[event["subject"]].append(event["aggregateversion"])
            assert sorted(ids) == sorted(published(stack, service)[0]), service
            for subject, found in versions.items():
                assert found == sorted(found), f"{subject} of {service}: {found}"
