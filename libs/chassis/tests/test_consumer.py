"""What a consumer measures and says of its durable, on a real broker, one look at a time."""

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
from chassis.monitoring.metrics import LAG, PARKED, RETRIED
from chassis.testing import nats_server, wrap
from contracts.catalog.events import ProductsChanged
from contracts.topology import Listening

LISTENING = Listening("looker", "looks", ("looks.looked.v1",))


@pytest.fixture
async def js() -> AsyncGenerator[JetStreamContext]:
    """The stream LOOKS with three events, and the durable of `looker`."""
    broker = await nats.connect(nats_server())
    js = broker.jetstream()
    with suppress(NotFoundError):
        await js.delete_stream("LOOKS")
    await streams.ensure_stream(js, "looks")
    await streams.ensure_durable(js, "LOOKS", "looker", LISTENING.types)
    for number in range(3):
        await js.publish(f"looks.looked.v1.{number}", f"{number}".encode())
    yield js
    with suppress(NotFoundError):
        await js.delete_stream("LOOKS")
    await broker.close()


@pytest.fixture
def consumer(database: Database, js: JetStreamContext) -> Consumer:
    return Consumer(LISTENING, Subscriptions(), database, js, retries=(0.01,))


def lag() -> float:
    return LAG.labels("LOOKS")._value.get()


async def test_what_waits_and_what_is_taken_is_its_lag_and_two_empty_hands_are_trouble(
    js, consumer
):
    assert (consumer.loop.name, consumer.patience) == ("consumer LOOKS", FETCH_SECONDS)
    await consumer.look(handled=2)
    assert (lag(), consumer.loop.last, consumer.starved) == (3, "handled 2 events", 0)
    await consumer.look(handled=0)  # what came between the two questions is no trouble
    assert (consumer.loop.last, consumer.patience) == ("found nothing new", FETCH_SECONDS)
    with pytest.raises(
        Stuck, match=r"^NATS hands over none of the 3 events that wait: see its log"
    ):
        await consumer.look(handled=0)

    pull = await js.pull_subscribe_bind("looker", "LOOKS")
    taken = await pull.fetch(3)
    await taken[0].ack_sync()
    await consumer.look(handled=0)
    assert (lag(), consumer.starved, consumer.patience) == (2, 0, FETCH_SECONDS)
    for each in taken[1:]:
        await each.ack_sync()
    await consumer.look(handled=1)
    assert (lag(), consumer.patience) == (0, FETCH_SECONDS)
    await consumer.look(handled=0)
    assert (lag(), consumer.patience) == (0, QUIET_SECONDS)
    assert consumer.loop.last == "found nothing new"
    await pull.unsubscribe()


async def test_trouble_is_not_over_because_its_loop_has_begun_again(consumer):
    consumer.loop.report_trouble("nothing comes")
    await consumer.look(handled=0)
    assert consumer.loop.state() == "nothing comes"
    consumer.has_fetched = True
    await consumer.look(handled=1)
    assert consumer.loop.state() is None


async def test_what_was_under_way_at_a_restart_is_asked_for_again_from_the_first_unsettled(
    js, consumer
):
    pull = await js.pull_subscribe_bind("looker", "LOOKS")
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
        "NATS does not answer what is asked of its stream LOOKS"
    )
    consumer.refusals.last["$js.api.consumer.msg.next.looks.looker"] = float("inf")
    assert consumer.is_forbidden()
    assert consumer.why(silence).startswith("NATS does not let this service read the stream LOOKS")
    with pytest.raises(Stuck, match="does not let this service read"):
        await consumer.look(handled=1)
    await js.delete_stream("LOOKS")
    with pytest.raises(Stuck, match=r"^NATS has no stream LOOKS: have messaging set up again"):
        await consumer.look(handled=0)


async def test_where_the_stream_goes_between_two_questions_it_is_told_and_all_is_asked_again(
    js, consumer, monkeypatch
):
    monkeypatch.setattr("chassis.messaging.streams.making.ANSWER_SECONDS", 1)
    pull = await js.pull_subscribe_bind("looker", "LOOKS")
    await pull.fetch(1)
    known, info = await js.consumer_info("LOOKS", "looker"), await js.stream_info("LOOKS")
    consumer.was_cut_off.set()
    await js.delete_stream("LOOKS")
    for step in (
        consumer.take_back(known),
        consumer.make_durable(),
        consumer.compare(known, info),
    ):
        with pytest.raises(Stuck, match="LOOKS"):
            await step
    assert consumer.was_cut_off.is_set()
    assert consumer.loop.last == "started"
    await pull.unsubscribe()


async def test_a_durable_that_is_gone_is_made_again_as_it_was(js, consumer):
    await js.delete_consumer("LOOKS", "looker")
    await consumer.look(handled=0)
    assert consumer.loop.last == "made its durable again"
    made = await js.consumer_info("LOOKS", "looker")
    assert made.config.filter_subjects == ["looks.looked.v1.*"]
    assert (made.num_pending, made.config.max_ack_pending) == (3, streams.TAKEN_MOST)


async def test_an_event_that_fails_is_put_off_then_parked_as_it_came(js, consumer, database):
    event = wrap(ProductsChanged(change_id=uuid4(), products=[]))
    await js.publish("looks.looked.v1.x", event.model_dump_json().encode())
    pull = await js.pull_subscribe_bind("looker", "LOOKS")
    counted = [each.labels("LOOKS")._value.get() for each in (RETRIED, PARKED)]
    first, *_, last = await pull.fetch(4)
    broken = ValueError("poison")
    await consumer.put_off(first, broken)
    assert consumer.failures == {1: 1}
    [again] = await pull.fetch(1)
    assert again.data == b"0"
    await consumer.put_off(again, broken)
    await consumer.park(last, broken, 7)
    assert consumer.failures == {}
    after = [each.labels("LOOKS")._value.get() for each in (RETRIED, PARKED)]
    assert [b - a for a, b in zip(counted, after, strict=True)] == [1, 1]
    async with database.transaction() as session:
        parked = (await session.scalars(select(DeadLetter).order_by(DeadLetter.id))).all()
    assert [
        (each.event_id, each.stream, each.position, each.subject, each.attempts, each.error)
        for each in parked
    ] == [
        (None, "LOOKS", 1, "looks.looked.v1.0", 2, "ValueError: poison"),
        (event.id, "LOOKS", 4, "looks.looked.v1.x", 7, "ValueError: poison"),
    ]
    assert [each.body for each in parked] == ["0", event.model_dump_json()]
    await pull.unsubscribe()
