"""What a consumer measures and reports about its durable, one `look` at a time, on real NATS."""

from collections.abc import AsyncGenerator
from contextlib import suppress
from uuid import uuid4

import nats
import nats.errors
import pytest
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from sqlalchemy import select

from chassis.data.database import Database
from chassis.messaging import streams
from chassis.messaging.bus import Consumer, Subscriptions
from chassis.messaging.bus.consumer import FETCH_SECONDS, QUIET_SECONDS
from chassis.messaging.outbox import DeadLetter
from chassis.monitoring.loops import Stuck
from chassis.monitoring.metrics import DEAD_LETTERED, LAG, RETRIED
from chassis.testing import nats_server, wrap
from contracts.catalog.events import ProductsChanged
from contracts.topology import Listening

LISTENING = Listening("reader", "numbers", ("numbers.numbered.v1",))


@pytest.fixture
async def js() -> AsyncGenerator[JetStreamContext]:
    """The stream NUMBERS with three events, and the durable of `reader`."""
    broker = await nats.connect(nats_server())
    js = broker.jetstream()
    with suppress(NotFoundError):
        await js.delete_stream("NUMBERS")
    await streams.ensure_stream(js, "numbers")
    await streams.ensure_durable(js, "NUMBERS", "reader", LISTENING.types)
    for number in range(3):
        await js.publish(f"numbers.numbered.v1.{number}", f"{number}".encode())
    yield js
    with suppress(NotFoundError):
        await js.delete_stream("NUMBERS")
    await broker.close()


@pytest.fixture
def consumer(database: Database, js: JetStreamContext) -> Consumer:
    return Consumer(LISTENING, Subscriptions(), database, js, retries=(0.01,))


def lag() -> float:
    return LAG.labels("NUMBERS")._value.get()


async def test_lag_is_what_waits_and_what_is_taken_and_two_empty_fetches_are_trouble(js, consumer):
    assert (consumer.loop.name, consumer.fetch_seconds) == ("consumer NUMBERS", FETCH_SECONDS)
    await consumer.look(handled=2)
    assert (lag(), consumer.loop.last, consumer.starved) == (3, "handled 2 events", 0)
    await consumer.look(handled=0)  # once may be an event that came after the fetch
    assert (consumer.loop.last, consumer.fetch_seconds) == ("found nothing new", FETCH_SECONDS)
    with pytest.raises(
        Stuck, match=r"^NATS hands over none of the 3 events that wait: see its log"
    ):
        await consumer.look(handled=0)

    pull = await js.pull_subscribe_bind("reader", "NUMBERS")
    taken = await pull.fetch(3)
    await taken[0].ack_sync()
    await consumer.look(handled=0)
    assert (lag(), consumer.starved, consumer.fetch_seconds) == (2, 0, FETCH_SECONDS)
    for each in taken[1:]:
        await each.ack_sync()
    await consumer.look(handled=1)
    assert (lag(), consumer.fetch_seconds) == (0, FETCH_SECONDS)
    await consumer.look(handled=0)
    assert (lag(), consumer.fetch_seconds) == (0, QUIET_SECONDS)
    assert consumer.loop.last == "found nothing new"
    await pull.unsubscribe()


async def test_trouble_is_not_over_just_because_the_loop_started_again(consumer):
    consumer.loop.report_trouble("nothing comes")
    await consumer.look(handled=0)
    assert consumer.loop.state() == "nothing comes"
    consumer.has_fetched = True
    await consumer.look(handled=1)
    assert consumer.loop.state() is None


async def test_after_a_restart_of_nats_unacknowledged_events_are_delivered_again(js, consumer):
    pull = await js.pull_subscribe_bind("reader", "NUMBERS")
    taken = await pull.fetch(3)
    await taken[0].ack_sync()
    consumer.was_cut_off.set()
    consumer.starved = 1
    await consumer.look(handled=0)
    assert consumer.loop.last == "took back what was under way"
    assert (consumer.was_cut_off.is_set(), consumer.starved) == (False, 0)
    again = await pull.fetch(2)
    assert [each.metadata.sequence.stream for each in again] == [2, 3]
    for each in again:
        await each.ack_sync()
    consumer.was_cut_off.set()
    await consumer.look(handled=0)
    assert not consumer.was_cut_off.is_set()
    with pytest.raises(nats.errors.TimeoutError):
        await pull.fetch(1, timeout=0.2)
    await pull.unsubscribe()


async def test_a_lost_right_is_named_and_a_stream_that_is_gone_too(js, consumer):
    silence = TimeoutError()
    assert consumer.why(silence).startswith(
        "NATS does not answer what is asked of its stream NUMBERS"
    )
    consumer.refusals.last["$js.api.consumer.msg.next.numbers.reader"] = float("inf")
    assert consumer.is_forbidden()
    assert consumer.why(silence).startswith(
        "NATS does not let this service read the stream NUMBERS"
    )
    with pytest.raises(Stuck, match="does not let this service read"):
        await consumer.look(handled=1)
    await js.delete_stream("NUMBERS")
    with pytest.raises(Stuck, match=r"^NATS has no stream NUMBERS: have messaging set up again"):
        await consumer.look(handled=0)


async def test_a_stream_deleted_between_two_calls_is_reported_and_everything_is_checked_again(
    js, consumer, monkeypatch
):
    monkeypatch.setattr("chassis.messaging.streams.making.ANSWER_SECONDS", 1)
    pull = await js.pull_subscribe_bind("reader", "NUMBERS")
    await pull.fetch(1)
    known, info = await js.consumer_info("NUMBERS", "reader"), await js.stream_info("NUMBERS")
    consumer.was_cut_off.set()
    await js.delete_stream("NUMBERS")
    for step in (
        consumer.take_back(known),
        consumer.make_durable(),
        consumer.compare(known, info),
    ):
        with pytest.raises(Stuck, match="NUMBERS"):
            await step
    assert consumer.was_cut_off.is_set()
    assert consumer.loop.last == "started"
    await pull.unsubscribe()


async def test_a_durable_that_is_gone_is_made_again_as_it_was(js, consumer):
    await js.delete_consumer("NUMBERS", "reader")
    await consumer.look(handled=0)
    assert consumer.loop.last == "made its durable again"
    made = await js.consumer_info("NUMBERS", "reader")
    assert made.config.filter_subjects == ["numbers.numbered.v1.*"]
    assert (made.num_pending, made.config.max_ack_pending) == (3, streams.MAX_UNACKNOWLEDGED)


async def test_an_event_that_fails_is_put_off_then_stored_unchanged_as_a_dead_letter(
    js, consumer, database
):
    event = wrap(ProductsChanged(change_id=uuid4(), products=[]))
    await js.publish("numbers.numbered.v1.x", event.model_dump_json().encode())
    pull = await js.pull_subscribe_bind("reader", "NUMBERS")
    counted = [each.labels("NUMBERS")._value.get() for each in (RETRIED, DEAD_LETTERED)]
    first, *_, last = await pull.fetch(4)
    broken = ValueError("poison")
    await consumer.put_off(first, broken)
    assert consumer.failures == {1: 1}
    [again] = await pull.fetch(1)
    assert again.data == b"0"
    await consumer.put_off(again, broken)
    await consumer.store_dead_letter(last, broken, 7)
    assert consumer.failures == {}
    after = [each.labels("NUMBERS")._value.get() for each in (RETRIED, DEAD_LETTERED)]
    assert [b - a for a, b in zip(counted, after, strict=True)] == [1, 1]
    async with database.transaction() as session:
        letters = (await session.scalars(select(DeadLetter).order_by(DeadLetter.id))).all()
    assert [
        (each.event_id, each.stream, each.position, each.subject, each.attempts, each.error)
        for each in letters
    ] == [
        (None, "NUMBERS", 1, "numbers.numbered.v1.0", 2, "ValueError: poison"),
        (event.id, "NUMBERS", 4, "numbers.numbered.v1.x", 7, "ValueError: poison"),
    ]
    assert [each.body for each in letters] == ["0", event.model_dump_json()]
    await pull.unsubscribe()
