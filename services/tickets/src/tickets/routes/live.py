"""Hints of what happened, as it happens: server-sent events.

A commit wakes every replica by PostgreSQL's NOTIFY. Woken, a replica reads the new rows of
`changes`, once for all its streams, and passes on what each may know. A lost wake-up costs
`changes_poll_seconds`; a lost connection is taken up where it ended, by the moment of the last
reading; a reader does the same with the id of the last event. None is left out.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from typing import Annotated, Any

import jwt
import psycopg
from fastapi import Depends, FastAPI, Header, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent

from chassis import health
from chassis.auth import Caller
from chassis.database import WATCHED, Database, Transaction
from chassis.errors import Unavailable
from chassis.loops import Loop
from contracts.tickets import api
from tickets.models import TOLD_TO_CUSTOMERS, is_staff
from tickets.operations.changes import forget_changes
from tickets.queries import changes as queries
from tickets.routes.parameters import Anyone, tickets_router

router = tickets_router()

MOST_AT_ONCE = 1_000
MOST_WAITING = 100
GATHERING_SECONDS = 0.05
RETRY_MILLISECONDS = 1_000
LOOK_SECONDS = 1  # how often a stream looks whether its replica leaves
FORGETTING_SECONDS = 3_600

EVERYTHING = "everything"


class TooManyStreams(Unavailable):
    code = "streams_full"


class Stream:
    """One reader, and the events that were not sent to them yet."""

    def __init__(self, reader: Caller) -> None:
        self.reader = reader
        self.waiting: asyncio.Queue[ServerSentEvent] = asyncio.Queue(MOST_WAITING)

    def tell(self, rows: Iterable[Any], as_of: str) -> None:
        known = [row for row in rows if self.may_know(row)]
        hints = [queries.hint(row, for_staff=is_staff(self.reader)) for row in known]
        for event in told_until(as_of, hints):
            self.put(event)

    def may_know(self, row: Any) -> bool:
        if is_staff(self.reader):
            return True
        return row.customer_id == self.reader.id and row.what in TOLD_TO_CUSTOMERS

    def put(self, event: ServerSentEvent) -> None:
        """Who reads too slowly is told once to read everything again."""
        if self.waiting.full():
            while not self.waiting.empty():
                self.waiting.get_nowait()
            event = ServerSentEvent(event=EVERYTHING, raw_data="", id=event.id)
        self.waiting.put_nowait(event)


def told_until(as_of: str, changes: Sequence[api.Change]) -> Iterator[ServerSentEvent]:
    """Only the last says from where to go on: who was cut off before hears all of them again."""
    for number, change in enumerate(changes, start=1):
        is_last = number == len(changes)
        yield ServerSentEvent(event="change", data=change, id=as_of if is_last else None)


class Hub:
    """The streams of this replica, and the moment up to which it has read the changes."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.streams: set[Stream] = set()
        self.moment: str | None = None

    def open(self, reader: Caller) -> Stream:
        if health.leaving.is_set():
            raise Unavailable("this replica leaves", retry_after=1)
        if len(self.streams) >= self.most:
            raise TooManyStreams("this replica holds all the streams it may", retry_after=5)
        stream = Stream(reader)
        self.streams.add(stream)
        return stream

    def close(self, stream: Stream) -> None:
        self.streams.discard(stream)
        if not self.streams:
            self.moment = None

    async def begin(self, database: Database) -> str:
        """From when on the first stream is told; kept when another one has begun meanwhile."""
        if self.moment is None:
            async with database.transaction() as session:
                now = await queries.as_of(session)
            self.moment = self.moment or now
        return self.moment

    async def catch_up(self, database: Database) -> None:
        """Read what is new and pass it on; without a reader nothing is read."""
        if not self.streams:
            return
        then = queries.moment(await self.begin(database))
        async with database.transaction() as session:
            rows, now = await queries.changes_since(session, then, MOST_AT_ONCE)
        self.moment = now
        for stream in self.streams:
            if len(rows) == MOST_AT_ONCE:
                stream.put(ServerSentEvent(event=EVERYTHING, raw_data="", id=now))
            else:
                stream.tell(rows, now)


async def listen(app: FastAPI, loop: Loop) -> None:
    """Wake with every commit that changes a request, and catch up."""
    dsn = app.state.settings.database_url.get_secret_value().replace("+psycopg", "", 1)
    async with await psycopg.AsyncConnection.connect(
        dsn, autocommit=True, application_name="tickets live", **WATCHED
    ) as connection:
        await connection.execute("LISTEN changes")
        while True:
            await app.state.hub.catch_up(app.state.database)
            loop.did("read what changed")
            async for _ in connection.notifies(
                timeout=app.state.settings.changes_poll_seconds, stop_after=1
            ):
                pass
            async for _ in connection.notifies(timeout=GATHERING_SECONDS):
                pass  # several at once are read at once


async def forget(app: FastAPI, _: Loop) -> str:
    """Changes of yesterday are of no use to anybody."""
    async with app.state.database.transaction() as session:
        await forget_changes(session)
    return "forgot what is a day old"


# --- Routes -----------------------------------------------------------------------------------

Since = Annotated[str | None, Query(description="The `as_of` of what is shown.")]
LastEventId = Annotated[str | None, Header(description="It wins over `since`.")]


@router.get("/changes")
async def changes(
    caller: Anyone,
    session: Transaction,
    since: Annotated[str, Query(description="The `as_of` of what is shown.")],
) -> api.Changes:
    """What happened since; customers hear of their own requests alone."""
    return await queries.changes(session, caller, since)


async def place(request: Request, response: Response, reader: Anyone) -> AsyncGenerator[Stream]:
    """Taken before the answer begins, so that a refusal is an answer; given back at its end."""
    stream = request.app.state.hub.open(reader)
    response.headers["Cache-Control"] = "no-transform"  # and `no-cache`, which FastAPI adds
    try:
        yield stream
    finally:
        request.app.state.hub.close(stream)


def seconds_left(reader: Caller) -> float:
    """Until the token ends; it was checked already."""
    claims = jwt.decode(reader.token, options={"verify_signature": False})
    return claims["exp"] - time.time()


@router.get("/stream", response_class=EventSourceResponse)
async def stream(
    request: Request,
    stream: Annotated[Stream, Depends(place)],
    since: Since = None,
    last_event_id: LastEventId = None,
) -> AsyncIterator[ServerSentEvent]:
    """`change` events as they happen, first those since; `everything`: read all again.

    It ends with the token at the latest, or when this replica leaves: connect again with a new
    token and the id of the last event.
    """
    app = request.app
    left = min(seconds_left(stream.reader), app.state.settings.stream_seconds)
    ends = time.monotonic() + left
    await app.state.hub.begin(app.state.database)
    async for event in missed(app.state.database, stream.reader, last_event_id or since):
        yield event
    while (left := ends - time.monotonic()) > 0 and not health.leaving.is_set():
        with contextlib.suppress(TimeoutError):
            yield await asyncio.wait_for(stream.waiting.get(), min(left, LOOK_SECONDS))


async def missed(
    database: Database, reader: Caller, since: str | None
) -> AsyncIterator[ServerSentEvent]:
    """A first event in any case: its id is where to go on from."""
    async with database.transaction() as session:
        begun = since or await queries.as_of(session)
        found = await queries.changes(session, reader, begun)
    yield ServerSentEvent(event="ready", raw_data="", id=begun, retry=RETRY_MILLISECONDS)
    if found.everything:
        yield ServerSentEvent(event=EVERYTHING, raw_data="", id=found.as_of)
    for event in told_until(found.as_of, found.changes):
        yield event
