"""The demo, on a server of PostgreSQL that somebody names: loaded once, however often it is begun."""

import os
import signal
from collections import Counter
from collections.abc import Iterator

import httpx
import psycopg
import pytest
from pydantic import SecretStr

from chassis import databases
from local import demo
from local.processes import CannotStart
from local.settings import SERVICES, LocalSettings
from local.stack import Stack

SERVER = os.environ["GUICHET_TEST_POSTGRES"]
VIEWS = ("open", "in_progress", "resolved")
pytestmark = pytest.mark.timeout(240)


class Interrupted(Exception):
    """Ctrl-C, at a moment that the test chooses."""


def interrupt(step: str) -> None:
    if step.endswith("sales"):
        raise Interrupted


@pytest.fixture
def stack(tmp_path) -> Iterator[Stack]:
    settings = LocalSettings.on_free_ports(tmp_path / "state")
    try:
        with Stack(settings.model_copy(update={"postgres_url": SecretStr(SERVER)})) as stack:
            yield stack
    finally:
        databases.remove(SERVER, SERVICES)


def ours() -> set[str]:
    with psycopg.connect(SERVER) as connection:
        named = connection.execute("SELECT datname FROM pg_database").fetchall()
    return {name for (name,) in named} & set(SERVICES)


def test_the_demo_goes_on_where_it_was_interrupted_and_shows_every_state(stack):
    assert stack.postgres is None
    assert ours() == set(SERVICES)
    with pytest.raises(Interrupted):
        demo.load(stack, interrupt)
    assert not demo.is_loaded(stack)
    demo.load(stack)
    assert demo.is_loaded(stack)

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


def test_a_part_that_ends_meanwhile_is_named_at_once(stack):
    def kill(step: str) -> None:
        pid = stack.services["sales"].pid
        if step == "staff" and pid:
            os.kill(pid, signal.SIGKILL)

    with pytest.raises(
        CannotStart, match=r"^sales ended while the demo data was loaded: see .*log"
    ):
        demo.load(stack, kill)
    assert not demo.is_loaded(stack)


def test_what_was_made_on_the_server_can_be_removed_again():
    """After the tests before, whose databases and roles are gone with it."""
    assert ours() == set()
    with psycopg.connect(SERVER) as connection:
        left = connection.execute(
            "SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)", [list(SERVICES)]
        ).fetchone()
    assert left == (0,)
