"""Whatever a service stands on and cannot use is one line that names it and the remedy."""

import asyncio
from collections.abc import Generator

import httpx
import psycopg
import psycopg.errors
import pytest
from alembic import command
from pydantic import SecretStr
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from typer.testing import CliRunner, Result

from chassis import migrations, service, testing
from chassis.command import service_command
from chassis.data import provisioning, revisions
from chassis.data.database import Database, Transaction
from chassis.http.routing import Routes
from chassis.messaging.bus import Subscriptions
from chassis.monitoring import logs
from chassis.monitoring.loops import Loop
from chassis.outages import describe, is_transient
from chassis.service import Bus, create_service
from chassis.settings import ServiceSettings
from incidents.page import row
from local.launcher.machine.processes import free_port
from local.launcher.machine.servers import Broker
from local.launcher.watching import condition
from waiting import eventually

router = Routes("things")
SERVER = testing.postgres_server().replace("postgresql://", "postgresql+psycopg://", 1)


@router.post("/full")
async def full(session: Transaction) -> None:
    await session.execute(
        text("DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$")
    )


async def ask(url: str, path: str, method: str = "GET") -> httpx.Response:
    app = create_service(ServiceSettings(service="sales", database_url=url), router)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://things") as client:
        answer = await client.request(method, path)
    await app.state.database.close()
    await app.state.http.aclose()
    return answer


@pytest.mark.parametrize(
    ("url", "reported"),
    [
        (
            f"postgresql+psycopg://sales:wrong@127.0.0.1:{free_port()}/sales",
            "Connection refused: see that PostgreSQL runs and that GUICHET_DATABASE_URL leads to it",
        ),
        (
            "postgresql+psycopg://sales:wrong@nowhere.invalid/sales",
            "see that PostgreSQL runs and that GUICHET_DATABASE_URL leads to it",
        ),
        (
            SERVER.rsplit("/", 1)[0] + "/nobody_made_it",
            'database "nobody_made_it" does not exist: have it made first',
        ),
    ],
    ids=["silent", "no address", "no database"],
)
async def test_a_database_that_cannot_be_used_is_a_reason_not_to_be_ready(url, reported):
    answer = await ask(url, "/health/ready")
    assert answer.status_code == 503
    reason = answer.json()["database"]
    assert reported in reason
    assert "\n" not in reason
    assert "wrong" not in reason


@pytest.mark.parametrize(
    ("found", "reported"),
    [
        (None, "schema at nothing, this code needs {newest}: run `python -m sales migrate`"),
        ("0001", "schema at 0001, this code needs {newest}: run `python -m sales migrate`"),
        ("9999", "schema at 9999, which is newer than this code, of {newest}: run the version"),
    ],
)
async def test_a_schema_of_another_time_is_reported_with_the_remedy_of_each(found, reported):
    url = testing.fresh_database("test_chassis_schema")
    await put_at(url, found)
    newest = revisions.known("sales")[0]

    reason = (await ask(url, "/health/ready")).json()["database"]
    assert reported.format(newest=newest) in reason


async def put_at(url: str, revision: str | None) -> None:
    if revision is None:
        return
    database = Database(url)
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE alembic_version (version_num text)"))
        await connection.execute(text(f"INSERT INTO alembic_version VALUES ('{revision}')"))
    await database.close()


def migrate(url: str, **environment: str) -> Result:
    """As `python -m sales migrate` does."""
    environment["GUICHET_DATABASE_URL"] = url
    return CliRunner().invoke(service_command("sales"), ["migrate"], env=environment)


async def test_a_command_that_cannot_do_its_work_ends_with_one_line():
    url = testing.fresh_database("test_chassis_schema")
    await put_at(url, "9999")
    newer = migrate(url)
    assert newer.exit_code == 1
    assert newer.stderr.startswith("sales: schema at 9999, which is newer than this code")

    nowhere = migrate(f"postgresql+psycopg://sales:x@127.0.0.1:{free_port()}/sales")
    assert nowhere.exit_code == 1
    assert nowhere.stderr.startswith("the database failed: connection to server at")
    assert nowhere.stderr.endswith("PostgreSQL runs and that GUICHET_DATABASE_URL leads to it\n")

    owners = migrate(url, GUICHET_MIGRATION_URL=f"{SERVER.rsplit('/', 1)[0]}/nobody_made_it")
    assert owners.exit_code == 1
    assert owners.stderr.endswith("have it made first, or correct GUICHET_MIGRATION_URL\n")
    assert [done.stderr.count("\n") for done in (newer, nowhere, owners)] == [1, 1, 1]


@pytest.mark.parametrize(
    "held", ["sales IN ACCESS SHARE MODE", "alembic_version IN ACCESS EXCLUSIVE MODE"]
)
def test_a_table_that_stays_held_ends_a_migration_with_one_line(monkeypatch, held):
    """While it waits for the table, all who come after wait behind it."""
    url = testing.fresh_database("test_chassis_schema")
    command.upgrade(migrations.config("sales", url), "0001")
    monkeypatch.setattr(migrations, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(migrations, "PAUSE_SECONDS", 0)
    engine = create_engine(url)
    with engine.connect() as somebody, somebody.begin():
        somebody.execute(text(f"LOCK TABLE {held}"))
        with pytest.raises(migrations.SchemaInUse, match="holds a table") as refused:
            migrations.upgrade("sales", url)
        assert "\n" not in str(refused.value)
    migrations.upgrade("sales", url)
    migrations.check("sales", url)
    engine.dispose()


def test_only_the_owner_may_change_the_schema():
    url = testing.fresh_database("test_chassis_schema")
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("DROP ROLE IF EXISTS test_chassis_runs"))
        connection.execute(text("CREATE ROLE test_chassis_runs LOGIN PASSWORD 'x'"))
    host = engine.url.set(username="test_chassis_runs", password="x")
    refused = migrate(host.render_as_string(hide_password=False))
    with engine.connect() as connection:
        connection.execute(text("DROP ROLE test_chassis_runs"))
    engine.dispose()
    assert (refused.exit_code, refused.stderr) == (
        1,
        "sales: this role may not change the schema: give the address of the owner's in"
        " GUICHET_MIGRATION_URL\n",
    )


async def test_a_full_disk_is_named_in_the_log_and_whoever_asked_may_ask_again(capsys):
    logs.configure()
    url = SERVER.rsplit("/", 1)[0] + "/postgres"
    answer = await ask(url, "/api/things/full", "POST")
    assert (answer.status_code, answer.json()["code"]) == (503, "busy")
    assert "the disk of PostgreSQL is full: make room there" in capsys.readouterr().out


async def test_a_full_disk_is_trouble_until_there_is_room(monkeypatch):
    """Also while nobody writes; and one that looks for room no more is noticed."""
    monkeypatch.setattr(service, "DISK_SECONDS", 0.2)
    monkeypatch.setattr(service, "IDLE_SECONDS", 0.05)
    url = SERVER.rsplit("/", 1)[0] + "/postgres"
    app = create_service(ServiceSettings(service="sales", database_url=SecretStr(url)), router)
    loop = Loop("disk")
    looking = asyncio.create_task(loop.run(lambda: service.watch_disk(app, loop), describe))

    async def has_looked() -> None:
        assert (loop.state(), loop.last) == (None, "found no write refused")

    await eventually(has_looked, pause=0.01)
    assert loop.quiet == 120
    with pytest.raises(DBAPIError):
        async with app.state.database.transaction() as session:
            await full(session)

    async def is_reported() -> None:
        assert loop.state() == "the disk of PostgreSQL is full: make room there"

    async def well() -> None:
        assert (loop.state(), loop.last) == (None, "found room again")

    try:
        await eventually(is_reported, pause=0.01)
        await eventually(well)
    finally:
        looking.cancel()
        await app.state.database.close()
        await app.state.http.aclose()


@pytest.fixture
def provisioned() -> Generator[tuple[str, str]]:
    """A service's database as it is set up: its owner's address, and that of who serves."""
    name = "test_chassis_rights"
    roles = (provisioning.owner(name), name)
    provisioning.make(testing.postgres_server(), [name], dict.fromkeys(roles, "x"))
    try:
        at = make_url(testing.url_of(name))
        owner, serving = (
            at.set(username=role, password="x").render_as_string(hide_password=False)
            for role in roles
        )
        migrations.upgrade("sales", owner)
        yield owner, serving
    finally:
        provisioning.remove(testing.postgres_server(), [name])


def test_a_lost_right_is_named_alike_whether_the_statement_was_prepared_or_not(provisioned):
    owner, serving = (each.replace("+psycopg", "", 1) for each in provisioned)
    asks = "SELECT * FROM public.alembic_version"
    with (
        psycopg.connect(owner, autocommit=True) as holder,
        psycopg.connect(serving, autocommit=True) as connection,
    ):
        connection.execute(asks, prepare=True)
        holder.execute(f"REVOKE USAGE ON SCHEMA public FROM {make_url(serving).username}".encode())
        reasons = []
        for prepare in (True, False):
            with pytest.raises(psycopg.errors.InsufficientPrivilege) as refused:
                connection.execute(asks, prepare=prepare)
            reasons.append(describe(refused.value))
    assert reasons == [FORBIDDEN.format("schema public")] * 2


async def test_rows_that_cannot_be_deleted_are_reported_and_requests_still_served(provisioned):
    """In readiness, in `status` and in a figure, until the right is there again.

    The row's remedy, `run --rm databases`, is `provisioning.make`.
    """
    owner = provisioned[0].replace("+psycopg", "", 1)
    settings = ServiceSettings(
        service="sales",
        database_url=SecretStr(provisioned[1]),
        nats_url=f"nats://127.0.0.1:{free_port()}",
    )
    role, seen = make_url(provisioned[1]).username, row("PostgreSQL does not let this role do it")
    assert "`docker compose … run --rm databases`" in seen.todo
    assert role
    passwords = {role: "x", provisioning.owner(role): "x"}
    with psycopg.connect(owner, autocommit=True) as connection:
        connection.execute(f"REVOKE DELETE ON messaging.outbox FROM {role}".encode())
        connection.execute(WAITING)
        app = create_service(settings, router)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://sales") as client,
        ):

            async def health() -> tuple[int, dict[str, str], str]:
                answer = await client.get("/health/ready")
                _, troubles = condition.readiness_in(answer.content)
                reasons = dict(each.split(": ", 1) for each in troubles)
                return answer.status_code, reasons, (await client.get("/metrics")).text

            async def stuck() -> None:
                status, reasons, figures = await health()
                assert (status, reasons.get("forgetting")) == (
                    200,
                    FORBIDDEN.format("table outbox"),
                )
                assert 'guichet_loop_trouble{loop="forgetting"} 1.0' in figures
                assert reasons["outbox"].startswith("1 events wait to be published, the oldest for")

            async def well() -> None:
                status, reasons, figures = await health()
                assert status == 200
                assert "forgetting" not in reasons
                assert 'guichet_loop_trouble{loop="forgetting"} 0.0' in figures

            async def closed() -> None:
                status, reasons, _ = await health()
                assert (status, reasons["database"]) == (503, FORBIDDEN.format("schema public"))

            for wrong in (stuck, closed):
                await eventually(wrong)
                provisioning.make(testing.postgres_server(), [role], passwords)
                await eventually(well)
                connection.execute(f"REVOKE USAGE ON SCHEMA public FROM {role}".encode())


WAITING = """
    INSERT INTO messaging.outbox (event_id, type, subject, body, recorded_at)
    VALUES (gen_random_uuid(), 'sales.sale-recorded.v1', 'a', '{}', now() - interval '1 hour')
"""
FORBIDDEN = (
    "PostgreSQL does not let this role do it (permission denied for {}): have the databases set up"
    " again"
)


@pytest.fixture
def guarded(tmp_path) -> Generator[Broker]:
    """A broker that knows one user."""
    port = free_port()
    who = 'authorization { user: "sales", password: "right" }'
    broker = Broker(tmp_path / "nats", port, config=f'listen: "127.0.0.1:{port}"\n{who}')
    broker.start()
    broker.wait_for(broker.is_ready, 60)
    yield broker
    broker.stop()


@pytest.mark.parametrize(
    ("is_there", "reported"),
    [
        (True, "NATS refuses this user: correct GUICHET_NATS_USER and GUICHET_NATS_PASSWORD"),
        (False, "see that NATS runs and that GUICHET_NATS_URL leads to it"),
    ],
)
async def test_a_broker_that_cannot_be_used_is_reported_beside(guarded: Broker, is_there, reported):
    if not is_there:
        guarded.stop()
    settings = ServiceSettings(
        service="sales",
        database_url=SecretStr(SERVER),
        nats_url=guarded.url,
        nats_user="sales",
        nats_password=SecretStr("wrong"),
    )
    database = Database(SERVER)
    bus_of_service = Bus(settings, Subscriptions(), database)
    connecting = asyncio.create_task(bus_of_service.run())

    async def is_reported() -> None:
        assert reported in str(await bus_of_service.state())

    try:
        await eventually(is_reported)
    finally:
        connecting.cancel()
        await asyncio.gather(connecting, return_exceptions=True)
        await database.close()


@pytest.mark.parametrize(
    ("trouble", "passes"),
    [
        (PoolTimeout("every connection is at work"), True),
        (ConnectionResetError(), True),
        (OperationalError("…", {}, psycopg.OperationalError("connection is closed")), True),
        (OperationalError("…", {}, psycopg.errors.DeadlockDetected()), True),
        (OperationalError("…", {}, psycopg.errors.DiskFull()), True),
        (OperationalError("…", {}, psycopg.errors.AdminShutdown()), True),
        (OperationalError("…", {}, psycopg.errors.QueryCanceled()), False),
        (OperationalError("…", {}, psycopg.errors.ProgramLimitExceeded()), False),
        (IntegrityError("…", {}, psycopg.errors.UniqueViolation()), False),
        (DataError("…", {}, psycopg.errors.NumericValueOutOfRange()), False),
        (ValueError("poison"), False),
    ],
)
def test_only_what_may_succeed_later_is_not_held_against_an_event(trouble, passes):
    """Whether the session says it or the driver itself."""
    assert is_transient(trouble) is passes
    if isinstance(trouble, DBAPIError):
        assert isinstance(trouble.orig, psycopg.Error)
        assert is_transient(trouble.orig) is passes
