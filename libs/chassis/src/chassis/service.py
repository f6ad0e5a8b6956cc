"""Assemble a service: settings, routes, subscriptions, background loops, health."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial

import httpx
import structlog
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import JSONResponse
from nats.aio.client import Client
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.pool import QueuePool

from chassis import errors, health, metrics, migrations
from chassis.auth import PublishedKeys
from chassis.bodies import SHORT_BODY, CountedBodies
from chassis.bus import (
    BROKER_TROUBLE,
    Consumer,
    Relay,
    Subscriptions,
    connect,
    forever,
    listenings_of,
)
from chassis.database import Database
from chassis.messaging import SCHEMA
from chassis.observing import Observing, pass_on_ids, template
from chassis.settings import ServiceSettings
from chassis.troubles import UNREACHABLE, describe
from contracts.topology import PUBLISHERS, stream_name

log = structlog.get_logger()

Background = Callable[[FastAPI], Awaitable[None]]
Reading = Callable[[Database], Awaitable[None]]

HOUSEKEEPING_SECONDS = 3600
CANCEL_AGAIN_SECONDS = 1


def create_service(
    settings: ServiceSettings,
    routes: APIRouter,
    subscriptions: Subscriptions | None = None,
    *,
    background: Sequence[Background] = (),
    readings: Sequence[Reading] = (),
) -> FastAPI:
    """The ASGI application of one service.

    It serves even while the broker is away: what it publishes waits in the outbox.
    `readings` bring gauges up to date whenever somebody asks for them.
    `app.state` holds `settings`, `database`, `http` (to ask other services) and `keys`.
    """
    database = Database(
        settings.database_url.get_secret_value(),
        size=settings.pool_size,
        overflow=settings.pool_overflow,
        wait=settings.pool_seconds,
        name=settings.service,
    )
    http = httpx.AsyncClient(
        base_url=settings.internal_url, timeout=1, event_hooks={"request": [pass_on_ids]}
    )
    bus = Bus(settings, subscriptions or Subscriptions(), database)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        loops = [
            asyncio.create_task(forever("bus", bus.run)),
            asyncio.create_task(forever("housekeeping", partial(housekeeping, database))),
            *(
                asyncio.create_task(forever("background", partial(work, app)))
                for work in background
            ),
        ]
        yield
        await end(loops)
        await http.aclose()
        await database.close()

    app = FastAPI(
        title=f"Guichet: {settings.service}",
        lifespan=lifespan,
        docs_url=f"/api/{settings.service}/docs",
        openapi_url=f"/api/{settings.service}/openapi.json",
        redoc_url=None,
        redirect_slashes=False,
        responses=errors.RESPONSES,
    )
    app.state.settings = settings
    app.state.database = database
    app.state.http = http
    app.state.keys = PublishedKeys(http)
    errors.install(app)
    for trouble in UNREACHABLE:
        app.add_exception_handler(trouble, database_trouble)
    app.add_middleware(CountedBodies)
    app.add_middleware(Observing)
    app.include_router(routes, max_body_size=SHORT_BODY)
    own = [partial(read, database) for read in (read_database, *readings)]
    app.include_router(metrics.metrics_routes([*own, bus.read_lag]))
    app.include_router(
        health.health_routes(
            needed={"database": partial(database_ready, settings.service, database)},
            told={"broker": bus.state},
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


async def database_trouble(request: Request, error: Exception) -> JSONResponse:
    log.warning("database_trouble", route=template(request.scope), trouble=describe(error))
    busy = errors.Busy("the service is busy; try again", retry_after=2)
    return await errors.refused(request, busy)


async def database_ready(service: str, database: Database) -> str | None:
    """Reachable, and at the schema that this code was written for."""
    try:
        async with database.engine.connect() as connection:
            await connection.execute(text("SELECT 1"))
            found = await connection.run_sync(migrations.current)
    except PoolTimeout:
        return None  # every connection is at work: to send all elsewhere would only move the crowd
    except Exception as error:
        return describe(error)
    return migrations.difference(service, found)


async def housekeeping(database: Database) -> None:
    """Forget idempotency keys after a day."""
    async with database.transaction() as session:
        await session.execute(
            text(f"DELETE FROM {SCHEMA}.idempotency_keys WHERE made_at < now() - interval '1 day'")  # noqa: S608 - a constant
        )
    await asyncio.sleep(HOUSEKEEPING_SECONDS)


async def read_database(database: Database) -> None:
    """How full the pool is, how far the relay is behind, what was set aside."""
    pool = database.engine.pool
    if isinstance(pool, QueuePool):
        metrics.POOL.labels("most").set(database.most)
        metrics.POOL.labels("in_use").set(pool.checkedout())
        metrics.POOL.labels("idle").set(pool.checkedin())
    async with database.transaction() as session:
        waiting, age, parked = (
            await session.execute(
                text("""
                    SELECT count(*), coalesce(extract(epoch FROM now() - min(recorded_at)), 0),
                           (SELECT count(*) FROM messaging.dead_letters)
                    FROM messaging.outbox WHERE published_at IS NULL
                """)
            )
        ).one()
    metrics.OUTBOX_DEPTH.set(waiting)
    metrics.OUTBOX_AGE.set(age)
    metrics.DEAD_LETTERS.set(parked)


class Bus:
    """The service's place on the bus: one connection, its relay and its consumers."""

    def __init__(
        self, settings: ServiceSettings, subscriptions: Subscriptions, database: Database
    ) -> None:
        self.settings, self.subscriptions, self.database = settings, subscriptions, database
        self.broker: Client | None = None
        self.relay: Relay | None = None
        self.trouble = "it has not answered yet"

    async def state(self) -> str | None:
        if self.broker is not None and self.broker.is_connected:
            return self.relay.trouble if self.relay else None
        return f"away: {self.trouble}"

    def hear(self, trouble: str) -> None:
        self.trouble = trouble

    async def read_lag(self) -> None:
        """Ask the broker how far this service's durables are behind; silence changes nothing."""
        if self.broker is None or not self.broker.is_connected:
            return
        js = self.broker.jetstream(timeout=1)
        for listening in listenings_of(self.settings.service):
            stream = stream_name(listening.to)
            with suppress(*BROKER_TROUBLE):
                known = await js.consumer_info(stream, listening.service)
                lag = (known.num_pending or 0) + (known.num_ack_pending or 0)
                metrics.LAG.labels(stream).set(lag)

    async def run(self) -> None:
        settings = self.settings
        self.broker = await connect(
            settings.nats_url,
            settings.nats_user,
            settings.nats_password.get_secret_value(),
            self.hear,
        )
        js = self.broker.jetstream()
        dsn = settings.database_url.get_secret_value().replace("+psycopg", "", 1)
        self.relay = Relay(dsn, js, stream_name(settings.service), settings.outbox_poll_seconds)
        consumers = [
            Consumer(
                listening,
                self.subscriptions,
                self.database,
                js,
                batch=settings.consumer_batch,
                retries=settings.retry_seconds,
            )
            for listening in listenings_of(settings.service)
        ]
        try:
            async with asyncio.TaskGroup() as loops:
                if settings.relay and settings.service in PUBLISHERS:
                    loops.create_task(forever("relay", self.relay.run))
                if settings.consumer:
                    for consumer in consumers:
                        loops.create_task(forever(f"consumer {consumer.stream}", consumer.run))
        finally:
            await self.broker.close()
