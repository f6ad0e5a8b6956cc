"""Hints arrive at once, across replicas, and none is lost with a connection."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import jwt
import psycopg
import pytest
import uvicorn
from pydantic import SecretStr
from sqlalchemy import text

from chassis import testing
from chassis.http.answering import STREAMED
from chassis.http.auth import Caller
from chassis.monitoring import health
from contracts.tickets.api import Priority
from local.launcher.watching import condition
from tickets.app import create_app
from tickets.models import Change
from tickets.operations import tickets as operations
from tickets.queries.changes import SNAPSHOT
from tickets.routes.live import (
    MAX_PER_PERSON,
    MAX_WAITING,
    Hub,
    Stream,
    TooManyOfAPerson,
    seconds_left,
)
from tickets.settings import Settings
from waiting import eventually

SOON = 30  # seconds, however busy the machine is
LOSE_LISTENERS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'tickets live' AND datname = %(database)s
"""


@contextlib.asynccontextmanager
async def running(app) -> AsyncGenerator[httpx.AsyncClient]:
    """A process of the service, on a real socket."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=SOON) as client:
            yield client
    finally:
        server.should_exit = True
        await serving


def replica(own_desk, **settings):
    url = own_desk.database.engine.url.render_as_string(hide_password=False)
    app = create_app(Settings(database_url=SecretStr(url), **settings))
    testing.believe(app)
    return app


@pytest.fixture(scope="module")
async def replicas(own_desk):
    """Two processes on one database."""
    async with running(replica(own_desk)) as first, running(replica(own_desk)) as second:
        yield first, second


@pytest.fixture
def desk(own_desk):
    return own_desk


class Events:
    """A stream that is read while other things happen."""

    def __init__(self, response: httpx.Response) -> None:
        self.lines = response.aiter_lines()
        self.raw = self.ready = ""  # everything received, and the id of the first event
        self.received: asyncio.Queue[dict[str, str] | None] = asyncio.Queue()
        self.reading = asyncio.create_task(self.read())

    async def read(self) -> None:
        event: dict[str, str] = {}
        try:
            async for line in self.lines:
                self.raw += line + "\n"
                name, _, value = line.partition(":")
                if name:
                    event[name] = value.strip()
                elif event:
                    self.received.put_nowait(event)
                    event = {}
        finally:
            self.received.put_nowait(None)

    async def next(self, seconds: float = SOON) -> dict[str, str]:
        """The next event: its fields as they came."""
        event = await asyncio.wait_for(self.received.get(), seconds)
        if event is None:
            raise EOFError
        return event

    async def change(self) -> dict[str, Any]:
        """The next hint, and the id that came with it."""
        event = await self.next()
        assert event["event"] == "change", event
        return json.loads(event["data"]) | {"id": event.get("id")}

    async def about(self, number: int, what: str = "message") -> dict[str, Any]:
        """The hint that this happened to the request; earlier hints may be repeated before it."""
        while True:
            received = await self.change()
            if (received["number"], received["what"]) == (number, what):
                return received

    async def is_quiet(self, seconds: float = 0.5) -> bool:
        try:
            await self.next(seconds)
        except TimeoutError:
            return True
        return False


@contextlib.asynccontextmanager
async def listening(client, who, since=None, last_event_id=None) -> AsyncGenerator[Events]:
    headers = who.headers | ({"Last-Event-ID": last_event_id} if last_event_id else {})
    parameters = {"since": since} if since else {}
    async with client.stream(
        "GET", "/api/tickets/stream", params=parameters, headers=headers
    ) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        assert {name: response.headers[name] for name in STREAMED} == STREAMED
        events = Events(response)
        ready = await events.next()
        assert ready["event"] == "ready"
        events.ready = ready["id"]
        try:
            yield events
        finally:
            events.reading.cancel()
            await asyncio.gather(events.reading, return_exceptions=True)


# --- As it happens ----------------------------------------------------------------------------


async def test_staff_get_hints_of_everything_as_it_happens(replicas, desk, nathalie, karim, julien):
    async with listening(replicas[0], karim) as events:
        number = await desk.opened(nathalie)
        received = [await events.change()]
        for doing in (
            desk.say(julien, number),
            desk.note(julien, number),
            desk.prioritise(julien, number, "high"),
            desk.say(nathalie, number),
        ):
            await doing
            received.append(await events.change())
        position = (await desk.read(karim, number))["messages"][-1]["position"]
        await desk.see(julien, number, position)
        received.append(await events.change())
        await desk.resolve(nathalie, number)
        received.append(await events.change())

    assert {change["number"] for change in received} == {number}
    assert [(change["what"], change["by_staff"], change["version"]) for change in received] == [
        ("opened", False, 1),
        ("message", True, 2),
        ("note", True, 2),
        ("priority", True, 3),
        ("message", False, 4),
        ("seen", True, 4),
        ("resolved", False, 5),
    ]


async def test_customers_get_hints_of_their_own_requests_that_they_may_see(
    replicas, desk, nathalie, marc, karim
):
    async with listening(replicas[0], nathalie) as events:
        number = await desk.opened(nathalie)
        other = await desk.opened(marc)
        await desk.note(karim, number, "Zibeline")
        await desk.prioritise(karim, number, "urgent")
        await desk.say(karim, other, "Zibeline")
        await desk.say(karim, number, "Zibeline", minutes=5)
        await desk.resolve(karim, other)
        received = [await events.change(), await events.change()]
        assert await events.is_quiet()

    assert [(c["number"], c["what"], c["version"]) for c in received] == [
        (number, "opened", 1),
        (number, "message", 2),
    ]
    assert "Zibeline" not in events.raw
    assert str(other) not in events.raw


async def test_a_change_made_in_one_replica_sends_hints_in_the_other(
    replicas, desk, nathalie, karim
):
    number = await desk.opened(nathalie)
    async with listening(replicas[0], karim) as here, listening(replicas[1], nathalie) as there:
        for replica in replicas:
            answer = await replica.post(
                f"/api/tickets/{number}/messages", json={"text": "Bonjour."}, headers=karim.headers
            )
            assert answer.status_code == 201
            assert (await here.change())["number"] == number
            assert (await there.change())["number"] == number


async def test_a_refusal_sends_no_hint(replicas, desk, nathalie, karim):
    number = await desk.opened(nathalie)
    await desk.resolve(nathalie, number)
    async with listening(replicas[0], karim) as events:
        assert (await desk.say(karim, number)).status_code == 409
        assert await events.is_quiet()


async def test_a_hint_arrives_within_a_second(replicas, desk, nathalie, karim):
    async with listening(replicas[0], karim) as events:
        taken = []
        for _ in range(5):
            began = time.perf_counter()
            await desk.opened(nathalie)
            await events.change()
            taken.append(time.perf_counter() - began)
    assert min(taken) < 1


# --- Nothing is left out ----------------------------------------------------------------------


async def test_changes_during_a_lost_connection_come_first(replicas, desk, nathalie, karim):
    async with listening(replicas[0], karim) as staff, listening(replicas[0], nathalie) as own:
        number = await desk.opened(nathalie)
        last = {karim: (await staff.change())["id"], nathalie: (await own.change())["id"]}
    await desk.say(karim, number)
    await desk.say(nathalie, number)
    for who in (karim, nathalie):
        for how in ({"last_event_id": last[who]}, {"since": last[who]}):
            async with listening(replicas[1], who, **how) as events:
                received = [await events.change() for _ in range(2)]
                assert await events.is_quiet()
            assert [change["version"] for change in received] == [2, 3]


async def test_a_customers_hints_do_not_reveal_how_much_others_do(replicas, desk, nathalie, marc):
    """Ids of events lead on from one replica to another, and nobody else can read them."""
    ids, number = [], await desk.opened(nathalie)
    for replica in (*replicas, *replicas):
        async with listening(replica, nathalie, last_event_id=ids[-1] if ids else None) as events:
            await desk.opened(marc)
            await desk.say(nathalie, number)
            ids.append((await events.about(number))["id"])
            assert await events.is_quiet()
        assert not SNAPSHOT.search(events.raw)
    assert len(set(ids)) == len(ids)
    assert len({len(each) for each in ids}) == 1


async def test_a_page_s_own_moment_leaves_nothing_out(replicas, desk, nathalie, karim):
    """Between reading a page and opening its stream something may happen."""
    number = await desk.opened(nathalie)
    snapshots = {
        "thread": (await desk.read(karim, number))["as_of"],
        "queue": (await desk.get(karim, "", counts=True)).json()["as_of"],
        "counts": (await desk.get(karim, "/counts")).json()["as_of"],
    }
    own = {
        "thread": (await desk.read(nathalie, number))["as_of"],
        "counts": (await desk.get(nathalie, "/mine/counts")).json()["as_of"],
        "home": (await desk.get(nathalie, "/home")).json()["others"]["as_of"],
    }
    await desk.say(karim, number)
    for who, known in ((karim, snapshots), (nathalie, own)):
        for name, snapshot in known.items():
            async with listening(replicas[0], who, since=snapshot) as events:
                received = await events.change()
                assert (received["number"], received["version"]) == (number, 2), (who.name, name)


async def test_a_late_commit_is_reported_though_a_later_one_came_first(
    replicas, desk, nathalie, marc, karim
):
    """Positions are drawn in one order and committed in another: the usual way to lose one."""
    slow, quick = await desk.opened(nathalie), await desk.opened(marc)
    async with listening(replicas[0], karim) as events:
        async with desk.database.transaction() as session:
            await operations.prioritise(session, caller(karim), slow, Priority.HIGH)
            await session.flush()
            await desk.say(karim, quick)
            await events.about(quick)
        await events.about(slow, "priority")

    async with desk.database.transaction() as session:
        await operations.prioritise(session, caller(karim), slow, Priority.URGENT)
        await session.flush()
        async with listening(replicas[0], karim) as events:
            await desk.say(karim, quick)
            last = (await events.about(quick))["id"]
    changes = (await desk.get(karim, "/changes", since=last)).json()["changes"]
    assert [change["number"] for change in changes] == [slow]
    async with listening(replicas[1], karim, last_event_id=last) as events:
        assert (await events.change())["number"] == slow
        assert await events.is_quiet()


def caller(someone):
    return Caller(id=someone.id, role=someone.role, name=someone.name, session_id=uuid4(), token="")


async def test_a_lost_connection_to_the_database_costs_nothing(replicas, desk, nathalie, karim):
    async with listening(replicas[0], karim) as events:
        with psycopg.connect(testing.postgres_server(), autocommit=True) as connection:
            connection.execute(LOSE_LISTENERS, {"database": desk.database.engine.url.database})
        number = await desk.opened(nathalie)
        await events.about(number, "opened")


async def test_unreadable_hints_are_reported_and_requests_still_served(own_desk, nathalie, karim):
    """In readiness, in `status` and in a figure; what happened meanwhile is heard afterwards."""
    app = replica(own_desk)
    open_to_all = app.state.settings
    closed = testing.fresh_database("test_live_closed")

    async def condition_of(replica) -> tuple[int, str, bool]:
        answer = await replica.get("/health/ready")
        _, troubles = condition.readiness_in(answer.content)
        reason = "".join(each for each in troubles if each.startswith("live hints: "))
        figures = (await replica.get("/metrics")).text
        return answer.status_code, reason, 'guichet_loop_trouble{loop="live hints"} 1.0' in figures

    async def stuck() -> None:
        status, reason, is_trouble = await condition_of(client)
        assert (status, is_trouble) == (200, True)
        assert "is not currently accepting connections" in reason
        assert reason.endswith("GUICHET_DATABASE_URL")

    async def well() -> None:
        assert await condition_of(client) == (200, "", False)

    with psycopg.connect(testing.postgres_server(), autocommit=True) as connection:
        connection.execute("ALTER DATABASE test_live_closed ALLOW_CONNECTIONS false")
        async with running(app) as client, listening(client, karim) as events:
            await eventually(well)
            await events.about(await own_desk.opened(nathalie), "opened")
            app.state.settings = open_to_all.model_copy(update={"database_url": SecretStr(closed)})
            connection.execute(LOSE_LISTENERS, {"database": own_desk.database.engine.url.database})
            await eventually(stuck)
            number = await own_desk.opened(nathalie)
            app.state.settings = open_to_all
            await events.about(number, "opened")
            await eventually(well)


async def test_of_many_changes_at_once_each_sends_a_hint(replicas, desk, nathalie, karim):
    sale = await desk.sell(nathalie)
    async with listening(replicas[1], karim) as events:
        numbers = []
        for _ in range(3):  # ten transactions at a time, as many as a service has connections
            opening = (desk.opened(nathalie, sale=sale) for _ in range(10))
            numbers += await asyncio.gather(*opening)
        received = [(await events.change())["number"] for _ in range(30)]
    assert sorted(received) == sorted(numbers)


# --- Bounds -----------------------------------------------------------------------------------


async def test_streams_are_bounded_and_given_back(own_desk, karim):
    async with running(replica(own_desk, streams=2)) as client:
        async with listening(client, karim), listening(client, karim):
            answer = await client.get("/api/tickets/stream", headers=karim.headers)
            assert (answer.status_code, answer.json()["code"]) == (503, "streams_full")
            assert int(answer.headers["retry-after"]) > 0
        async with asyncio.timeout(SOON):
            while True:
                try:
                    async with listening(client, karim):
                        break
                except AssertionError:
                    await asyncio.sleep(0.05)


async def test_nobody_takes_the_streams_of_others(own_desk, karim, nathalie):
    hub = Hub(500)
    held = [hub.open(caller(nathalie)) for _ in range(MAX_PER_PERSON)]
    for _ in range(400):
        with pytest.raises(TooManyOfAPerson):
            hub.open(caller(nathalie))
    hub.open(caller(karim))
    hub.close(held[0])
    with pytest.raises(TooManyOfAPerson):
        hub.open(caller(nathalie))  # asked far too often in this minute
    hub.opened.clear()
    hub.open(caller(nathalie))


async def test_whoever_comes_back_costs_no_read(own_desk, nathalie, marc, karim, monkeypatch):
    """Also who has heard nothing: a customer goes on where the replica has read to."""
    page = (await own_desk.get(marc, "/mine/counts")).json()["as_of"]
    number = await own_desk.opened(nathalie)
    app = replica(own_desk)
    async with running(app) as client:
        async with listening(client, karim) as events, listening(client, marc, since=page) as quiet:
            await own_desk.say(nathalie, number)
            started = (await events.about(number))["id"]
            await own_desk.say(nathalie, number)
            await events.about(number)

        def nothing(*_: object) -> None:
            raise AssertionError("the database was asked for this reader")

        # The replica itself goes on reading what is new, once for all of its readers.
        monkeypatch.setattr("tickets.routes.live.queries.changes", nothing)
        async with listening(client, karim, last_event_id=started) as events:
            await events.about(number)
        for _ in range(2):
            async with listening(client, marc, last_event_id=quiet.ready) as quiet:
                assert await quiet.is_quiet()


def test_streams_opened_in_one_second_do_not_all_end_in_one(karim):
    token = karim.headers["Authorization"].split()[1]
    reader = replace(caller(karim), token=token)
    ends = sorted(seconds_left(reader, datetime.now(UTC), 60) for _ in range(400))
    assert ends[-1] <= 60
    assert max(later - sooner for sooner, later in pairwise(ends)) < 1
    assert ends[-1] - ends[0] > 10


async def test_a_stream_holds_no_connection_to_the_database(own_desk, nathalie, karim):
    app = replica(own_desk, pool_size=1, pool_overflow=0)
    async with running(app) as client, contextlib.AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(listening(client, karim)) for _ in range(10)]
        answer = await client.get("/api/tickets/counts", headers=karim.headers)
        assert answer.status_code == 200
        number = await own_desk.opened(nathalie)
        for events in streams:
            assert (await events.change())["number"] == number


async def test_a_stream_ends_with_its_token(replicas, karim):
    now = datetime.now(UTC)
    claims = jwt.decode(
        karim.headers["Authorization"].split()[1], options={"verify_signature": False}
    )
    short = jwt.encode(
        claims | {"exp": now + timedelta(seconds=2)},
        testing.KEY,
        algorithm="EdDSA",
        headers={"kid": testing.KID},
    )
    began = time.monotonic()
    async with replicas[0].stream(
        "GET", "/api/tickets/stream", headers={"Authorization": f"Bearer {short}"}
    ) as response:
        async for _ in response.aiter_lines():
            pass
    assert time.monotonic() - began < SOON


async def test_a_stream_ends_after_its_time(own_desk, karim):
    app = replica(own_desk, stream_seconds=0.5)
    async with running(app) as client, listening(client, karim) as events:
        with pytest.raises(EOFError):
            await events.next()


async def test_streams_end_when_their_replica_leaves(replicas, karim):
    """So that pages connect to another one, and the leaving one need not wait for them."""
    async with listening(replicas[0], karim) as events:
        health.leaving.set()
        try:
            with pytest.raises(EOFError):
                await events.next()
        finally:
            health.leaving.clear()


async def test_nobody_listens_without_a_token(replicas):
    answer = await replicas[0].get("/api/tickets/stream")
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_a_reader_that_is_too_slow_must_reload_everything(karim, nathalie):
    stream = Stream(caller(karim))
    stream.begin("1:1:")
    rows = [change(number) for number in range(MAX_WAITING + 5)]
    stream.push(rows, "7")
    received = [stream.waiting.get_nowait() for _ in range(stream.waiting.qsize())]
    assert len(received) < MAX_WAITING
    assert (received[0].event, received[-1].id) == ("everything", "7")


async def test_a_reader_cut_off_in_the_middle_of_a_commit_gets_the_rest(karim):
    """The id says from where to go on: the first of several must not say that all were told."""
    stream = Stream(caller(karim))
    stream.begin("1:1:")
    stream.push([change(1), change(2), change(3)], "7")
    received = [stream.waiting.get_nowait() for _ in range(3)]
    assert [event.id for event in received] == [None, None, "7"]


async def test_missed_changes_come_with_one_id_too(replicas, desk, own_desk, nathalie, karim):
    async with listening(replicas[0], karim) as events:
        number = await desk.opened(nathalie)
        last = (await events.change())["id"]
    for _ in range(3):
        await desk.say(nathalie, number)
    async with (
        running(replica(own_desk)) as another,
        listening(another, karim, since=last) as events,
    ):
        received = [await events.next() for _ in range(3)]
    assert [event.get("id") for event in received[:2]] == [None, None], received
    assert received[2]["id"]


def change(number):
    row = Change(
        number=number,
        customer_id=uuid4(),
        what="message",
        by_staff=True,
        version=1,
        visible_version=1,
    )
    row.position = row.transaction = number + 1
    return row


async def test_without_a_reader_no_commit_wakes_anybody(own_desk, nathalie, karim):
    """Nobody listens to PostgreSQL then, who would have commits wait for each other."""
    async with running(replica(own_desk)) as client:
        others = await listeners(own_desk)
        async with listening(client, karim) as events:
            number = await own_desk.opened(nathalie)
            assert (await events.change())["number"] == number
            assert len(await listeners(own_desk) - others) == 1


async def listeners(desk) -> set[int]:
    """Their connections; those of other replicas end when they like."""
    async with desk.database.transaction() as session:
        found = await session.scalars(
            text(
                "SELECT pid FROM pg_stat_activity WHERE application_name = 'tickets live'"
                " AND datname = current_database()"
            )
        )
        return set(found)
