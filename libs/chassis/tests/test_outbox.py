"""What tables publish again enters the outbox before all else, each event once and under its own id."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import literal, select
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data.database import Database, new_id
from chassis.messaging import outbox
from chassis.messaging.outbox import Again, OutboxMessage, is_gone, publish, publish_again
from contracts.event import Envelope, Event

AT = datetime(2026, 3, 2, 10, tzinfo=UTC)


class Moved(Event, type="moves.moved.v1", subject="thing"):
    thing: str
    version: int


class Left(Event, type="moves.left.v1", subject="thing", fact=("thing", "at")):
    thing: str
    at: datetime


async def each_of(events: Sequence[Again]) -> AsyncIterator[Again]:
    for event in events:
        yield event


async def again(session: AsyncSession, *events: Again) -> int:
    return await publish_again(session, each_of(events))


async def rows(session: AsyncSession) -> list[OutboxMessage]:
    found = await session.scalars(select(OutboxMessage).order_by(OutboxMessage.position))
    return list(found)


async def test_it_comes_in_its_order_before_what_is_there_and_once(database: Database, monkeypatch):
    monkeypatch.setattr(outbox, "AGAIN_BATCH", 2)
    events = [Again(Moved(thing="a", version=n), n, AT + timedelta(hours=n)) for n in range(5)]
    async with database.transaction() as session:
        publish(session, Moved(thing="now", version=9))
    async with database.transaction() as session:
        assert await again(session, *events) == 5
        assert await again(session, *events) == 5
        assert await again(session) == 0
        found = await rows(session)
    assert [row.subject for row in found] == 5 * ["moves.moved.v1.a"] + ["moves.moved.v1.now"]
    assert [row.recorded_at for row in found[:5]] == [each.at for each in events]
    published = [Envelope.model_validate_json(row.body) for row in found]
    assert [each.aggregateversion for each in published] == [0, 1, 2, 3, 4, 9]
    assert [each.id for each in published[:5]] == [row.event_id for row in found[:5]]
    assert [each.time for each in published[:5]] == [each.at for each in events]
    assert {each.source for each in published} == {"/guichet/moves"}
    assert found[5].position > 0 > found[0].position


async def test_into_an_empty_outbox_it_comes_before_the_first(database: Database):
    async with database.transaction() as session:
        await again(session, Again(Moved(thing="a", version=1), 1, AT))
        publish(session, Moved(thing="now", version=2))
    async with database.transaction() as session:
        assert [row.subject[-1] for row in await rows(session)] == ["a", "w"]


def test_a_fact_has_its_own_id_and_a_state_that_of_its_aggregate():
    left = Left(thing="a", at=AT)
    assert Again(left, None, AT + timedelta(days=1)).id == left.fact_id
    state = Again(Moved(thing="a", version=1), 1, AT)
    assert state.id == Again(Moved(thing="a", version=1), 1, AT).id
    others = [
        Again(Moved(thing="b", version=1), 1, AT),
        Again(Moved(thing="a", version=1), 2, AT),
        Again(Moved(thing="a", version=1), 1, AT + timedelta(seconds=1)),
        Again(left, None, AT),
    ]
    assert state.id not in {each.id for each in others}


async def test_an_aggregate_is_gone_where_no_event_of_this_kind_is_about_it(database: Database):
    present, other = str(new_id()), str(uuid4())
    async with database.transaction() as session:
        publish(session, Moved(thing=present, version=1))
    async with database.transaction() as session:
        gone = {
            (kind, thing): await session.scalar(select(is_gone(kind, literal(thing))))
            for kind in (Moved, Left)
            for thing in (present, other)
        }
    assert [key for key, is_there in gone.items() if not is_there] == [(Moved, present)]
