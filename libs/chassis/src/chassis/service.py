"""Assembles a service: settings, routes, subscriptions, background loops, health."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from nats.aio.client import Client
from prometheus_client import CollectorRegistry
from psycopg.errors import UndefinedTable
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.pool import QueuePool

from chassis import clock, errors, pruning
from chassis.data import revisions
from chassis.data.database import Database
from chassis.data.outages import DISK_FULL
from chassis.http.answering import DefaultHeaders, HeadAsGet
from chassis.http.auth import CheckedTokens, PublishedKeys
from chassis.http.bodies import CountedBodies
from chassis.http.client import HttpClient
from chassis.http.observing import Observing, template
from chassis.http.routing import Routes
from chassis.http.session_check import RemoteSessionCheck
from chassis.messaging.bus import (
    Consumer,
    Refusals,
    Relay,
    Subscriptions,
    connect,
    listenings_of,
)
from chassis.messaging.outbox import Again, publish_again
from chassis.monitoring import health, metrics
from chassis.monitoring.loops import Loop, Stuck
from chassis.outages import UNREACHABLE, describe
from chassis.pruning import Prunable
from chassis.settings import ServiceSettings
from contracts.topology import PUBLISHERS, stream_name

log = structlog.get_logger()


@dataclass(frozen=True)
class Background:
    """A service's own loop; `work` is one turn or the whole loop, and reports to `Loop`.

    `every`: seconds from the end of a turn to the next, unless `wake_later` names it before.
    `quiet`: seconds that a turn may take without a report before it counts as stuck.
    """

    name: str
    work: Callable[[FastAPI, Loop], Awaitable[str | None]]
    every: float = 1
    quiet: float = 120


Reading = Callable[[Database], Awaitable[None]]
FromTables = Callable[[AsyncSession], AsyncIterable[Again]]

PRUNING_SECONDS = 3600
CANCEL_AGAIN_SECONDS = 1
KEYS_REFRESH_SECONDS = 300
CLOCK_SECONDS, CLOCK_WAIT_SECONDS = 15, 3
DISK_SECONDS = 5
IDLE_SECONDS = 60
ZERO = timedelta(0)
OUTBOX_SECONDS = 30  # by when an event is published where nothing is in the way
OLDEST = text("""
    SELECT count(*), coalesce(extract(epoch FROM now() - min(recorded_at)), 0)
    FROM messaging.outbox WHERE published_at IS NULL
""")

MESSAGING = text("""
    SELECT count(*), coalesce(extract(epoch FROM now() - min(recorded_at)), 0),
        (SELECT count(*) FROM messaging.dead_letters) AS dead_letters
    FROM messaging.outbox WHERE published_at IS NULL
""")


def create_service(
    settings: ServiceSettings,
    routes: Routes,
    subscriptions: Subscriptions | None = None,
    *,
    background: Sequence[Background] = (),
    readings: Sequence[Reading] = (),
    registry: CollectorRegistry | None = None,
    prunable: Sequence[Prunable] = (),
    from_tables: FromTables | None = None,
) -> FastAPI:
    """The ASGI application of one service.

    It also serves while the broker is away: what it publishes waits in the outbox. `readings`
    update gauges whenever Prometheus asks; `registry` holds metrics of the service's own.
    `prunable` are old rows of its own tables, to be deleted; `from_tables` publishes again what the
    outbox no longer holds, for a stream that was lost. `app.state` holds `settings`, `database`,
    `http` (to call other services), `keys` and `session_check`.
    """
    database = Database(
        settings.database_url.get_secret_value(),
        size=settings.pool_size,
        overflow=settings.pool_overflow,
        wait=settings.pool_seconds,
        name=settings.service,
    )
    http = HttpClient(settings.internal_url, seconds=1)
    bus = Bus(settings, subscriptions or Subscriptions(), database, from_tables)
    own = [
        Background("forgetting", partial(prune_old_rows, prunable), every=PRUNING_SECONDS),
        Background("signing keys", refresh_keys, every=KEYS_REFRESH_SECONDS),
        Background("clock", compare_clocks, every=CLOCK_SECONDS),
        Background("disk", watch_disk),
        Background("connections", close_idle, every=IDLE_SECONDS / 2),
        *background,
    ]
    loops = {each: Loop(each.name, every=each.every, quiet=each.quiet) for each in own}
    database.wakers.update({loop.name: loop.wake for loop in loops.values()})

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        with suppress(
            Exception
        ):  # the loop reports it; no request is served until the database answers
            async with asyncio.timeout(CLOCK_WAIT_SECONDS):
                await database.read_clock()
        running = [
            asyncio.create_task(bus.loop.run(bus.run, describe)),
            *(
                asyncio.create_task(loop.run(partial(each.work, app, loop), describe))
                for each, loop in loops.items()
            ),
        ]
        yield
        await end(running)
        await http.aclose()
        await database.close()

    app = FastAPI(
        title=f"Guichet: {settings.service}",
        lifespan=lifespan,
        docs_url=f"/api/{settings.service}/docs",
        openapi_url=f"/api/{settings.service}/openapi.json",
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
    )
    app.state.settings = settings
    app.state.database = database
    app.state.http = http
    app.state.keys = PublishedKeys(http)
    app.state.session_check = RemoteSessionCheck(http)
    app.state.checked_tokens = CheckedTokens()
    errors.install(app)
    for trouble in UNREACHABLE:
        app.add_exception_handler(trouble, database_error)
    app.add_middleware(CountedBodies)
    app.add_middleware(Observing)
    app.add_middleware(DefaultHeaders)
    app.add_middleware(HeadAsGet)
    app.router.routes += routes.routes

    def all_loops() -> list[Loop]:
        return [*bus.loops(), *loops.values()]

    async def read_loops() -> None:
        for loop in all_loops():
            loop.measure()

    reading = [partial(read, database) for read in (read_database, *readings)]
    app.include_router(metrics.metrics_routes([read_loops, *reading], registry))
    app.include_router(
        health.health_routes(
            needed={"database": partial(database_ready, settings.service, database)},
            reported={"broker": bus.state, "outbox": partial(outbox_published, database)},
            loops=all_loops,
        )
    )
    return app


async def end(loops: Sequence[asyncio.Task[None]]) -> None:
    """Cancel them, and again whichever has swallowed it: nats-py does while it connects."""
    running = set(loops)
    while running:
        for loop in running:
            loop.cancel()
        _, running = await asyncio.wait(running, timeout=CANCEL_AGAIN_SECONDS)


async def database_error(request: Request, error: Exception) -> JSONResponse:
    log.warning("database_trouble", route=template(request.scope), trouble=describe(error))
    busy = errors.Busy("the service is busy; try again", retry_after=2)
    return await errors.refused(request, busy)


CURRENT_REVISION = text(revisions.CURRENT)


async def database_ready(service: str, database: Database) -> str | None:
    """The database answers, and has the schema that this code needs."""
    try:
        found = await database.reader.scalar(CURRENT_REVISION)
    except PoolTimeout:
        return None  # every connection is at work: to send all elsewhere would only move the crowd
    except UndefinedTable:
        found = None
    except Exception as error:
        return describe(error)
    return revisions.difference(service, found)


async def outbox_published(database: Database) -> str | None:
    """Whether events are being published, by whichever replica does."""
    try:
        waiting, age = (await database.reader.execute(OLDEST)).one()
    except Exception:  # the line of the database reports it
        return None
    if age < OUTBOX_SECONDS:
        return None
    return f"{waiting} events wait to be published, the oldest for {age:.0f} s: see the relays"


async def prune_old_rows(own: Sequence[Prunable], app: FastAPI, _: Loop) -> str:
    """Delete old rows of messaging and of the service's own tables."""
    database = app.state.database
    messaging = await pruning.of_messaging(database, app.state.settings)
    return await pruning.prune_all(database, [*messaging, *own])


async def refresh_keys(app: FastAPI, _: Loop) -> str:
    """Identity's public keys, so that no request has to wait for them."""
    if not isinstance(app.state.keys, PublishedKeys):
        return "has its own keys"
    await app.state.keys.read()
    return "read the keys"


async def compare_clocks(app: FastAPI, _: Loop) -> str:
    """A machine's clock that is off is reported but harmless: times are the database's."""
    behind = await app.state.database.read_clock()
    metrics.CLOCK.set(behind.total_seconds())
    seconds = f"{abs(behind).total_seconds():.0f} s {'behind' if behind > ZERO else 'ahead of'}"
    if abs(behind) > clock.WARN_ABOVE:
        raise Stuck(
            f"this machine's clock is {seconds} its database's, whose time is taken: set it (NTP)"
        )
    return f"is {seconds} its database's"


async def watch_disk(app: FastAPI, loop: Loop) -> str:
    """After a write failed because the disk is full: report it until there is room again."""
    database: Database = app.state.database
    try:
        await asyncio.wait_for(database.was_full.wait(), IDLE_SECONDS)
    except TimeoutError:
        return "found no write refused"
    loop.report_trouble(DISK_FULL)
    await asyncio.sleep(DISK_SECONDS)
    await database.try_write()
    database.was_full.clear()
    return "found room again"


async def close_idle(app: FastAPI, _: Loop) -> str:
    """Each connection costs PostgreSQL some 2 MiB, more after its first minutes of work."""
    return f"closed {await app.state.database.close_idle(IDLE_SECONDS)} idle connections"


async def read_database(database: Database) -> None:
    """Gauges of the pool, the outbox and dead letters."""
    pool = database.engine.pool
    if isinstance(pool, QueuePool):
        metrics.POOL.labels("most").set(database.most)
        metrics.POOL.labels("in_use").set(pool.checkedout())
        metrics.POOL.labels("idle").set(pool.checkedin())
    waiting, age, dead_letters = (await database.reader.execute(MESSAGING)).one()
    metrics.OUTBOX_DEPTH.set(waiting)
    metrics.OUTBOX_AGE.set(age)
    metrics.DEAD_LETTERS.set(dead_letters)


class Bus:
    """The service's connection to NATS, with its relay and its consumers."""

    def __init__(
        self,
        settings: ServiceSettings,
        subscriptions: Subscriptions,
        database: Database,
        from_tables: FromTables | None = None,
    ) -> None:
        self.settings, self.subscriptions, self.database = settings, subscriptions, database
        self.from_tables = from_tables
        self.loop = Loop("bus", quiet=float("inf"))
        self.broker: Client | None = None
        self.relay: Relay | None = None
        self.consumers: list[Consumer] = []
        self.trouble = "it has not answered yet"

    async def state(self) -> str | None:
        if self.broker is not None and self.broker.is_connected:
            return None
        return f"away: {self.loop.trouble or self.trouble}"

    def loops(self) -> list[Loop]:
        """Those that run: none before the first connection."""
        relay = [self.relay] if self.relay else []
        return [each.loop for each in (*relay, *self.consumers)]

    async def publish_again(self) -> int:
        if self.from_tables is None:
            return 0
        async with self.database.transaction() as session:
            # Tables of years are sorted first; given up, nothing at all would be published.
            await session.execute(text("SET LOCAL statement_timeout = '30min'"))
            return await publish_again(session, self.from_tables(session))

    def hear(self, trouble: str) -> None:
        self.trouble = trouble

    def back(self) -> None:
        for consumer in self.consumers:
            consumer.was_cut_off.set()

    async def run(self) -> None:
        settings, refusals = self.settings, Refusals()
        self.broker = await connect(
            settings.nats_url,
            settings.nats_user,
            settings.nats_password.get_secret_value(),
            hear=self.hear,
            refusals=refusals,
            back=self.back,
        )
        js = self.broker.jetstream()
        if settings.relay and settings.service in PUBLISHERS:
            self.relay = Relay(
                settings.dsn,
                js,
                stream_name(settings.service),
                settings.outbox_poll_seconds,
                refusals=refusals,
                from_tables=self.publish_again if self.from_tables else None,
            )
        self.consumers = [
            Consumer(
                listening,
                self.subscriptions,
                self.database,
                js,
                batch=settings.consumer_batch,
                retries=settings.retry_seconds,
                refusals=refusals,
            )
            for listening in listenings_of(settings.service)
            if settings.consumer
        ]
        try:
            async with asyncio.TaskGroup() as running:
                for each in (*([self.relay] if self.relay else []), *self.consumers):
                    running.create_task(each.loop.run(each.run, describe))
        finally:
            await self.broker.close()
