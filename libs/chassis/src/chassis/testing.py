"""Fixtures shared by every service's tests (a pytest plugin)."""

import functools
import logging
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Generator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
import psycopg
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI
from jwt import PyJWK
from jwt.algorithms import OKPAlgorithm
from psycopg import sql
from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker

from chassis import clock, migrations
from chassis.data.database import Database
from chassis.data.reading import Reader
from chassis.data.wire import wire_of
from chassis.data.writing import STATEMENTS, flush_pending
from chassis.http.auth import AUDIENCE, ISSUER, Caller
from chassis.messaging import bus
from chassis.messaging.bus import Delivery, Subscriptions
from chassis.messaging.outbox import Again, OutboxMessage, new_id, publish_again
from contracts.event import Envelope, Event

KEY = Ed25519PrivateKey.generate()
KID = "test"
PUBLISHED = {**OKPAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": KID, "alg": "EdDSA"}

# Not in colours and with every variable: that takes seconds for each error that a test provokes.
structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
    ]
)


def believe(app: FastAPI) -> None:
    """Accept the tokens of tests, and treat all their sessions as valid."""
    app.state.keys, app.state.session_check = TestKeys(), TestSessionCheck()


class TestSessionCheck:
    __test__ = False

    async def require(self, caller: Caller) -> None: ...


class TestKeys:
    """The key that signs the tokens of tests."""

    __test__ = False

    published = PyJWK(PUBLISHED)

    async def key(self, kid: str) -> PyJWK | None:
        return self.published if kid == KID else None

    def now(self) -> datetime:
        return clock.now()


def postgres_server() -> str:
    """The server on which tests may create databases; the root conftest.py starts it."""
    return os.environ["GUICHET_TEST_POSTGRES"]


def nats_server() -> str:
    return os.environ["GUICHET_TEST_NATS"]


def fresh_database(name: str) -> str:
    """(Re)create an empty database and return its URL for SQLAlchemy."""
    with psycopg.connect(postgres_server(), autocommit=True) as connection:
        identifier = sql.Identifier(name)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(identifier))
        connection.execute(sql.SQL("CREATE DATABASE {}").format(identifier))
    return url_of(name)


def url_of(database: str) -> str:
    base = postgres_server().replace("postgresql://", "postgresql+psycopg://", 1)
    return base.rsplit("/", 1)[0] + "/" + database


def migrated_database(package: str, name: str) -> str:
    """(Re)create a database at the service's newest schema and return its URL for SQLAlchemy.

    A copy of a template that is migrated once per process, which takes a second.
    """
    with psycopg.connect(postgres_server(), autocommit=True) as connection:
        template, own = sql.Identifier(migrated_template(package)), sql.Identifier(name)
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(own))
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(own, template))
    return url_of(name)


@functools.cache
def migrated_template(package: str) -> str:
    name = f"template_{package}_{os.getpid()}"
    migrations.upgrade(package, fresh_database(name))
    return name


def token(
    role: str,
    id: UUID | None = None,
    name: str = "Camille Test",
    session_id: UUID | None = None,
    ends: datetime | None = None,
) -> dict[str, str]:
    """An Authorization header for a caller with this role."""
    now = datetime.now(UTC)
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(id or uuid4()),
        "role": role,
        "name": name,
        "sid": str(session_id or uuid4()),
        "iat": now,
        "exp": ends or now + timedelta(hours=6),  # some are made once, before a long run of tests
    }
    signed = jwt.encode(claims, KEY, algorithm="EdDSA", headers={"kid": KID})
    return {"Authorization": f"Bearer {signed}"}


@pytest.fixture(autouse=True)
def logs_as_before() -> Generator[None]:
    """A test that sets up logs as a service or a server does it leaves no other test its loggers."""
    config = structlog.get_config()
    before = {each: (each.handlers[:], each.level, each.propagate) for each in loggers()}
    yield
    structlog.configure(**config)
    for logger in loggers():
        handlers, level, propagate = before.get(logger, (logger.handlers, logging.NOTSET, True))
        logger.handlers[:], logger.propagate = handlers, propagate
        if logger.level != level:  # it looks at every logger
            logger.setLevel(level)


def loggers() -> list[logging.Logger]:
    made = logging.Logger.manager.loggerDict.values()
    return [logging.getLogger(), *(each for each in made if isinstance(each, logging.Logger))]


@pytest.fixture
async def session(database: Database) -> AsyncGenerator[AsyncSession]:
    """A transaction rolled back at the end; the service's own commits are savepoints in it."""
    async with database.engine.connect() as connection:
        outer = await connection.begin()
        sessions = database.sessions
        database.sessions = async_sessionmaker(
            connection,
            expire_on_commit=False,
            join_transaction_mode="create_savepoint",
            info={STATEMENTS: database.statements},
        )
        wire = wire_of(await connection.get_raw_connection())
        raw = wire.connection

        @asynccontextmanager
        async def reading() -> AsyncGenerator[Reader]:
            async with raw.transaction():  # one that fails leaves the others as they are
                yield Reader(wire, database.statements)

        database.__dict__["reading"] = reading
        async with database.sessions() as session:
            yield session
        del database.__dict__["reading"]
        database.sessions = sessions
        await outer.rollback()


async def published(session: AsyncSession) -> list[Event]:
    """The events that the service has published so far, in order."""
    await flush_pending(session)
    rows = await session.scalars(select(OutboxMessage).order_by(OutboxMessage.position))
    return [read(Envelope.model_validate_json(row.body)) for row in rows]


async def published_again(
    session: AsyncSession, from_tables: Callable[[AsyncSession], AsyncIterable[Again]]
) -> list[Event]:
    """The events that `republish` rebuilds from the tables after the outbox was emptied.

    Facts have their original ids, and every envelope has the version that its event has.
    """
    await flush_pending(session)
    await session.flush()
    first = await facts(session)
    await session.execute(delete(OutboxMessage))
    for _ in range(2):
        await publish_again(session, from_tables(session))
    if await facts(session) != first:
        raise AssertionError("the tables publish facts under other ids")
    for body in await session.scalars(select(OutboxMessage.body)):
        envelope = Envelope.model_validate_json(body)
        if envelope.aggregateversion != envelope.data.get("version", envelope.aggregateversion):
            raise AssertionError(f"{envelope.type} has another version than its aggregate")
    every = await published(session)
    for event_id in first:
        await session.execute(delete(OutboxMessage).where(OutboxMessage.event_id == event_id))
        if await publish_again(session, from_tables(session)) != 1 or await facts(session) != first:
            raise AssertionError("a fact that alone was pruned is not published alone")
    return every


async def facts(session: AsyncSession) -> set[UUID]:
    """Those that the outbox holds."""
    kinds = [name for name, event in Event.by_type.items() if event.fact]
    found = select(OutboxMessage.event_id).where(OutboxMessage.type.in_(kinds))
    return set(await session.scalars(found))


def read(envelope: Envelope) -> Event:
    return Event.by_type[envelope.type].model_validate(envelope.data)


def wrap(event: Event) -> Envelope:
    """The event as it would come from the bus."""
    return Envelope(
        id=new_id(),
        source=f"/guichet/{event.type.partition('.')[0]}",
        type=event.type,
        subject=event.subject,
        time=datetime.now(UTC),
        aggregateversion=getattr(event, "version", None),
        data=event.model_dump(mode="json"),
    )


async def deliver(
    database: Database,
    subscriptions: Subscriptions,
    *events: Event | Envelope,
    stored_at: datetime | None = None,
) -> int:
    """Hand events to the handlers as a consumer would; returns how many were new."""
    envelopes = [wrap(event) if isinstance(event, Event) else event for event in events]
    deliveries = [
        Delivery(envelope, "TEST", n, stored_at) for n, envelope in enumerate(envelopes, 1)
    ]
    async with database.transaction() as session:
        return await bus.deliver(session, subscriptions, "test", deliveries)


async def somebody_waits(database: Database) -> bool:
    """Whether a transaction on this server waits for a lock that another one holds."""
    statement = "SELECT FROM pg_locks WHERE NOT granted"
    async with database.transaction() as session:
        return (await session.execute(text(statement))).first() is not None


# --- Programs ---------------------------------------------------------------------------------

CLAMD = shutil.which("clamd") or shutil.which("clamd", path="/usr/sbin")
# The test signature of virus scanners, in two pieces so that no scanner finds this file.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$EICAR" + b"-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SIGNATURE = "44d88612fea8a8f36de82e1278abb02f:68:Eicar-Test-Signature\n"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait(
    ready: Callable[[], bool], process: "subprocess.Popen[bytes]", seconds: float = 60
) -> None:
    until = time.monotonic() + seconds
    while not ready():
        if process.poll() is not None:
            raise RuntimeError("it has ended")
        if time.monotonic() > until:
            raise TimeoutError("it does not answer")
        time.sleep(0.1)


@pytest.fixture(scope="session")
def clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's scanner with signatures of our own: EICAR by its hash."""
    if CLAMD is None:
        pytest.skip("clamd is not installed: apt-get install clamav-daemon")
    folder, port = tmp_path_factory.mktemp("clamd"), free_port()
    (folder / "own.hdb").write_text(SIGNATURE)
    configuration = folder / "clamd.conf"
    configuration.write_text(
        f"Foreground yes\nTCPSocket {port}\nTCPAddr 127.0.0.1\nDatabaseDirectory {folder}\n"
        f"TemporaryDirectory {folder}\nStreamMaxLength 1M\n"
    )
    process = subprocess.Popen(  # noqa: S603 - Debian's
        [CLAMD, "--config-file", configuration],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )

    def answers() -> bool:
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait(answers, process)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()
