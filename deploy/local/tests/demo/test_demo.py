"""The demo, on a server of PostgreSQL that somebody names: loaded once, however often it is begun."""

import os
import signal
from collections import Counter
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from chassis.data import provisioning
from local import demo
from local.launcher.machine.processes import CannotStart, wait_until
from local.launcher.settings import SERVICES, LocalSettings
from local.launcher.stack import Stack
from unsynced import Unsynced

SERVER = os.environ["GUICHET_TEST_POSTGRES"]
VIEWS = ("open", "in_progress", "resolved")
pytestmark = pytest.mark.timeout(600)


class Interrupted(Exception):
    """Ctrl-C, at a moment that the test chooses."""


def interrupt(step: str) -> None:
    if step.endswith("sales"):
        raise Interrupted


@pytest.fixture
def stack(tmp_path, monkeypatch) -> Iterator[Stack]:
    monkeypatch.setenv("GUICHET_PASSWORD_MEMORY_KIB", "8")  # a hash for real takes 0.14 s
    monkeypatch.setenv("GUICHET_PASSWORD_PASSES", "1")
    settings = LocalSettings.on_free_ports(tmp_path / "state")
    try:
        with Unsynced(settings.model_copy(update={"postgres_url": SecretStr(SERVER)})) as stack:
            yield stack
    finally:
        provisioning.remove(SERVER, SERVICES)
    assert ours() == set()
    with psycopg.connect(SERVER) as connection:
        roles = "SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)"
        assert connection.execute(roles, [list(SERVICES)]).fetchone() == (0,)


def ours() -> set[str]:
    with psycopg.connect(SERVER) as connection:
        named = connection.execute("SELECT datname FROM pg_database").fetchall()
    return {name for (name,) in named} & set(SERVICES)


def test_the_demo_goes_on_where_it_was_interrupted_and_shows_every_state(stack):
    """By a part that ended, which is named at once, and by Ctrl-C.

    What it makes on the server can be removed again, databases and roles.
    """
    assert stack.postgres is None
    assert ours() == set(SERVICES)
    sales = stack.services["sales"]

    def kill(step: str) -> None:
        if step == "staff" and sales.pid:
            os.kill(sales.pid, signal.SIGKILL)

    with pytest.raises(
        CannotStart, match=r"^sales ended while the demo data was loaded: see .*log"
    ):
        demo.load(stack, kill)
    assert not demo.is_loaded(stack)
    sales.start()
    stack.gateway.wait_for(stack.routes_to_all, 60)
    with pytest.raises(Interrupted):
        demo.load(stack, interrupt)
    assert not demo.is_loaded(stack)
    demo.load(stack)
    assert demo.is_loaded(stack)
    assert one(stack, "identity", "SELECT count(*) FROM sessions WHERE revoked_at IS NULL") == 0

    with httpx.Client(base_url=stack.gateway_url, timeout=30) as http:
        tokens = {}
        for _, email, password in demo.ACCOUNTS:
            body = {"email": email, "password": password}
            session = http.post("/api/identity/sessions", json=body).json()["token"]
            asked = http.post(
                "/api/identity/tokens", headers={"Authorization": f"Bearer {session}"}
            )
            tokens[email] = asked.json()["access_token"]
        assert Counter(role for role, _, _ in demo.ACCOUNTS)["customer"] == 2
        staff = {"Authorization": f"Bearer {tokens['technicien@example.com']}"}
        for view in VIEWS:
            listed = http.get("/api/tickets", params={"view": view}, headers=staff).json()
            assert listed["tickets"], view
        sold = http.get("/api/catalog/products", params={"text": "ryzen"}, headers=staff).json()
        assert sold["on_sale"]["count"] > 9
        ready = http.get("/api/tickets/quick-replies", headers=staff).json()["quick_replies"]
        assert len(ready) > 3
    is_spread_over_the_last_weeks(stack)


def is_spread_over_the_last_weeks(stack: Stack) -> None:
    """In rows and in events alike; nobody is sent a mail on what is old."""
    assert one(stack, "tickets", "SELECT count(DISTINCT opened_at::date) > 15 FROM tickets")
    assert one(stack, "tickets", "SELECT max(opened_at) > now() - interval '2 hours' FROM tickets")
    assert one(stack, "tickets", "SELECT count(DISTINCT priority) = 4 FROM tickets")
    assert one(stack, "tickets", "SELECT sum(minutes) > 100 FROM messages")
    for service, broken in WRONG:
        assert one(stack, service, f"SELECT count(*) FROM {broken}") == 0, broken
    unpublished = "messaging.outbox WHERE published_at IS NULL"
    assert wait_until(lambda: one(stack, "tickets", f"SELECT count(*) FROM {unpublished}") == 0, 60)
    announced = "SELECT count(*) FROM tickets WHERE designation IS NOT NULL"
    all_heard = one(stack, "tickets", "SELECT count(*) FROM tickets")
    assert wait_until(lambda: one(stack, "notifications", announced) == all_heard, 60)
    old = "SELECT count(*) FROM reasons WHERE happened_at < now() - interval '1 day'"
    assert one(stack, "notifications", old) == 0
    assert one(stack, "notifications", "SELECT count(*) FROM mails WHERE kind = 'welcome'") == 0


WRONG = [
    # Numbers go with time, a wait begins with a customer's word, and nothing happens before or after.
    ("tickets", "tickets AS one JOIN tickets AS two ON one.number < two.number AND one.opened_at > two.opened_at"),
    ("tickets", "tickets WHERE opened_at > last_activity_at OR last_activity_at > now() OR resolved_at < opened_at"),
    ("tickets", """tickets WHERE waiting_since IS NOT NULL AND NOT EXISTS (SELECT FROM messages
        WHERE ticket_id = tickets.id AND sent_at = waiting_since AND kind = 'customer')"""),
    ("tickets", "messages JOIN tickets ON tickets.id = ticket_id WHERE sent_at < opened_at"),
    ("tickets", "tickets JOIN owned_products USING (sale_id) WHERE opened_at < owned_products.sold_on"),
    ("tickets", "changes WHERE changed_at > now() - interval '1 minute'"),
    # What is announced tells of the same moments.
    ("tickets", """messaging.outbox JOIN messages ON messages.id::text = body::jsonb -> 'data' ->> 'message_id'
        WHERE (body::jsonb -> 'data' ->> 'sent_at')::timestamptz <> sent_at OR (body::jsonb ->> 'time')::timestamptz <> sent_at"""),
    ("tickets", "tickets JOIN people ON people.id = customer_id WHERE registered_at > opened_at"),
    ("sales", """messaging.outbox JOIN sales ON sales.id::text = body::jsonb -> 'data' ->> 'sale_id'
        WHERE (body::jsonb -> 'data' ->> 'recorded_at')::timestamptz <> sales.recorded_at"""),
    ("sales", "sales WHERE recorded_at::date <> sold_on"),
    ("tickets", "pg_trigger WHERE tgname = 'hold_for_demo'"),
]  # fmt: skip


def one(stack: Stack, service: str, question: str) -> object:
    with psycopg.connect(provisioning.on_database(stack.server_url, service)) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]
