"""Parts die at random moments under people who write: what was acknowledged is there, once."""

import asyncio
import os
import random
import signal
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest
from nats.js.errors import NotFoundError

from chassis.data import provisioning
from chassis.messaging import streams
from chassis.messaging.streams import ACK_SECONDS
from contracts.topology import CONTEXTS, LISTENINGS, PUBLISHERS, stream_name
from faults.broker import Broker, administered, delete_store
from faults.writers import Operation, Record, opens, pages, stories
from local.launcher.machine.processes import Process
from local.launcher.stack import Stack
from streams import browser_at
from waiting import all_ready, eventually

AT_WORK = 4  # customers, each in stories of their own
COPIES = {"sales": "known_customers", "tickets": "people", "notifications": "people"}
BREATH_SECONDS = (0.3, 1.5)  # from one fault to the next: parts are still starting


@pytest.mark.timeout(400)  # a minute's work, where nothing else is at work
async def test_whatever_dies_every_acknowledged_write_is_there_once(
    request, stack, shop, seller, technician, product, supervisor, record_property
):
    seed = int(os.environ.get("GUICHET_FAULTS_SEED") or random.randrange(1_000_000))
    request.node.add_report_section("call", "faults", f"GUICHET_FAULTS_SEED={seed} repeats them")
    record = Record()
    customers = [await shop.register() for _ in range(AT_WORK)]
    reader = await shop.register("Odile", "Lit")
    for each in (*customers, reader, seller, technician):
        await each.session()  # before anything dies; their tokens are exchanged meanwhile
    bought = await shop.sell(reader, product, seller=seller)
    record.begins("sale", bought["serial_number"]).ends("acknowledged", bought)
    number = await opens(record, reader, bought["id"])
    try:
        async with browser_at(shop.public_url, reader) as browser, asyncio.TaskGroup() as work:
            for each in customers:
                work.create_task(stories(record, seller, technician, each, product))
            work.create_task(pages(record, browser, number))
            await faults(stack, random.Random(seed))
            record.is_over = True
    finally:
        for process in stack.processes:
            send(process, signal.SIGCONT)
    await all_ready(stack.processes)
    bought_by = [each.id for each in (*customers, reader)]
    # What was in the hands of who was killed comes again after the ack wait.
    await eventually(lambda: all_is_heard(stack, bought_by), seconds=ACK_SECONDS + 60, pause=0.5)

    assert record.complaints == [], f"seed {seed}"
    await asyncio.to_thread(compare, stack, record, bought_by)
    counted = ", ".join(f"{count} {what}" for what, count in record.counted.items())
    record_property("counted", f"faults, seed {seed}: {counted}")


# --- What happens to the parts -------------------------------------------------------------------


async def faults(stack: Stack, chance: random.Random) -> None:
    """Each kind once, in any order; the supervisor starts again what has ended.

    A stream that is lost is either deleted, or goes with the store of NATS.
    """

    async def nats_is_killed() -> None:
        send(stack.nats, signal.SIGKILL)

    async def every_durable_is_deleted() -> None:
        await all_ready([stack.nats])
        async with administered(stack) as broker:
            for each in LISTENINGS:
                with suppress(NotFoundError):  # with its stream
                    await broker.js.delete_consumer(stream_name(each.to), each.service)

    async def a_stream_is_deleted() -> None:
        await all_ready([stack.nats])
        async with administered(stack) as broker:
            with suppress(NotFoundError):  # with the store
                await broker.js.delete_stream(stream_name(chance.choice(PUBLISHERS)))
        await asyncio.sleep(chance.uniform(0.5, 2))
        await eventually(lambda: messaging_is_set_up(stack))

    async def the_store_of_nats_is_deleted() -> None:
        await all_ready([stack.nats])
        delete_store(stack)
        send(stack.nats, signal.SIGKILL)

    async def web_is_killed() -> None:
        send(stack.services["web"], signal.SIGKILL)

    async def a_relay_is_frozen() -> None:
        await frozen(stack.services[chance.choice(PUBLISHERS)], chance.uniform(1, 3))

    async def identity_hangs() -> None:
        await frozen(stack.services["identity"], chance.uniform(2, 4))

    async def a_service_is_killed() -> None:
        send(stack.services[chance.choice(["sales", "tickets"])], signal.SIGKILL)

    async def who_sends_mail_is_killed() -> None:
        send(stack.services["notifications"], signal.SIGKILL)

    async def postgresql_is_started_again() -> None:
        assert stack.postgres
        stack.postgres.ask_to_stop()

    kinds: list[Callable[[], Awaitable[None]]] = [
        nats_is_killed, every_durable_is_deleted, a_relay_is_frozen, identity_hangs,
        a_service_is_killed, who_sends_mail_is_killed, postgresql_is_started_again, web_is_killed,
        chance.choice([a_stream_is_deleted, the_store_of_nats_is_deleted]),
    ]  # fmt: skip
    chance.shuffle(kinds)
    for fault in kinds:
        await asyncio.sleep(chance.uniform(*BREATH_SECONDS))
        await fault()
    await asyncio.sleep(BREATH_SECONDS[1])


async def messaging_is_set_up(stack: Stack) -> None:
    """As `run --rm messaging` and `restart nats` do it."""
    try:
        await asyncio.to_thread(stack.set_up_streams)
    except streams.TROUBLE as trouble:
        raise AssertionError(f"no streams can be made: {trouble!r}") from trouble


def send(process: Process, sign: signal.Signals) -> None:
    if process.running and process.is_alive():
        process.running.send_signal(sign)


async def frozen(process: Process, seconds: float) -> None:
    send(process, signal.SIGSTOP)
    await asyncio.sleep(seconds)
    send(process, signal.SIGCONT)


# --- What is there in the end, read past the services --------------------------------------------


def rows(stack: Stack, service: str, query: str, *values: Any) -> list[Any]:
    with psycopg.connect(provisioning.on_database(stack.server_url, service)) as connection:
        return connection.execute(query.encode(), values).fetchall()


async def all_is_heard(stack: Stack, customers: list[str]) -> None:
    for service in PUBLISHERS:
        query = "select count(*) from messaging.outbox where published_at is null"
        [[waiting]] = await asyncio.to_thread(rows, stack, service, query)
        assert waiting == 0, f"{waiting} events of {service} are not published"
    async with administered(stack) as broker:
        await each_event_is_stored_once(stack, broker, customers)
        for each in LISTENINGS:
            try:
                known = await broker.js.consumer_info(stream_name(each.to), each.service)
            except NotFoundError as missing:
                raise AssertionError(f"{each} has no durable yet") from missing
            assert (known.num_pending, known.num_ack_pending) == (0, 0), f"{each} has not heard all"


def compare(stack: Stack, record: Record, customers: list[str]) -> None:
    """Each write once, nothing that nobody asked for, nothing half, and every copy as its source."""
    sold = rows(
        stack, "sales",
        "select id::text, customer_id, serial_number, product_id, cancelled_at is not null"
        " from sales where customer_id = any(%s::uuid[]) order by id", customers,
    )  # fmt: skip
    is_what_was_asked(record, "sale", [serial for _, _, serial, *_ in sold])
    acknowledged = record.marks("sale", "acknowledged")
    assert {each.answer["id"] for each in acknowledged.values()} <= {id for id, *_ in sold}
    owned = rows(
        stack, "tickets",
        "select sale_id::text, customer_id, serial_number, product_id, cancelled"
        " from owned_products where customer_id = any(%s::uuid[]) order by sale_id", customers,
    )  # fmt: skip
    assert owned == sold
    assert decided(stack, "sales", customers) == {id: 1 for id, *_ in sold}

    written = rows(
        stack, "tickets",
        "select number, text from tickets join messages on ticket_id = tickets.id"
        " where tickets.customer_id = any(%s::uuid[]) order by position", customers,
    )  # fmt: skip
    is_what_was_asked(record, "text", [text for _, text in written])
    is_in_order(record, written)
    requests = rows(
        stack, "tickets",
        "select number, id, customer_id, status = 'resolved', visible_version from tickets"
        " where customer_id = any(%s::uuid[]) order by number", customers,
    )  # fmt: skip
    resolved = [number for number, _, _, resolved, _ in requests if resolved]
    is_what_was_asked(record, "resolution", [str(number) for number in resolved])
    events = Counter([number for number, _ in written] + resolved)
    assert decided(stack, "tickets", customers) == {str(id): events[n] for n, id, *_ in requests}
    known = rows(
        stack, "notifications",
        "select number, id, customer_id, resolved_by is not null, customer_version"
        " from tickets where customer_id = any(%s::uuid[]) order by number", customers,
    )  # fmt: skip
    assert [each[:4] for each in known] == [each[:4] for each in requests]

    people = rows(
        stack, "identity",
        "select id, version, first_name, last_name from accounts where role = 'customer' order by id",
    )  # fmt: skip
    for service, table in COPIES.items():
        query = f"select id, version, first_name, last_name from {table} order by id"
        copied = [each for each in rows(stack, service, query) if each in people]
        assert copied == people, service
    for service in CONTEXTS:
        assert rows(stack, service, "select subject, error from messaging.dead_letters") == []


def is_what_was_asked(record: Record, kind: str, found: list[str]) -> None:
    """All that was acknowledged, once; of what nobody knows some, once; and nothing else."""
    assert len(found) == len(set(found)), f"twice: {Counter(found).most_common(3)}"
    acknowledged = record.marks(kind, "acknowledged").keys()
    assert acknowledged <= set(found), f"{kind} lost: {acknowledged - set(found)}"
    possible = acknowledged | record.marks(kind, "unknown").keys()
    assert set(found) <= possible, f"{kind} refused, or never asked for: {set(found) - possible}"


def is_in_order(record: Record, written: list[tuple[int, str]]) -> None:
    """Of one request, what had been acknowledged before another text was sent stands before it."""
    operations = record.marks("text", "acknowledged", "unknown")
    latest: dict[int, Operation] = {}  # that began last, of those read so far
    for number, text in written:
        this = operations[text]
        assert number == (this.answer or {}).get("number", number)
        last = latest.setdefault(number, this)
        assert this.ended >= last.began, f"{number}: {this} stands behind {last}"
        latest[number] = max(last, this, key=lambda each: each.began)


def decided(stack: Stack, service: str, customers: list[str]) -> dict[str, int]:
    """How many events the outbox holds about each sale or request of these customers."""
    ours = f"select id::text from {service} where customer_id = any(%s::uuid[])"
    query = (
        "select right(subject, 36), count(*) from messaging.outbox"
        f" where right(subject, 36) in ({ours}) group by 1"
    )
    return dict(rows(stack, service, query, customers))


async def each_event_is_stored_once(stack: Stack, broker: Broker, customers: list[str]) -> None:
    """Of what these customers bought and asked, as often as it was decided."""
    for service in ("sales", "tickets"):
        ours = await asyncio.to_thread(decided, stack, service, customers)
        try:
            stored = await broker.js.stream_info(stream_name(service), subjects_filter=">")
        except NotFoundError as missing:
            raise AssertionError(f"{service} has no stream yet") from missing
        found = Counter[str]()
        for subject, count in (stored.state.subjects or {}).items():
            if (id := subject[-36:]) in ours:
                found[id] += count
        assert ours
        assert found == ours
