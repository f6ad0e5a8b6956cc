"""Live hints of changes, as server-sent events.

A commit wakes every replica by PostgreSQL's NOTIFY. A replica then reads the new rows of `changes`,
once for all its streams, and passes to each what its reader may see. A lost notification delays
them by `changes_poll_seconds`. A replica that lost its connection continues after its last
snapshot, and a reader after the id of its last event, so that nothing is lost.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import jwt
from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.datastructures import State

from chassis.data.database import WATCHED, Database, Reading
from chassis.errors import TooMany, Unavailable
from chassis.http.auth import Caller
from chassis.http.routing import Routes
from chassis.messaging import outbox
from chassis.monitoring import health
from chassis.monitoring.loops import Loop
from contracts.tickets import api
from tickets.models import SHOWN_TO_CUSTOMERS, is_staff
from tickets.queries import changes as queries
from tickets.routes.parameters import Anyone
from tickets.routes.snapshots import TheSnapshots

router = Routes("tickets")

MAX_CHANGES_AT_ONCE = 1_000
MAX_WAITING = 100
MAX_PER_PERSON = 10
OPENED_A_MINUTE = 240  # by one person, of whom each page opens one and each browser renews one
READINGS, ROWS_IN_THEM = 200, 5_000
LINGERING_SECONDS = 60  # reading goes on for those who are about to come back
GATHERING_SECONDS = 0.05
RETRY_MILLISECONDS = 1_000
LOOK_SECONDS = 1  # how often a stream looks whether its replica leaves
QUIET_SECONDS = 30  # between two reports of the loop while no stream is open

EVERYTHING = "everything"


class TooManyStreams(Unavailable):
    code = "streams_full"


class TooManyOfAPerson(TooMany):
    code = "too_many_streams"


class Stream:
    """One reader, and the events that were not sent to them yet."""

    def __init__(self, reader: Caller) -> None:
        self.reader = reader
        self.waiting: asyncio.Queue[ServerSentEvent] = asyncio.Queue(MAX_WAITING)
        self.started: queries.Snapshot | None = None
        self.held: list[tuple[Sequence[Any], str]] = []

    def begin(self, snapshot: str) -> None:
        """Send changes after this snapshot, including those read while it was determined."""
        self.started = queries.snapshot(snapshot)
        for rows, as_of in self.held:
            self.push(rows, as_of)
        self.held.clear()

    def push(self, rows: Sequence[Any], as_of: str) -> None:
        if self.started is None:
            self.held.append((rows, as_of))
            return
        known = [
            row for row in rows if self.may_know(row) and not self.started.saw(row.transaction)
        ]
        hints = [queries.hint(row, for_staff=is_staff(self.reader)) for row in known]
        for event in events_until(as_of, hints):
            self.put(event)

    def may_know(self, row: Any) -> bool:
        if is_staff(self.reader):
            return True
        return row.customer_id == self.reader.id and row.what in SHOWN_TO_CUSTOMERS

    def put(self, event: ServerSentEvent) -> None:
        """A reader that is too slow gets one event `everything` instead: read all again."""
        if self.waiting.full():
            while not self.waiting.empty():
                self.waiting.get_nowait()
            event = ServerSentEvent(event=EVERYTHING, raw_data="", id=event.id)
        self.waiting.put_nowait(event)


def events_until(as_of: str, changes: Sequence[api.Change]) -> Iterator[ServerSentEvent]:
    """Only the last event has an id: a reader cut off before it gets all of them again."""
    for number, change in enumerate(changes, start=1):
        is_last = number == len(changes)
        yield ServerSentEvent(event="change", data=change, id=as_of if is_last else None)


class Hub:
    """The streams of this replica, and the snapshot up to which it has read the changes.

    Recent reads are cached: a reader who reconnects within minutes costs no transaction.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.streams: set[Stream] = set()
        self.snapshot: str | None = None
        self.readings: deque[tuple[str, Sequence[Any]]] = deque(maxlen=READINGS)
        self.last_closed = float("-inf")
        self.minute, self.opened = 0, Counter[UUID]()
        self.is_read = asyncio.Event()

    def open(self, reader: Caller) -> Stream:
        if health.leaving.is_set():
            raise Unavailable("this replica leaves", retry_after=1)
        if len(self.streams) >= self.most:
            raise TooManyStreams("this replica holds all the streams it may", retry_after=5)
        self.count(reader)
        stream = Stream(reader)
        self.streams.add(stream)
        self.is_read.set()
        return stream

    def count(self, reader: Caller) -> None:
        """Open a stream; 429 `too_many_streams`, so that one person cannot use up all of them."""
        minute = int(time.monotonic() // 60)
        if minute != self.minute:
            self.minute, self.opened = minute, Counter()
        self.opened[reader.id] += 1
        held = sum(stream.reader.id == reader.id for stream in self.streams)
        if held >= MAX_PER_PERSON or self.opened[reader.id] > OPENED_A_MINUTE:
            raise TooManyOfAPerson(
                f"at most {MAX_PER_PERSON} streams at once for one person",
                context={"most": MAX_PER_PERSON},
                retry_after=60,
            )

    def close(self, stream: Stream) -> None:
        self.streams.discard(stream)
        self.last_closed = time.monotonic()

    @property
    def is_idle(self) -> bool:
        return not self.streams and time.monotonic() - self.last_closed > LINGERING_SECONDS

    def remember(self, snapshot: str, rows: Sequence[Any]) -> None:
        self.snapshot = snapshot
        self.readings.append((snapshot, rows))
        if sum(len(read) for _, read in self.readings) > ROWS_IN_THEM:
            self.readings.clear()

    def read_since(self, snapshot: str) -> list[Any] | None:
        """The changes after this snapshot; None if they are not cached."""
        snapshots = [read for read, _ in self.readings]
        if snapshot not in snapshots:
            return None
        later = list(self.readings)[snapshots.index(snapshot) + 1 :]
        return [row for _, rows in later for row in rows]

    async def begin(self, database: Database) -> str:
        """The snapshot from which the first stream starts; unchanged if another one started meanwhile."""
        if self.snapshot is None:
            async with database.reading() as reader:
                now = await queries.as_of(reader)
            if self.snapshot is None:
                self.remember(now, [])
        return self.snapshot or now

    def rest(self) -> None:
        """Stop reading: there are no readers."""
        self.snapshot = None
        self.readings.clear()
        self.is_read.clear()

    async def catch_up(self, database: Database) -> None:
        """Read new changes and pass them on."""
        then = queries.snapshot(await self.begin(database))
        async with database.reading() as reader:
            rows, now = await queries.changes_since(reader, then, MAX_CHANGES_AT_ONCE)
        self.remember(now, rows)
        if len(rows) == MAX_CHANGES_AT_ONCE:
            self.readings.clear()  # there is more than what was read
        for stream in self.streams:
            if len(rows) == MAX_CHANGES_AT_ONCE:
                stream.put(ServerSentEvent(event=EVERYTHING, raw_data="", id=now))
            else:
                stream.push(rows, now)


async def listen(app: FastAPI, loop: Loop) -> None:
    """For ever: as long as anybody reads, wake with every commit that changes a request."""
    hub: Hub = app.state.hub
    while True:
        while hub.is_idle:
            hub.rest()
            loop.report("no stream is open")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(hub.is_read.wait(), QUIET_SECONDS)
        await pass_on(app, loop)


async def pass_on(app: FastAPI, loop: Loop) -> None:
    """Runs until no stream has been open for a while."""
    hub: Hub = app.state.hub
    async with await outbox.Listener.connect(
        app.state.settings.dsn, autocommit=True, application_name="tickets live", **WATCHED
    ) as connection:
        await outbox.listen(connection, "changes")
        while not hub.is_idle:
            await hub.catch_up(app.state.database)
            loop.report("read what changed")
            async for _ in connection.notifies(
                timeout=app.state.settings.changes_poll_seconds, stop_after=1
            ):
                pass
            async for _ in connection.notifies(timeout=GATHERING_SECONDS):
                pass  # several at once are read at once


# --- Routes -----------------------------------------------------------------------------------

Since = Annotated[str | None, Query(description="The `as_of` of what is shown.")]
LastEventId = Annotated[str | None, Header(description="It wins over `since`.")]


@router.get("/changes")
async def changes(
    caller: Anyone,
    snapshots: TheSnapshots,
    reader: Reading,
    since: Annotated[str, Query(description="The `as_of` of what is shown.")],
) -> api.Changes:
    """The changes since then; customers only see those of their own requests."""
    return snapshots.of(await queries.changes(reader, caller, snapshots.read(since)))


async def beginning(
    snapshots: TheSnapshots, since: Since = None, last_event_id: LastEventId = None
) -> str | None:
    """Where a stream continues; checked before its answer begins."""
    given = last_event_id or since
    if not given:
        return None
    return queries.snapshot(snapshots.read(given)).text


Begun = Annotated[str | None, Depends(beginning)]


async def reserved_stream(
    request: Request,
    response: Response,
    reader: Anyone,
    started: Begun,  # noqa: ARG001 - first, for it may be refused
) -> AsyncGenerator[Stream]:
    """Reserved before the answer begins, so that a refusal can be a response; released at its end."""
    stream = request.app.state.hub.open(reader)
    response.headers["Cache-Control"] = "no-transform"  # and `no-cache`, which FastAPI adds
    try:
        yield stream
    finally:
        request.app.state.hub.close(stream)


def seconds_left(reader: Caller, now: datetime, most: float) -> float:
    """Runs until the token expires, or a little less.

    The ends are spread: streams opened in the same second are not all renewed in the same second.
    """
    claims = jwt.decode(reader.token, options={"verify_signature": False})
    left = min(claims["exp"] - now.timestamp(), most)
    return left * random.uniform(0.75, 1)  # noqa: S311 - no secret


@router.get("/stream", response_class=EventSourceResponse)
async def stream(
    request: Request,
    stream: Annotated[Stream, Depends(reserved_stream)],
    started: Begun,
    snapshots: TheSnapshots,
) -> AsyncIterator[ServerSentEvent]:
    """`change` events as they happen, after those since; `everything`: read all again.

    It ends with the token at the latest, or when this replica stops: reconnect with a new token and
    the id of the last event. At most 10 for one person, opened at most 240 times a minute: 429
    `too_many_streams`.
    """
    app = request.app
    ends = time.monotonic() + seconds_left(
        stream.reader, app.state.keys.now(), app.state.settings.stream_seconds
    )
    await app.state.hub.begin(app.state.database)
    async for event in missed(app.state, stream, started):
        yield snapshots.of_event(event)
    while (left := ends - time.monotonic()) > 0 and not health.leaving.is_set():
        with contextlib.suppress(TimeoutError):
            event = await asyncio.wait_for(stream.waiting.get(), min(left, LOOK_SECONDS))
            yield snapshots.of_event(event)


async def missed(state: State, stream: Stream, since: str | None) -> AsyncIterator[ServerSentEvent]:
    """There is always a first event: its id is where to continue.

    A reader to whom nothing is new continues where this replica has read to, so that coming back
    within minutes costs no read.
    """
    hub: Hub = state.hub
    here = hub.snapshot
    rows = hub.read_since(since) if since else None
    if since and here and rows is not None:
        stream.held = [(rows, here)]
        stream.begin(since)
        yield ready(since if any(map(stream.may_know, rows)) else here)
        return
    async with state.database.reading() as reader:
        started = since or await queries.as_of(reader)
        found = await queries.changes(reader, stream.reader, started)
    stream.begin(found.as_of)
    is_told = bool(found.changes) or found.everything
    yield ready(started if is_told or not here else later(started, here))
    if found.everything:
        yield ServerSentEvent(event=EVERYTHING, raw_data="", id=found.as_of)
    for event in events_until(found.as_of, found.changes):
        yield event


def later(started: str, here: str) -> str:
    """The second, unless something was visible in the first one alone."""
    return here if queries.snapshot(here).follows(queries.snapshot(started)) else started


def ready(snapshot: str) -> ServerSentEvent:
    return ServerSentEvent(event="ready", raw_data="", id=snapshot, retry=RETRY_MILLISECONDS)
