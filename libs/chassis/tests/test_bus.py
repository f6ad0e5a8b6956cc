"""From the outbox through JetStream into the inbox, on a real database and a real broker."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import groupby, pairwise
from typing import Any

import nats
import nats.errors
import psycopg
import pytest
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import PubAck
from nats.js.errors import APIError, NotFoundError
from pydantic import SecretStr
from sqlalchemy import func, select, text, update
from sqlalchemy.exc import OperationalError

from chassis import service
from chassis.data.database import Database
from chassis.data.writing import flush_pending
from chassis.messaging import bus, dead_letters, streams
from chassis.messaging.bus import Consumer, Delivery, Relay, Subscriptions
from chassis.messaging.bus.pulling import Pull
from chassis.messaging.bus.relay import RELAY_LOCK
from chassis.messaging.outbox import DeadLetter, InboxMessage, KnownStream, OutboxMessage, publish
from chassis.monitoring import health
from chassis.outages import describe
from chassis.settings import ServiceSettings
from chassis.testing import deliver, nats_server, somebody_waits, wrap
from contracts.event import Event
from contracts.topology import Listening
from local.launcher.machine.processes import free_port
from local.launcher.machine.servers import Broker


class Numbered(Event, type="numbers.numbered.v1", subject="aggregate"):
    aggregate: str
    number: int


LISTENING = Listening("listener", "numbers", (Numbered.type,))


@pytest.fixture
async def js() -> AsyncGenerator[JetStreamContext]:
    """The stream NUMBERS, empty, with the durable of `listener` at its beginning."""
    broker = await nats.connect(nats_server())
    js = broker.jetstream()
    with suppress(NotFoundError):
        await js.delete_stream("NUMBERS")
    await streams.ensure_stream(js, "numbers")
    await streams.ensure_durable(js, "NUMBERS", LISTENING.service, LISTENING.types)
    yield js
    await broker.close()


async def eventually(condition: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not await condition():
        assert asyncio.get_running_loop().time() < deadline, "not met in time"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def running(*loops: Awaitable[None]) -> AsyncGenerator[None]:
    tasks = [asyncio.ensure_future(loop) for loop in loops]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def relay_of(database: Database, js: JetStreamContext, poll: float = 30) -> Relay:
    dsn = database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    return Relay(dsn, js, "NUMBERS", poll)


def consumer_of(
    database: Database, js: JetStreamContext, subscriptions: Subscriptions, retries=(0.05, 0.05)
) -> Consumer:
    return Consumer(LISTENING, subscriptions, database, js, retries=retries)


async def announce(database: Database, *numbers: int, aggregate: str = "a") -> None:
    async with database.transaction() as session:
        for number in numbers:
            publish(session, Numbered(aggregate=aggregate, number=number))


async def count(database: Database, table: type) -> int:
    async with database.transaction() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


class Seen(Subscriptions):
    """Remembers the numbers it handled, and when; fails on those it is told to."""

    def __init__(self, fails: dict[int, Exception] | None = None) -> None:
        super().__init__()
        self.numbers: list[int] = []
        self.attempts: list[int] = []
        self.moments: list[float] = []
        self.fails = fails or {}

        @self.on(Numbered)
        async def handle(session, event: Numbered) -> None:
            self.attempts.append(event.number)
            self.moments.append(time.monotonic())
            if event.number in self.fails:
                raise self.fails[event.number]
            self.numbers.append(event.number)


async def test_events_arrive_in_order_and_a_poisoned_one_becomes_a_dead_letter(database, js):
    seen = Seen(fails={3: ValueError("poison")})
    await announce(database, 1, 2, 3, 4, 5)

    consumer = consumer_of(database, js, seen, retries=(0.05, 0.5))
    async with running(relay_of(database, js).run(), consumer.run()):

        async def is_dead_letter() -> bool:
            return await count(database, DeadLetter) == 1

        await eventually(is_dead_letter)

    assert list(dict.fromkeys(seen.numbers)) == [1, 2, 4, 5]
    # Each of the three deliveries is tried in its batch, then alone.
    tries = [at for at, n in zip(seen.moments, seen.attempts, strict=True) if n == 3]
    assert len(tries) == 3 * 2
    assert tries[2] - tries[1] >= 0.05
    assert tries[4] - tries[3] >= 0.5
    assert await count(database, InboxMessage) == 4
    [dead_letter] = await dead_letters.all_dead_letters(database)
    assert dead_letter.error == "ValueError: poison"
    assert dead_letter.attempts == 3


async def test_a_dead_letter_can_be_handled_again_or_dropped(database, js):
    seen = Seen(fails={number: ValueError("poison") for number in (1, 2, 3)})
    await announce(database, 1, 2, 3)
    async with running(relay_of(database, js).run(), consumer_of(database, js, seen, ()).run()):

        async def is_dead_letter() -> bool:
            return await count(database, DeadLetter) == 3

        await eventually(is_dead_letter)
    first, second, third = await dead_letters.all_dead_letters(database)

    assert await dead_letters.retry(database, seen, "listener", first.id) == (
        "failed: ValueError: poison"
    )
    seen.fails.clear()
    assert await dead_letters.retry(database, seen, "listener", first.id) == "handled"
    assert await dead_letters.retry(database, seen, "listener", first.id) == "not there"
    assert await dead_letters.drop(database, second.id)
    async with database.transaction() as session:  # somebody else has it in hand
        taken = await session.get(DeadLetter, third.id, with_for_update=True)
        retrying = asyncio.create_task(dead_letters.retry(database, seen, "listener", third.id))
        await eventually(lambda: somebody_waits(database))
        await session.delete(taken)
    assert await retrying == "not there"

    assert await count(database, DeadLetter) == 0
    assert seen.numbers == [1]


async def test_a_commit_wakes_the_relay_at_once(database, js):
    async with running(relay_of(database, js, poll=60).run()):
        await asyncio.sleep(0.3)
        await announce(database, 1)

        async def stored() -> bool:
            return (await js.stream_info("NUMBERS")).state.messages == 1

        await eventually(stored)


async def test_a_rolled_back_transaction_announces_nothing(database, js):
    async def fails_after_publishing() -> None:
        async with database.transaction() as session:
            publish(session, Numbered(aggregate="a", number=1))
            await flush_pending(session)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fails_after_publishing()
    assert await count(database, OutboxMessage) == 0


async def test_an_event_sent_twice_is_stored_once(database, js):
    await announce(database, 1)
    for _ in range(2):
        async with database.transaction() as session:
            await session.execute(update(OutboxMessage).values(published_at=None))
        async with running(relay_of(database, js).run()):

            async def marked() -> bool:
                async with database.transaction() as session:
                    return await session.scalar(select(OutboxMessage.published_at)) is not None

            await eventually(marked)
    assert (await js.stream_info("NUMBERS")).state.messages == 1


async def test_many_are_sent_at_once_and_none_comes_before_one_that_failed(
    database, js, monkeypatch
):
    publish_there, seen, sent = js.publish, Seen(), []

    async def fail_once(subject: str, body: bytes, **more: Any) -> PubAck:
        sent.append(subject)
        if len(sent) in {30, 90}:
            raise TimeoutError
        return await publish_there(subject, body, **more)

    monkeypatch.setattr(js, "publish", fail_once)
    await announce(database, *range(120))
    async with running(relay_of(database, js).run(), consumer_of(database, js, seen).run()):

        async def all_heard() -> bool:
            return len(seen.numbers) >= 120

        await eventually(all_heard)
        await eventually(marked(database, 120))
    assert seen.numbers == list(range(120))
    async with database.reading() as reader:
        stored = await reader.scalars(
            select(OutboxMessage.stored_as).order_by(OutboxMessage.position)
        )
    assert stored == list(range(1, 121))


async def test_the_late_end_of_one_request_for_events_ends_no_other(js, monkeypatch):
    monkeypatch.setattr("chassis.messaging.bus.pulling.LATE_SECONDS", -0.2)
    pull = Pull(js._nc, "NUMBERS", LISTENING.service)
    await pull.open()
    with pytest.raises(TimeoutError):
        await pull.wait(100, 0.5)  # and does not wait to be told that it is over
    waiting = asyncio.create_task(pull.wait(100, 30))
    await asyncio.sleep(0.5)  # it is told now
    await js.publish(f"{Numbered.type}.a", b"{}")
    await waiting
    assert [message.data for message in pull.take(100)] == [b"{}"]
    assert await pull.close() == []


async def test_a_request_that_brought_something_is_followed_by_another_when_it_ends(js):
    pull = Pull(js._nc, "NUMBERS", LISTENING.service)
    await pull.open()
    await js.publish(f"{Numbered.type}.a", b"{}")
    await pull.wait(100, 0.5)
    assert len(pull.take(100)) == 1
    with pytest.raises(TimeoutError):  # nothing in the whole time of the next one
        await pull.wait(100, 0.5)
    assert pull.request == 2
    assert await pull.close() == []


async def test_only_one_replica_relays_and_another_takes_over(database, js):
    first = asyncio.create_task(relay_of(database, js).run())
    await asyncio.sleep(0.3)
    second = asyncio.create_task(relay_of(database, js).run())
    await announce(database, *range(50))

    async def stored() -> bool:
        return (await js.stream_info("NUMBERS")).state.messages == 50

    await eventually(stored)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await announce(database, 50)

    async def taken_over() -> bool:
        return (await js.stream_info("NUMBERS")).state.messages == 51

    await eventually(taken_over)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)


async def received(broker: Client, what: str, least: int) -> None:
    """Returns in the very turn of the loop in which that many have come."""
    while broker.stats[what] < least:  # noqa: ASYNC110 - nobody else would tell
        await asyncio.sleep(0)


async def test_a_relay_is_stopped_even_while_the_broker_answers(database, js):
    await announce(database, *range(200))
    broker = await nats.connect(nats_server())
    relay = asyncio.create_task(relay_of(database, broker.jetstream()).run())
    await received(broker, "in_msgs", 1)
    relay.cancel()
    _, unstoppable = await asyncio.wait([relay], timeout=30)
    await broker.close()
    assert not unstoppable


async def test_a_duplicate_delivery_changes_nothing(database):
    seen = Seen()
    envelope = wrap(Numbered(aggregate="a", number=1))

    assert await deliver(database, seen, envelope) == 1
    assert await deliver(database, seen, envelope) == 0
    assert await deliver(database, seen, envelope, envelope) == 0
    assert seen.numbers == [1]


async def test_a_batch_is_handled_aggregate_by_aggregate_each_in_the_order_of_its_stream(database):
    seen = Seen()
    deliveries = [
        Delivery(wrap(Numbered(aggregate=aggregate, number=position)), "NUMBERS", position)
        for aggregate, position in (("b", 4), ("a", 3), ("b", 2), ("a", 1))
    ]
    async with database.transaction() as session:
        assert await bus.deliver(session, seen, "listener", deliveries) == 4
    assert seen.numbers == [1, 3, 2, 4]


async def test_two_replicas_with_the_same_events_never_wait_for_each_other(database):
    """Each has its inbox rows in the order of the events' ids, however they were handed over."""
    first, second = sorted(
        (wrap(Numbered(aggregate="a", number=number)) for number in (1, 2)),
        key=lambda envelope: envelope.id,
    )
    async with database.transaction() as session:
        for position, envelope in enumerate((first, second)):
            if position == 1:
                other = asyncio.create_task(deliver(database, Seen(), second, first))
                await eventually(lambda: somebody_waits(database))
            session.add(
                InboxMessage(
                    consumer="test", event_id=envelope.id, stream="TEST", position=position
                )
            )
            await session.flush()
    assert await other == 0


async def test_a_handler_that_fails_leaves_neither_effect_nor_inbox_row(database):
    seen = Seen(fails={2: ValueError("poison")})
    with pytest.raises(ValueError, match="poison"):
        await deliver(
            database,
            seen,
            Numbered(aggregate="a", number=1),
            Numbered(aggregate="a", number=2),
        )
    assert await count(database, InboxMessage) == 0


async def test_trouble_of_the_database_is_not_held_against_the_event(database, js, monkeypatch):
    """Nor is it handed to somebody else meanwhile, though it lasts longer than the ack wait."""
    monkeypatch.setattr(streams, "ACK_SECONDS", 4)
    await js.delete_consumer("NUMBERS", LISTENING.service)
    await streams.ensure_durable(js, "NUMBERS", LISTENING.service, LISTENING.types)
    seen = Seen(fails={1: OperationalError("select", {}, Exception("deadlock detected"))})
    await announce(database, 1)
    async with running(relay_of(database, js).run(), consumer_of(database, js, seen, ()).run()):

        async def tried() -> bool:
            return len(seen.attempts) >= 2  # in its batch, then every second

        await eventually(tried)
        other = Seen()
        async with running(consumer_of(database, js, other, ()).run()):
            await asyncio.sleep(4.5)
        assert other.attempts == []
        seen.fails.clear()

        async def handled() -> bool:
            return seen.numbers == [1]

        await eventually(handled)
    assert await count(database, DeadLetter) == 0


async def test_what_is_not_an_event_becomes_a_dead_letter_too(database, js):
    await js.publish("numbers.numbered.v1.x", b'{"not": "an event", "nul": "\x00"}')
    async with running(consumer_of(database, js, Seen(), ()).run()):

        async def is_dead_letter() -> bool:
            return await count(database, DeadLetter) == 1

        await eventually(is_dead_letter)
    [dead_letter] = await dead_letters.all_dead_letters(database)
    assert dead_letter.event_id is None


async def test_the_outbox_is_ordered_by_its_position(database, js):
    await announce(database, 3, 1, 2)
    async with running(relay_of(database, js).run()):

        async def stored() -> bool:
            return (await js.stream_info("NUMBERS")).state.messages == 3

        await eventually(stored)
    async with database.transaction() as session:
        bodies = (
            await session.scalars(text("SELECT body FROM messaging.outbox ORDER BY position"))
        ).all()
    stored_bodies = [(await js.get_msg("NUMBERS", seq)).data.decode() for seq in (1, 2, 3)]
    assert stored_bodies == list(bodies)


@pytest.fixture
async def full(tmp_path) -> AsyncGenerator[JetStreamContext]:
    """A broker with room for a few events, and none left."""
    port = free_port()
    config = (
        f'listen: "127.0.0.1:{port}"\n'
        f'jetstream {{ store_dir: "{tmp_path}/nats", max_file_store: 20KB }}'
    )
    broker = Broker(tmp_path / "nats", port, config=config)
    broker.start()
    broker.wait_for(broker.is_ready, 60)
    connection = await nats.connect(broker.url)
    js = connection.jetstream()
    await streams.ensure_stream(js, "numbers")
    with suppress(APIError):
        while True:
            await js.publish("numbers.numbered.v1.filling", b"x" * 1_000)
    yield js
    await connection.close()
    broker.stop()


async def test_a_full_store_is_reported_once_until_it_is_over(database, full, monkeypatch):
    relay, moments, publish_there = relay_of(database, full, poll=0.1), [], full.publish

    async def noted(*words: Any, **more: Any) -> PubAck:
        moments.append(time.monotonic())
        return await publish_there(*words, **more)

    monkeypatch.setattr(full, "publish", noted)
    await announce(database, 1)
    with structlog.testing.capture_logs() as logs:
        async with running(relay.run()):

            async def is_reported() -> bool:
                return relay.loop.trouble is not None

            await eventually(is_reported)
            reason = relay.loop.trouble or ""
            assert reason.startswith("NATS has no room for more events (")
            assert reason.endswith("make room on its disk or raise the limits of its store")

            async def tried_again() -> bool:
                return len(moments) >= 3

            await eventually(tried_again)
            await full.purge_stream("NUMBERS")

            async def stored() -> bool:
                return (await full.stream_info("NUMBERS")).state.messages == 1

            await eventually(stored)
            await eventually(untroubled(relay))
    assert [line["event"] for line in logs] == ["loop_stuck", "loop_goes_on"]
    pauses = [later - sooner for sooner, later in pairwise(moments)]
    assert len(pauses) >= 3
    assert all(pause >= 0.2 * 2**number for number, pause in enumerate(pauses))


def untroubled(relay: Relay | Consumer) -> Callable[[], Awaitable[bool]]:
    async def is_untroubled() -> bool:
        return relay.loop.trouble is None

    return is_untroubled


async def test_a_table_that_somebody_holds_is_reported(database, js, monkeypatch):
    monkeypatch.setattr("chassis.messaging.bus.relay.LOCK_LIMIT", "-c lock_timeout=100ms")
    relay = relay_of(database, js)
    async with AsyncExitStack() as stack:
        async with database.transaction() as somebody:
            await somebody.execute(text("LOCK TABLE messaging.streams IN ACCESS EXCLUSIVE MODE"))
            await stack.enter_async_context(running(relay.loop.run(relay.run, describe)))

            async def is_reported() -> bool:
                return "somebody holds a table" in (relay.loop.trouble or "")

            await eventually(is_reported)
        await eventually(untroubled(relay))


async def test_republishing_from_tables_has_no_short_timeout(database):
    limits = []

    async def from_tables(session):
        limits.append(await session.scalar(text("SHOW statement_timeout")))
        for nothing in ():
            yield nothing

    settings = settings_of("numbers", database, nats_server())
    assert await service.Bus(settings, Subscriptions(), database, from_tables).publish_again() == 0
    assert limits == ["30min"]


async def test_a_full_disk_is_reported_until_there_is_room_and_nats_is_started_again(
    database, tmp_path, monkeypatch
):
    """Where it cannot write, NATS answers nothing to who publishes, room or not."""
    monkeypatch.setattr("chassis.messaging.bus.relay.PUBLISH_SECONDS", 0.5)
    monkeypatch.setattr(service, "PUBLISHERS", ["numbers"])
    broker = Broker(tmp_path / "nats", free_port())
    broker.prefix = ["sh", "-c", 'ulimit -f 200; exec "$@"', "sh"]  # no greater files than that
    broker.start()
    broker.wait_for(broker.is_ready, 60)
    connection = await bus.connect(broker.url, "", "")
    js = connection.jetstream()
    await streams.ensure_stream(js, "numbers")
    with suppress(nats.errors.TimeoutError):
        while True:
            await js.publish("numbers.numbered.v1.filling", b"x" * 10_000, timeout=1)
    stored = (await js.stream_info("NUMBERS")).state.messages

    bus_of_numbers = service.Bus(
        settings_of("numbers", database, broker.url), Subscriptions(), database
    )
    await announce(database, 1)
    try:
        async with running(bus_of_numbers.run()):

            async def is_reported() -> bool:
                return any(
                    "whether its disk is full" in (each.state() or "")
                    for each in bus_of_numbers.loops()
                )

            await eventually(is_reported)
            broker.stop()
            broker.prefix = []
            broker.start()
            broker.wait_for(broker.is_ready, 60)

            async def is_well() -> bool:
                states = [
                    await bus_of_numbers.state(),
                    *(each.state() for each in bus_of_numbers.loops()),
                ]
                return states == [None] * 2

            await eventually(is_well)
        assert (await js.stream_info("NUMBERS")).state.messages == stored + 1
    finally:
        await connection.close()
        broker.stop()


async def test_a_stream_that_nobody_made_is_reported(database, js):
    await js.delete_stream("NUMBERS")
    relay = relay_of(database, js)
    await announce(database, 1)
    async with running(relay.loop.run(relay.run)):

        async def is_reported() -> bool:
            return relay.loop.trouble == (
                "NATS has no stream for these events: have messaging set up again"
            )

        await eventually(is_reported)


@pytest.fixture
def often(monkeypatch) -> None:
    """Publishers and listeners look how their streams are five times a second."""
    for seconds in (
        "relay.LOOK",
        "relay.RENEW",
        "consumer.LOOK",
        "consumer.FETCH",
        "consumer.QUIET",
    ):
        monkeypatch.setattr(f"chassis.messaging.bus.{seconds}_SECONDS", 0.2)


async def stored_numbers(js: JetStreamContext) -> list[int]:
    """What the stream holds, in its order."""
    state = (await js.stream_info("NUMBERS")).state
    held = range(state.first_seq, state.last_seq + 1) if state.messages else ()
    messages = [await js.get_msg("NUMBERS", at) for at in held]
    return [json.loads(message.data or b"{}")["data"]["number"] for message in messages]


@pytest.mark.usefixtures("often")
@pytest.mark.parametrize("how", ["recreated", "emptied", "recreated unseen"])
async def test_what_a_stream_has_lost_is_published_again_before_anything_new(database, js, how):
    """Also where the relay has not noticed yet: NATS stores nothing that does not come next."""
    seen = Seen()
    relay, consumer = relay_of(database, js), consumer_of(database, js, seen)
    await announce(database, 1, 2, 3)
    async with running(relay.loop.run(relay.run), consumer.loop.run(consumer.run)):

        async def handled(*numbers: int) -> bool:
            return seen.numbers == list(numbers)

        await eventually(lambda: handled(1, 2, 3))
        if how == "emptied":
            await js.purge_stream("NUMBERS")
            await eventually(lambda: holds(js, 1, 2, 3))
        else:
            await js.delete_stream("NUMBERS")
            if how == "recreated":
                await announce(database, 4)  # and cannot be stored
                await eventually(lambda: is_told(relay, "NATS has no stream for these events"))
                await eventually(lambda: is_told(consumer, "NATS has no stream NUMBERS"))
            await streams.ensure_stream(js, "numbers")
            await streams.ensure_durable(js, "NUMBERS", LISTENING.service, LISTENING.types)
        await announce(database, *([5] if how == "recreated" else [4, 5]))
        await eventually(lambda: handled(1, 2, 3, 4, 5))
        await eventually(untroubled(relay))

        async def committed() -> bool:
            return await count(database, InboxMessage) == 5

        await eventually(committed)
    assert await stored_numbers(js) == [1, 2, 3, 4, 5]


async def holds(js: JetStreamContext, *numbers: int) -> bool:
    return await stored_numbers(js) == list(numbers)


async def is_told(loops: Relay | Consumer, what: str) -> bool:
    return (loops.loop.trouble or "").startswith(what)


async def test_only_the_end_is_published_again_where_only_the_end_is_lost(database, js):
    relay = relay_of(database, js)
    await announce(database, 1, 2, 3, 4)
    async with running(relay.run()):
        await eventually(lambda: holds(js, 1, 2, 3, 4))
        await eventually(marked(database, 4))
    info = await js.stream_info("NUMBERS")
    shorter = replace(info, state=replace(info.state, messages=2, last_seq=2))
    async with await psycopg.AsyncConnection.connect(relay.dsn, autocommit=True) as connection:
        assert await relay.own.compare(connection, shorter) == 2
    async with database.transaction() as session:
        waiting = await session.scalars(
            select(OutboxMessage.position).where(OutboxMessage.published_at.is_(None))
        )
        assert len(list(waiting)) == 2


async def test_what_a_batch_has_stored_and_not_noted_yet_may_be_lost_too(database, js):
    relay = relay_of(database, js)
    await announce(database, 1, 2)
    async with running(relay.run()):
        await eventually(lambda: holds(js, 1, 2))
        await eventually(marked(database, 2))
    info = await js.stream_info("NUMBERS")
    for number in (3, 4, 5):  # of a batch that is under way
        relay.own.has_stored(number)
    shorter = replace(info, state=replace(info.state, messages=3, last_seq=3))
    async with await psycopg.AsyncConnection.connect(relay.dsn, autocommit=True) as connection:
        assert await relay.own.compare(connection, shorter) == 3
        assert await relay.own.compare(connection, shorter) is None


def marked(database: Database, number: int) -> Callable[[], Awaitable[bool]]:
    async def are_marked() -> bool:
        async with database.transaction() as session:
            found = await session.scalars(select(OutboxMessage.stored_as))
        return sorted(each or 0 for each in found) == list(range(1, number + 1))

    return are_marked


@pytest.mark.usefixtures("often")
async def test_a_stream_that_is_empty_and_was_not_is_reported_by_its_listener(database, js):
    """Also where its publisher is away."""
    seen = Seen()
    consumer = consumer_of(database, js, seen)
    await announce(database, 1)
    async with running(consumer.loop.run(consumer.run)):
        async with running(relay_of(database, js).run()):

            async def handled() -> bool:
                async with database.transaction() as session:
                    known = await session.scalar(
                        select(KnownStream.position).where(KnownStream.name == "NUMBERS")
                    )
                return seen.numbers == [1] and bool(known)

            await eventually(handled)
        await js.purge_stream("NUMBERS")
        await eventually(lambda: is_told(consumer, "the stream NUMBERS of NATS is empty"))


@pytest.mark.usefixtures("often")
async def test_a_store_that_is_deleted_while_nats_runs_is_reported_by_publisher_and_listener(
    database, tmp_path
):
    """NATS itself goes on, from memory; a service that publishes nothing says it too."""
    broker = Broker(tmp_path / "nats", free_port())
    broker.start()
    broker.wait_for(broker.is_ready, 60)
    connection = await bus.connect(broker.url, "", "")
    js = connection.jetstream()
    await streams.ensure_stream(js, "numbers")
    await streams.ensure_durable(js, "NUMBERS", LISTENING.service, LISTENING.types)
    relay, consumer = relay_of(database, js), consumer_of(database, js, Seen())
    try:
        async with running(relay.loop.run(relay.run), consumer.loop.run(consumer.run)):
            await announce(database, 1)
            await eventually(marked(database, 1))
            (tmp_path / "nats" / "jetstream").rename(tmp_path / "gone")  # it may be writing there
            gone = "NATS has lost the files of its stream NUMBERS"
            await eventually(lambda: is_told(relay, gone))
            await eventually(lambda: is_told(consumer, gone))
            broker.stop()
            broker.start()
            broker.wait_for(broker.is_ready, 60)
            administrator = await nats.connect(broker.url)
            theirs = administrator.jetstream()
            await streams.ensure_stream(theirs, "numbers")
            await streams.ensure_durable(theirs, "NUMBERS", LISTENING.service, LISTENING.types)
            await administrator.close()
            await eventually(untroubled(relay))
            await eventually(untroubled(consumer))
        assert await stored_numbers(js) == [1]
    finally:
        await connection.close()
        broker.stop()


def settings_of(name: str, database: Database, nats_url: str) -> ServiceSettings:
    url = database.engine.url.render_as_string(hide_password=False)
    return ServiceSettings(service=name, database_url=SecretStr(url), nats_url=nats_url)


class Stuck(Subscriptions):
    """Takes events and never comes to an end with them."""

    def __init__(self) -> None:
        super().__init__()
        self.has_begun = asyncio.Event()

        @self.on(Numbered)
        async def handle(session, event: Numbered) -> None:
            self.has_begun.set()
            await asyncio.Event().wait()


async def test_a_service_stopped_in_the_middle_gives_the_rest_to_others_at_once(
    database, js, monkeypatch
):
    """And not after the ack wait of half a minute."""
    monkeypatch.setattr(service, "listenings_of", lambda _: [LISTENING])
    settings = settings_of(LISTENING.service, database, nats_server())
    await announce(database, *range(20))
    stuck, seen = Stuck(), Seen()
    async with running(relay_of(database, js).run()):
        async with running(service.Bus(settings, stuck, database).run()):
            await stuck.has_begun.wait()
        await others_hear(range(20), seen, database, js)


@pytest.mark.parametrize("times", [1, 3])
async def test_a_consumer_stopped_while_events_arrive_gives_them_to_others_at_once(
    database, js, times
):
    """However often it is told so."""
    padding = b" " * 100_000  # so that a batch takes many readings
    for number in range(30):
        body = wrap(Numbered(aggregate="a", number=number)).model_dump_json().encode()
        await js.publish(f"{Numbered.type}.a", padding + body)
    seen = Seen()
    broker = await nats.connect(nats_server())
    consumer = asyncio.create_task(consumer_of(database, broker.jetstream(), seen).run())
    await received(broker, "in_bytes", 2 * len(padding))
    for _ in range(times):
        consumer.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await consumer
    await broker.close()
    await others_hear(range(30), seen, database, js)


async def others_hear(numbers: range, seen: Seen, database: Database, js: JetStreamContext) -> None:
    async def has_arrived() -> bool:
        return sorted(seen.numbers) == list(numbers)

    async with running(consumer_of(database, js, seen).run()):
        await eventually(has_arrived)


async def test_who_is_leaving_takes_nothing_new(database, js, monkeypatch):
    monkeypatch.setattr(health, "leaving", threading.Event())
    for patience in ("FETCH", "QUIET"):  # no request ends by itself meanwhile
        monkeypatch.setattr(f"chassis.messaging.bus.consumer.{patience}_SECONDS", 60)
    leaving, staying = Seen(), Seen()
    consumer, waiting = consumer_of(database, js, leaving), False
    fetch = consumer.fetch

    async def noted(pull: Pull) -> Sequence[Msg]:
        nonlocal waiting
        waiting = True
        try:
            return await fetch(pull)
        finally:
            waiting = False

    monkeypatch.setattr(consumer, "fetch", noted)
    async with running(relay_of(database, js).run(), consumer.run()):
        await announce(database, 1)

        async def has_asked() -> bool:
            """And the broker has its request."""
            known = await js.consumer_info("NUMBERS", LISTENING.service)
            is_asked = bool(known.num_waiting) and not known.num_ack_pending
            return leaving.numbers == [1] and is_asked and waiting

        await eventually(has_asked)
        health.leaving.set()
        await announce(database, 2)  # which it had asked for already

        async def is_out() -> bool:
            return leaving.numbers == [1, 2] and consumer.loop.last == "left"

        await eventually(is_out)
        await announce(database, 3, 4)
        monkeypatch.setattr(health, "leaving", threading.Event())
        async with running(consumer_of(database, js, staying).run()):

            async def others() -> bool:
                return staying.numbers == [3, 4]

            await eventually(others)
    assert leaving.numbers == [1, 2]


async def test_a_loop_that_swallows_its_end_is_ended_nevertheless(monkeypatch):
    """As nats-py does while it connects: a process that cannot listen would never be gone."""
    monkeypatch.setattr(service, "CANCEL_AGAIN_SECONDS", 0.01)

    async def deaf() -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
        await asyncio.sleep(60)

    loop = asyncio.create_task(deaf())
    await asyncio.sleep(0)
    await asyncio.wait_for(service.end([loop]), 60)
    assert loop.cancelled()


# --- What loops say of themselves ---------------------------------------------------------------


async def test_a_durable_that_is_gone_is_made_again_where_all_is_settled(database, js):
    """Within seconds, and what was handled is not handled again."""
    seen, consumed = Seen(), await announced_and_heard(database, js, 1, 2, 3, 4)
    assert consumed == [1, 2, 3, 4]
    async with database.transaction() as session:
        # Of two days ago, but for the last two.
        await session.execute(
            text(
                "UPDATE messaging.inbox SET handled_at = now() - interval '2 days'"
                " WHERE position < (SELECT max(position) - 1 FROM messaging.inbox)"
            )
        )
    await js.delete_consumer("NUMBERS", LISTENING.service)
    consumer = consumer_of(database, js, seen)
    async with running(relay_of(database, js).run(), consumer.loop.run(consumer.run)):
        await announce(database, 5)

        async def handled() -> bool:
            return seen.numbers == [5]

        await eventually(handled)
        again = await js.consumer_info("NUMBERS", LISTENING.service)
        # Three and those behind it were handed over once more, and known.
        assert again.delivered.consumer_seq == 3
        await js.delete_consumer("NUMBERS", LISTENING.service)  # while it waits for events
        await announce(database, 6)

        async def handled_too() -> bool:
            return seen.numbers == [5, 6]

        await eventually(handled_too)
    assert consumer.loop.state() is None


@pytest.mark.parametrize(
    ("step", "to_hear"), [(partial(Consumer.look, handled=0), 1), (Consumer.make_durable, 2)]
)
async def test_what_another_replica_has_noted_meanwhile_is_no_loss(database, js, step, to_hear):
    """An answer of NATS from before it would end too early: all would be handed over again."""
    await announced_and_heard(database, js, 1, 2)
    async with database.transaction() as session:
        await session.execute(update(InboxMessage).values(handled_at=func.now() - timedelta(2)))
    await announced_and_heard(database, js, 3)
    async with database.transaction() as session:
        await session.execute(update(KnownStream).values(position=0))
    consumer = consumer_of(database, js, Seen())
    async with database.transaction() as session:
        await session.execute(update(KnownStream).values(position=4))
        looking = asyncio.create_task(step(consumer))
        await eventually(lambda: somebody_waits(database))
        await js.publish("numbers.numbered.v1.a", b"{}", stream="NUMBERS")
    await looking
    durable = await js.consumer_info("NUMBERS", LISTENING.service)
    assert durable.num_pending == to_hear


async def announced_and_heard(database: Database, js: JetStreamContext, *numbers: int) -> list[int]:
    seen, before = Seen(), await count(database, InboxMessage)
    await announce(database, *numbers)
    relay, consumer = relay_of(database, js), consumer_of(database, js, seen)
    async with running(relay.run(), consumer.loop.run(consumer.run)):

        async def handled() -> bool:
            """And acknowledged: a handler has seen an event before that."""
            if await count(database, InboxMessage) < before + len(numbers):
                return False
            durable = await js.consumer_info("NUMBERS", LISTENING.service)
            return durable.num_ack_pending == 0

        await eventually(handled)
    return seen.numbers


async def test_in_another_stream_of_the_same_name_a_durable_begins_at_its_beginning(database, js):
    await announced_and_heard(database, js, 1, 2, 3)
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE messaging.inbox SET handled_at = now() - interval '9 days'")
        )
        await session.execute(
            text("UPDATE messaging.inbox SET handled_at = now() WHERE position = 3")
        )
    await js.delete_stream("NUMBERS")
    await streams.ensure_stream(js, "numbers")
    assert await announced_and_heard(database, js, 4) == [4]


@pytest.mark.parametrize("kind", ["relay", "consumer"])
async def test_a_stream_that_is_gone_is_reported_and_its_return_too(database, js, kind):
    """Also where nobody has anything to announce."""
    loops = {
        "relay": relay_of(database, js, poll=0.1),
        "consumer": consumer_of(database, js, Seen()),
    }
    one = loops[kind]
    async with running(one.loop.run(one.run)):
        await js.delete_stream("NUMBERS")

        async def is_reported() -> bool:
            return (one.loop.state() or "").endswith("have messaging set up again")

        await eventually(is_reported)
        await streams.ensure_stream(js, "numbers")

        async def is_well() -> bool:
            return one.loop.state() is None

        await eventually(is_well)


@pytest.fixture
async def restricted(tmp_path) -> AsyncGenerator[tuple[JetStreamContext, bus.Refusals]]:
    """A connection as a user who may look, but neither publish nor read; all is set up."""
    port = free_port()
    may = {"publish": {"deny": ["numbers.>", "$JS.API.CONSUMER.MSG.NEXT.>"]}}
    config = (
        f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{tmp_path}/nats" }}\n'
        "accounts { HERE { jetstream: enabled, users: [ { user: admin, password: a },"
        f" {{ user: listener, password: a, permissions: {json.dumps(may)} }} ] }} }}"
    )
    broker = Broker(tmp_path / "nats", port, config=config)
    broker.start()
    broker.wait_for(broker.is_ready, 60)
    admin = await nats.connect(broker.url, user="admin", password="a")
    await streams.ensure_stream(admin.jetstream(), "numbers")
    await streams.ensure_durable(admin.jetstream(), "NUMBERS", "listener", LISTENING.types)
    refusals = bus.Refusals()
    connection = await bus.connect(broker.url, "listener", "a", refusals=refusals)
    yield connection.jetstream(timeout=1), refusals
    await connection.close()
    await admin.close()
    broker.stop()


async def test_a_lost_right_is_reported(database, restricted, monkeypatch):
    """NATS says nothing to who asks what they may not: without the reason it is like peace."""
    for patience in ("consumer.FETCH", "consumer.QUIET", "pulling.LATE", "relay.PUBLISH"):
        monkeypatch.setattr(f"chassis.messaging.bus.{patience}_SECONDS", 0.3)
    monkeypatch.setattr("chassis.messaging.bus.connecting.REMEMBERED_SECONDS", 1)
    js, refusals = restricted
    relay = relay_of(database, js, poll=0.1)
    consumer = consumer_of(database, js, Seen())
    relay.refusals = consumer.refusals = refusals
    await announce(database, 1)
    with structlog.testing.capture_logs() as logs:
        async with running(relay.loop.run(relay.run), consumer.loop.run(consumer.run)):

            async def is_reported() -> bool:
                return (relay.loop.trouble or "").startswith(
                    "NATS does not let this service publish to its stream NUMBERS: "
                ) and (consumer.loop.trouble or "").startswith(
                    "NATS does not let this service read the stream NUMBERS: "
                )

            await eventually(is_reported)
            for _ in range(2):  # the consumer begins again and is refused again
                heard = refused_last(refusals)

                async def is_refused_again(heard: float = heard) -> bool:
                    return refused_last(refusals) > heard

                await eventually(is_refused_again)
    assert "loop_goes_on" not in [line["event"] for line in logs]


def refused_last(refusals: bus.Refusals) -> float:
    return max((at for subject, at in refusals.last.items() if "msg.next" in subject), default=0)


# --- Frozen, killed, stopped ---------------------------------------------------------------------


async def test_a_relay_that_is_frozen_loses_its_place(database, js, monkeypatch):
    """Its connection stands, for the kernel answers for it; it says nothing any more."""
    monkeypatch.setattr("chassis.messaging.bus.relay.LEASE_SECONDS", 1)
    monkeypatch.setattr("chassis.messaging.bus.relay.STANDBY_SECONDS", 0.2)
    await announce(database, 1)
    relay = relay_of(database, js)
    async with await psycopg.AsyncConnection.connect(relay.dsn, autocommit=True) as frozen:
        await frozen.execute("SELECT pg_advisory_lock(%s)", [RELAY_LOCK])
        with structlog.testing.capture_logs() as logs:
            async with running(relay.loop.run(relay.run)):

                async def stored() -> bool:
                    return (await js.stream_info("NUMBERS")).state.messages == 1

                await eventually(stored)
        assert [line["event"] for line in logs] == ["relay_was_frozen"]
        with pytest.raises(psycopg.OperationalError):
            await frozen.execute("SELECT 1")  # it wakes, and knows that it was let go of


async def shows_life(database: Database) -> None:
    """Returns when the relay has sent three heartbeats, by which it keeps its lease."""
    seen = set()

    async def three_times() -> bool:
        async with database.transaction() as session:
            seen.add(
                await session.scalar(
                    text(
                        "SELECT state_change FROM pg_locks JOIN pg_stat_activity USING (pid)"
                        " WHERE locktype = 'advisory' AND granted AND objid = :lock"
                        " AND datname = current_database() AND state = 'idle'"
                    ),
                    {"lock": RELAY_LOCK},
                )
            )
        return len(seen - {None}) > 3

    await eventually(three_times)


async def test_a_relay_that_waits_and_one_whose_broker_is_away_keep_their_place(
    database, js, monkeypatch
):
    monkeypatch.setattr("chassis.messaging.bus.relay.RENEW_SECONDS", 0.1)
    relay = relay_of(database, js)
    async with running(relay.run()):
        await shows_life(database)
        await js.delete_stream("NUMBERS")
        await announce(database, 1)

        async def is_reported() -> bool:
            return relay.loop.trouble is not None

        await eventually(is_reported)
        await shows_life(database)


async def test_a_relay_that_reads_tables_for_long_keeps_its_place(database, js, monkeypatch):
    monkeypatch.setattr("chassis.messaging.bus.losses.RENEW_SECONDS", 0.1)
    has_begun, may_end = asyncio.Event(), asyncio.Event()

    async def from_tables() -> int:
        has_begun.set()
        await may_end.wait()
        return 0

    first = relay_of(database, js)
    await announce(database, 1)
    async with running(first.run()):
        await eventually(marked(database, 1))
    await js.delete_stream("NUMBERS")
    await streams.ensure_stream(js, "numbers")
    second = Relay(first.dsn, js, "NUMBERS", 30, from_tables=from_tables)
    async with running(second.run()):
        await has_begun.wait()
        await shows_life(database)
        may_end.set()
        await eventually(lambda: holds(js, 1))


async def test_events_that_wait_long_are_reported_by_every_replica(database):
    await announce(database, 1)
    assert await service.outbox_published(database) is None
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE messaging.outbox SET recorded_at = now() - interval '2 minutes'")
        )
    waiting = await service.outbox_published(database) or ""
    assert waiting.startswith("1 events wait to be published, the oldest for 12")


async def test_what_was_under_way_when_the_broker_ended_comes_at_once_when_it_is_back(
    database, tmp_path
):
    """And not after the ack wait, which is an hour here."""
    broker = Broker(tmp_path / "nats", free_port())
    broker.start()
    broker.wait_for(broker.is_ready, 60)
    killed = await nats.connect(broker.url, allow_reconnect=False, error_cb=streams.ignore_error)
    theirs = killed.jetstream()
    await streams.ensure_stream(theirs, "numbers")
    await streams.ensure_durable(theirs, "NUMBERS", LISTENING.service, LISTENING.types)
    known = await theirs.consumer_info("NUMBERS", LISTENING.service)
    await theirs.add_consumer("NUMBERS", known.config.evolve(ack_wait=3600))
    for number in range(5):
        event = wrap(Numbered(aggregate="a", number=number))
        await theirs.publish(f"{Numbered.type}.a", event.model_dump_json().encode())
    taking = await theirs.pull_subscribe_bind(durable=LISTENING.service, stream="NUMBERS")
    assert len(await taking.fetch(3, timeout=5)) == 3  # and acknowledges none
    seen = Seen()
    consumers: list[Consumer] = []
    connection = await bus.connect(
        broker.url, "", "", back=lambda: [each.was_cut_off.set() for each in consumers]
    )
    consumers.append(consumer_of(database, connection.jetstream(), seen))
    try:
        async with running(consumers[0].loop.run(consumers[0].run)):

            async def the_rest() -> bool:
                return seen.numbers == [3, 4]

            await eventually(the_rest)
            assert broker.running
            broker.running.kill()
            broker.running.wait()
            broker.start()
            broker.wait_for(broker.is_ready, 60)

            async def all_of_them() -> bool:
                return sorted(seen.numbers) == [0, 1, 2, 3, 4]

            await eventually(all_of_them)
    finally:
        await connection.close()
        await killed.close()
        broker.stop()


async def test_trouble_that_repeats_is_logged_once_and_reported_each_time():
    reported: list[str] = []
    with structlog.testing.capture_logs() as logs:
        nowhere = f"nats://127.0.0.1:{free_port()}"

        async def connect() -> None:
            await bus.connect(nowhere, "sales", "x", hear=reported.append)

        connecting = asyncio.create_task(connect())

        async def again_and_again() -> bool:
            return len(reported) > 2

        await eventually(again_and_again)
        await service.end([connecting])
    assert reported[0].endswith("see that NATS runs and that GUICHET_NATS_URL leads to it")
    troubles = [each["trouble"] for each in logs if each["event"] == "broker_trouble"]
    assert troubles == [trouble for trouble, _ in groupby(reported)]
    assert len(troubles) < len(reported)


async def test_deliveries_are_no_failures(database, js):
    """Who was stopped with an event in hand has used up none of its tries."""
    await announce(database, 1)
    async with running(relay_of(database, js).run()):
        taking = await js.pull_subscribe_bind(durable=LISTENING.service, stream="NUMBERS")
        for _ in range(5):
            [message] = await taking.fetch(1, timeout=5)
            await message.nak()
    seen = Seen(fails={1: ValueError("poison")})
    async with running(consumer_of(database, js, seen, (0.05,)).run()):

        async def is_dead_letter() -> bool:
            return await count(database, DeadLetter) == 1

        await eventually(is_dead_letter)
    [dead_letter] = await dead_letters.all_dead_letters(database)
    assert dead_letter.attempts == 2
