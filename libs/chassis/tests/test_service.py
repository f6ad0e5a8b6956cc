"""A whole service in this process: how it is put together, and that all of it runs and ends."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import httpx
import nats
import pytest
from fastapi import FastAPI
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from prometheus_client import Gauge
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from chassis.data import revisions
from chassis.data.database import Database, Transaction
from chassis.data.writing import wake_later
from chassis.http.auth import CheckedTokens, PublishedKeys
from chassis.http.routing import Routes
from chassis.http.session_check import RemoteSessionCheck
from chassis.messaging import streams
from chassis.messaging.bus import Subscriptions
from chassis.messaging.outbox import Again, publish
from chassis.monitoring.loops import Loop
from chassis.pruning import Prunable
from chassis.service import Background, Bus, create_service
from chassis.settings import ServiceSettings
from chassis.testing import nats_server, wrap
from contracts.catalog.events import ProductsChanged
from contracts.event import Envelope
from contracts.sales.events import SaleCancelled, SoldProduct
from contracts.topology import PUBLISHERS, stream_name
from local.launcher.machine.processes import free_port
from waiting import eventually

OLD, NOW = datetime(2026, 1, 5, 9, tzinfo=UTC), datetime(2026, 11, 30, 9, tzinfo=UTC)
THINGS = Gauge("test_things", "Of the service below.")


def cancelled(at: datetime) -> SaleCancelled:
    return SaleCancelled(
        sale_id=uuid4(),
        version=2,
        customer_id=uuid4(),
        product=SoldProduct(id=uuid4(), reference="A-1", designation="Une chose"),
        serial_number="SN-1",
        cancelled_by=uuid4(),
        cancelled_at=at,
    )


def settings_of(database: Database, **more: object) -> ServiceSettings:
    url = database.engine.url.render_as_string(hide_password=False)
    return ServiceSettings.model_validate(
        {
            "service": "sales",
            "database_url": SecretStr(url),
            "nats_url": nats_server(),
            "internal_url": f"http://127.0.0.1:{free_port()}",
            **more,
        }
    )


@pytest.fixture
async def js() -> AsyncGenerator[JetStreamContext]:
    """Streams and durables as the set-up step makes them."""
    broker = await nats.connect(nats_server())
    js = broker.jetstream()
    await streams.set_up(nats_server(), "", [], recreate=PUBLISHERS)
    yield js
    for context in PUBLISHERS:
        with suppress(NotFoundError):
            await js.delete_stream(stream_name(context))
    await broker.close()


class Things:
    """A service that hears of products, and notes how often its own loop has run."""

    def __init__(self, database: Database, **settings: object) -> None:
        self.turns, self.handled = 0, list[UUID]()
        self.again, self.now = cancelled(OLD), cancelled(NOW)
        self.subscriptions = Subscriptions()
        self.subscriptions.on(ProductsChanged)(self.hear)
        routes = Routes("things")
        routes.post("/cancelled", status_code=201)(self.publish_cancelled)
        self.app: FastAPI = create_service(
            settings_of(database, **settings),
            routes,
            self.subscriptions,
            background=[Background("counting", self.count, every=3600, quiet=7)],
            readings=[self.read],
            prunable=[Prunable("things", "at < now() - :kept", "at", {"kept": timedelta(days=1)})],
            from_tables=self.from_tables,
        )

    async def hear(self, session: AsyncSession, event: ProductsChanged) -> None:
        self.handled.append(event.change_id)

    async def publish_cancelled(self, session: Transaction) -> None:
        publish(session, self.now)
        wake_later(session, "counting")

    async def count(self, app: FastAPI, loop: Loop) -> str:
        assert (app, loop.name) == (self.app, "counting")
        self.turns += 1
        return f"counted {self.turns}"

    async def read(self, database: Database) -> None:
        async with database.reading() as reader:
            THINGS.set(await reader.scalar(text("SELECT count(*) FROM things")))

    async def from_tables(self, session: AsyncSession) -> AsyncIterator[Again]:
        yield Again(self.again, 2, OLD)

    def client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://sales")


@pytest.fixture
async def migrated(database: Database) -> Database:
    """At the revision that the code of sales needs, with two things, one of them old."""
    newest = revisions.known("sales")[0]
    async with database.engine.begin() as connection:
        for statement in (
            "CREATE TABLE alembic_version (version_num text)",
            f"INSERT INTO alembic_version VALUES ('{newest}')",
            "CREATE TABLE things (at timestamptz)",
            "INSERT INTO things VALUES (now()), (now() - interval '2 days')",
        ):
            await connection.execute(text(statement))
    return database


async def test_all_of_a_service_runs_and_ends(migrated, js):
    things = Things(migrated)
    change = ProductsChanged(change_id=uuid4(), products=[])
    async with things.client() as client:
        async with things.app.router.lifespan_context(things.app):
            assert (await client.post("/api/things/cancelled")).status_code == 201
            subject = f"{change.type}.{change.subject}"
            await js.publish(subject, wrap(change).model_dump_json().encode())

            async def all_is_done() -> None:
                ready = (await client.get("/health/ready")).json()
                assert ready.pop("signing keys").startswith("identity does not publish its keys")
                assert ready.pop("ready") is True
                assert [name for name, state in ready.items() if not state.startswith("ok")] == []
                assert [*ready] == [
                    "database", "broker", "outbox", "relay", "consumer IDENTITY",
                    "consumer CATALOG", "forgetting", "clock", "disk", "connections", "counting",
                ]  # fmt: skip
                assert ready["counting"].startswith("ok: counted 2 ")
                assert ready["forgetting"].startswith("ok: forgot 1 rows ")
                assert ready["connections"].startswith("ok: closed 0 idle connections ")
                assert things.handled == [change.change_id]

                assert (await js.stream_info("SALES")).state.messages == 2
                stored = [(await js.get_msg("SALES", n)).data or b"" for n in (1, 2)]
                published = [Envelope.model_validate_json(each) for each in stored]
                assert [each.id for each in published] == [things.again.fact_id, things.now.fact_id]
                assert [each.aggregateversion for each in published] == [2, 2]
                assert published[0].time == OLD

                metrics = (await client.get("/metrics")).text
                for line in ("test_things 1.0", "guichet_outbox_events 0.0",
                             "guichet_outbox_age_seconds 0.0", 'guichet_consumer_lag_events{stream="IDENTITY"} 0.0', 'guichet_loop_trouble{loop="relay"} 0.0',
                             'guichet_loop_trouble{loop="counting"} 0.0',
                             'guichet_pool_connections{state="most"} 10.0',
                             'guichet_events_handled_total{type="catalog.products-changed.v1"}',
                             'guichet_events_published_total{type="sales.sale-cancelled.v1"}'):  # fmt: skip
                    assert line in metrics

            await eventually(all_is_done)
        with pytest.raises(httpx.ConnectError, match="closed"):
            await things.app.state.http.get("/")
    assert await connections(migrated) == 0


async def connections(database: Database) -> int:
    """Of the service on its database, once PostgreSQL knows that they have ended."""
    statement = text(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name IN ('sales', 'relay')"
    )

    async def none() -> int:
        async with database.reading() as reader:
            found = await reader.scalar(statement)
        assert found == 0
        return found

    return await eventually(none)


async def test_a_service_is_made_of_what_it_is_set_to(database):
    routes = Routes("things")
    routes.get("")(lambda: None)
    app = create_service(
        settings_of(database, pool_size=2, pool_overflow=1, pool_seconds=0.5), routes
    )
    [route] = routes.routes
    assert route in app.routes  # as it is: nothing is made again for the first request
    refusals = {"401", "403", "404", "409", "422", "429", "503"}
    assert refusals <= {*app.openapi()["paths"]["/api/things"]["get"]["responses"]}
    pages = (app.title, app.docs_url, app.openapi_url, app.redoc_url)
    assert pages == ("Guichet: sales", "/api/sales/docs", "/api/sales/openapi.json", None)
    state = app.state
    assert isinstance(state.keys, PublishedKeys)
    assert isinstance(state.session_check, RemoteSessionCheck)
    assert isinstance(state.checked_tokens, CheckedTokens)
    assert state.keys.http is state.session_check.http is state.http
    assert (state.http.url, state.http.timeout.read) == (state.settings.internal_url, 1)
    pool = state.database.engine.pool
    assert (state.database.most, pool.size(), pool.timeout()) == (3, 2, 0.5)
    async with state.database.reading() as reader:
        assert await reader.scalar(text("SHOW application_name")) == "sales"
    loops = {wake.__self__ for wake in state.database.wakers.values()}
    assert {loop.name: loop.every for loop in loops} == {
        "forgetting": 3600, "signing keys": 300, "clock": 15, "disk": 1, "connections": 30,
    }  # fmt: skip
    await state.database.close()
    await state.http.aclose()


@pytest.mark.parametrize(
    ("relay", "consumer", "loops"),
    [
        (True, False, ["relay"]),
        (False, True, ["consumer IDENTITY", "consumer CATALOG"]),
    ],
)
async def test_a_process_does_only_what_it_is_set_to(database, js, relay, consumer, loops):
    settings = settings_of(
        database, relay=relay, consumer=consumer, outbox_poll_seconds=4, consumer_batch=7,
        retry_seconds=(2, 3),
    )  # fmt: skip
    bus = Bus(settings, Subscriptions(), database)
    assert await bus.state() == "away: it has not answered yet"
    assert bus.loops() == []
    running = asyncio.create_task(bus.run())

    async def at_work() -> None:
        assert await bus.state() is None
        assert [loop.name for loop in bus.loops()] == loops
        assert all(loop.state() is None and loop.last != "started" for loop in bus.loops())

    try:
        await eventually(at_work)
        assert bus.relay is None or (bus.relay.poll, bus.relay.stream) == (4, "SALES")
        assert bus.relay is None or bus.relay.own.from_tables is None
        assert {(each.batch, each.retries) for each in bus.consumers} <= {(7, (2, 3))}
        assert len({id(each.refusals) for each in (*bus.consumers, bus.relay) if each}) == 1
        bus.back()
        assert all(each.was_cut_off.is_set() for each in bus.consumers)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert bus.broker is not None
    assert bus.broker.is_closed
    assert await bus.state() == "away: it has not answered yet"
    assert await bus.publish_again() == 0
