"""A part is away, does not answer, or has another schema: what is seen, and what ends it."""

import asyncio
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import psycopg
import pytest

from chassis.data.provisioning import on_database
from incidents.operator import Operator
from incidents.page import row
from incidents.pages import page
from local.launcher.machine.processes import free_port
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
    away = row("« Guichet fermé » from the gateway")
    with operator.away(operator.stack.services["web"]):

        async def closed() -> None:
            answer = await shop.http.get("/connexion", headers={"Accept": "text/html"})
            assert (answer.status_code, CLOSED in answer.text) == (503, True)

        await eventually(closed)
        status = operator.type("status")
        assert (status.returncode, "web (" in status.stdout) == (1, True)
        assert "does not answer" in status.stdout
    with operator.away(operator.stack.services["tickets"]):

        async def refused() -> None:
            answer = await shop.http.get("/api/tickets/1")
            assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
            assert answer.headers["Retry-After"]

        await eventually(refused)
    assert away.todo


async def test_identity_is_away(operator: Operator, shop: Shop, seller: Account, number: int):
    """First whoever has a token goes on; then what shows many people's data is closed."""
    keys, unchecked = row("signing keys: identity"), row("session_unchecked")
    technician = await shop.hire("technician", "Claire", "Vasseur")
    await eventually(lambda: technician.get("/api/tickets"))
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
    """Its way leads to another Guichet, whose identity has other keys."""
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
    """A fault of ours: it waits for what never comes."""
    hangs = row("says nothing for")
    (tmp_path / "sitecustomize.py").write_text(HANGING)
    async with operator.told_otherwise("catalog", PYTHONPATH=str(tmp_path)):
        await operator.sees(hangs, "catalog", seconds=100)
        assert operator.is_loop_in_trouble("catalog", "relay")
    await operator.repairs(hangs, "restart", "catalog")


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


async def test_the_schema_is_older_and_newer_than_the_code(operator: Operator):
    older, newer = row("this code needs"), row("which is newer than this code")
    [(found,)] = operator.sql("sales", "SELECT version_num FROM alembic_version")
    set_to = "UPDATE alembic_version SET version_num = '{}'"
    operator.sql("sales", set_to.format("9999"))
    await operator.sees(newer, "sales")
    operator.sql("sales", set_to.format("0006"))
    await operator.sees(older, "sales")

    refused = await asyncio.to_thread(operator.stack.run, "sales", "migrate")
    assert row("may not change the schema").is_seen_in(f"sales: {refused.stderr}")
    assert "`./guichet restart tickets`" in older.todo
    done = await asyncio.to_thread(operator.type, "restart", "sales")
    assert done.returncode == 0, done.stderr
    assert operator.sql("sales", "SELECT version_num FROM alembic_version") == [(found,)]


async def test_two_accounts_have_one_address(operator: Operator, shop: Shop):
    """As a migration leaves the newer of them."""
    shared = row("has the address of account")
    [query] = [each for each in shared.todo.split("`") if each.startswith("SELECT")]
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
