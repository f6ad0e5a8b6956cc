"""What every route can rely on: commits, problems, tokens, idempotency, cursors."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
from collections.abc import AsyncGenerator
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from fastapi import Depends
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from sqlalchemy import select, text
from starlette.types import Message

from chassis import testing
from chassis.data.database import Database, Transaction, new_id
from chassis.data.reading import Part, Question, Rows
from chassis.data.writing import ending, reader_of
from chassis.errors import NotFound, Refusal, Unavailable, field_error
from chassis.http import paging
from chassis.http.answering import OF_A_SERVICE, DefaultHeaders, HeadAsGet
from chassis.http.auth import Caller, require_role
from chassis.http.bodies import SHORT_BODY, CountedBodies
from chassis.http.idempotency import Idempotency, Once, fingerprint, made_under
from chassis.http.observing import Observing
from chassis.http.routing import Routes
from chassis.messaging.outbox import DeadLetter, IdempotencyKey, OutboxMessage
from chassis.service import create_service
from chassis.settings import ServiceSettings
from chassis.testing import believe, token
from contracts.text import Body, FieldError, Storable
from waiting import eventually


class Thing(Body):
    name: Annotated[str, Storable]
    secret: str = Field("", repr=False)


class NameTaken(Refusal):
    code = "name_taken"


router = Routes("things")


@router.post("", status_code=201)
async def make_thing(thing: Thing, session: Transaction, once: Once) -> UUID:
    async def make() -> Any:
        if thing.name == "taken":
            raise NameTaken("somebody has it", field="name", context={"since": 2020})
        made = await session.execute(
            text("INSERT INTO things VALUES (:id) RETURNING id"), {"id": new_id()}
        )
        return made.one()

    async def read(thing_id: UUID) -> UUID:
        return thing_id

    return await once.create(thing, make, read)


@router.post("/only", status_code=201)
async def make_the_only_thing(thing: Thing, session: Transaction, once: Once) -> UUID:
    def none(rows: Rows) -> str:
        if rows.scalar_one():
            raise NameTaken("there is one")
        return "none"

    async def make(before: str) -> Any:
        assert before == "none"
        reader = await reader_of(session)
        return (
            await reader.execute(
                text("INSERT INTO things VALUES (:id) RETURNING id"), {"id": new_id()}
            )
        ).one()

    async def read(thing_id: UUID) -> UUID:
        reader = await ending(session)
        return await reader.scalar(text("SELECT id FROM things WHERE id = :id"), {"id": thing_id})

    count = Question([Part(text("SELECT count(*) FROM things"), {})], none)
    return await once.create(thing, make, read, ahead=[count])


@router.post("/deferred", status_code=201)
async def deferred(session: Transaction) -> None:
    await session.execute(text("INSERT INTO parts VALUES (1)"))


@router.get("/missing")
async def missing() -> None:
    raise NotFound("no such thing")


@router.get("/broken")
async def broken() -> None:
    raise RuntimeError("a detail nobody should read")


@router.get("/count")
async def count(session: Transaction) -> int:
    return await session.scalar(text("SELECT count(*) FROM things")) or 0


@router.get("/sellers", dependencies=[Depends(require_role("seller"))])
async def sellers() -> str:
    return "welcome"


@pytest.fixture
async def client(database: Database) -> AsyncGenerator[httpx.AsyncClient]:
    async with database.engine.begin() as connection:
        await connection.execute(text("CREATE TABLE things (id uuid PRIMARY KEY)"))
        await connection.execute(text("CREATE TABLE wholes (id int PRIMARY KEY)"))
        await connection.execute(
            text("CREATE TABLE parts (a int REFERENCES wholes DEFERRABLE INITIALLY DEFERRED)")
        )
    url = database.engine.url.render_as_string(hide_password=False)
    app = create_service(ServiceSettings(service="things", database_url=url), router)
    believe(app)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://things") as client:
        yield client
    await app.state.database.close()
    await app.state.http.aclose()


async def things(database: Database) -> int:
    async with database.transaction() as session:
        return await session.scalar(text("SELECT count(*) FROM things")) or 0


async def test_a_failed_commit_is_never_answered_201(client):
    answer = await client.post("/api/things/deferred")
    assert answer.status_code == 500
    assert answer.json()["code"] == "failed"


async def in_pieces(body: bytes) -> AsyncGenerator[bytes]:
    """Sent without Content-Length."""
    for start in range(0, len(body), 8192):
        yield body[start : start + 8192]


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_larger_than_its_route_needs_is_refused_as_a_problem(client, announced):
    body = b'{"name": "' + b"a" * SHORT_BODY + b'"}'
    answer = await client.post(
        "/api/things",
        content=body if announced else in_pieces(body),
        headers={**token("seller"), "Content-Type": "application/json"},
    )
    assert answer.status_code == 413
    assert answer.json()["code"] == "body_too_large"


async def test_thousands_of_mistakes_are_answered_with_the_first_twenty(client):
    body = {f"{number:x}": 0 for number in range(6_000)} | {"name": 3, "x" * 5_000: 0}
    answer = await client.post("/api/things", json=body, headers=token("seller"))
    assert answer.status_code == 422
    assert len(answer.json()["errors"]) == 20
    assert len(answer.content) < 10_000


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"a":' * 12_000, b"1" * 60_000])
async def test_a_body_made_to_exhaust_its_parser_is_refused(client, body):
    headers = {**token("seller"), "Content-Type": "application/json"}
    answer = await client.post("/api/things", content=body, headers=headers)
    assert answer.status_code in {400, 422}


async def test_an_address_with_one_slash_too_many_is_not_redirected(client):
    answer = await client.get("/api/things/missing/")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


async def test_a_refusal_is_a_problem_with_its_field(client):
    answer = await client.post("/api/things", json={"name": "taken"}, headers=token("seller"))
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["code"] == "name_taken"
    assert problem["errors"][0] == {
        "field": "name",
        "code": "name_taken",
        "detail": "somebody has it",
        "context": {"since": 2020},
    }


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        (b"{}", "name", "required"),
        (b'{"name": 3}', "name", "string_type"),
        (b'{"name": "\\ud800"}', "name", "text_surrogate"),
        (b"{", "1", "json_invalid"),
    ],
)
async def test_malformed_bodies_name_the_field(client, body, field, code):
    answer = await client.post(
        "/api/things",
        content=body,
        headers=token("seller") | {"Content-Type": "application/json"},
    )
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid"
    assert [(e["field"], e["code"]) for e in answer.json()["errors"]] == [(field, code)]


def test_a_field_at_fault_is_named_with_what_was_wrong():
    fault = {
        "loc": ("body", "serials", 3),
        "type": "missing",
        "msg": "…",
        "ctx": {"most": 9, "error": ValueError()},
    }
    assert field_error(fault) == FieldError(
        field="serials.3", code="required", detail="…", context={"most": 9}
    )
    found = field_error({"loc": ("query", "x" * 300), "type": "too_long", "msg": ""})
    assert (found.field, found.code, found.context) == ("x" * 200, "too_long", {})
    assert Unavailable("not now", field="email").field == "email"


@pytest.mark.parametrize("middleware", [Observing, HeadAsGet, CountedBodies, DefaultHeaders])
async def test_what_is_no_request_passes_as_it_is(middleware):
    passed: list[object] = []

    async def app(*given: object) -> None:
        passed.extend(given)

    async def receive() -> Message:
        return {}

    async def send(_: Message) -> None: ...

    scope = {"type": "lifespan"}
    await middleware(app)(scope, receive, send)
    assert passed[:2] == [scope, receive]
    assert len(passed) == 3


async def test_unknown_paths_and_failures_are_problems_without_details(client):
    assert (await client.get("/api/nowhere")).json()["code"] == "not_found"
    assert (await client.delete("/api/things")).json()["code"] == "method_not_allowed"
    assert (await client.get("/api/things/missing")).json()["code"] == "not_found"
    broken = await client.get("/api/things/broken")
    assert broken.status_code == 500
    assert "nobody" not in broken.text
    welcome = await client.get("/api/things/sellers", headers=token("seller"))
    for answer in (await client.get("/api/nowhere"), broken, welcome):
        assert {name: answer.headers[name] for name in OF_A_SERVICE} == OF_A_SERVICE
        assert answer.headers["Cache-Control"] == "no-store"


async def test_head_is_answered_wherever_get_is(client):
    for path in ("/api/things/missing", "/api/things/nowhere", "/metrics",
                 "/health/live", "/health/ready", "/api/things/docs"):  # fmt: skip
        got, head = await client.get(path), await client.head(path)
        assert head.status_code == got.status_code, path
        assert head.content == b""
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
    assert (await client.head("/api/things")).status_code == 405  # which nobody can GET


async def test_roles_decide_who_may(client):
    assert (await client.get("/api/things/sellers")).status_code == 401
    assert (await client.get("/api/things/sellers", headers=token("customer"))).status_code == 403
    assert (await client.get("/api/things/sellers", headers=token("seller"))).status_code == 200


def forged(**changes: object) -> str:
    now = datetime.now(UTC)
    claims = {
        "iss": "guichet",
        "aud": "guichet",
        "sub": str(uuid4()),
        "role": "seller",
        "name": "x",
        "sid": str(uuid4()),
        "iat": now,
        "exp": now + timedelta(minutes=1),
    } | changes
    return jwt.encode(
        {k: v for k, v in claims.items() if v is not None},
        testing.KEY,
        algorithm="EdDSA",
        headers={"kid": testing.KID},
    )


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        forged(iss="elsewhere"),
        forged(aud="others"),
        forged(exp=datetime.now(UTC) - timedelta(minutes=1)),
        forged(exp=None),
        forged(sub="not an id"),
        forged(role=None),
        jwt.encode({"sub": "x"}, "x" * 32, algorithm="HS256", headers={"kid": testing.KID}),
        jwt.encode({"sub": "x"}, "", algorithm="none"),
    ],
)
async def test_a_token_that_is_not_ours_is_refused(client, bad):
    answer = await client.get("/api/things/sellers", headers={"Authorization": f"Bearer {bad}"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"


async def test_the_same_key_makes_one_thing(client, database):
    who = token("seller") | {"Idempotency-Key": "0123456789"}
    first = await client.post("/api/things", json={"name": "a", "secret": "x"}, headers=who)
    again = await client.post("/api/things", json={"name": "a", "secret": "y"}, headers=who)
    other = await client.post("/api/things", json={"name": "b"}, headers=who)

    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert other.status_code == 422
    assert other.json()["code"] == "idempotency_key_reused"
    assert await things(database) == 1
    async with database.transaction() as session:
        [row] = (await session.scalars(select(IdempotencyKey))).all()
    assert row.key_hash == hashlib.sha256(b"0123456789").digest()
    assert row.fingerprint == hmac.digest(b"0123456789", b'{"name":"a"}', "sha256")


async def test_what_is_asked_ahead_refuses_no_repetition(client, database):
    who = token("seller") | {"Idempotency-Key": "0123456789"}
    first = await client.post("/api/things/only", json={"name": "a"}, headers=who)
    again = await client.post("/api/things/only", json={"name": "a"}, headers=who)
    second = await client.post("/api/things/only", json={"name": "a"}, headers=token("seller"))
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert second.status_code == 409
    assert await things(database) == 1


def test_a_retry_after_an_update_is_the_same_request():
    """The release after has another optional field, and its fields in another order."""

    class Sent(Body):
        name: str
        note: str | None = None

    class SentToTheNext(Body):
        colour: str | None = None
        note: str | None = None
        name: str

    before = fingerprint("a key", Sent(name="a"))
    assert fingerprint("a key", Sent(name="a", note=None)) == before
    assert fingerprint("a key", SentToTheNext(name="a")) == before
    assert fingerprint("a key", SentToTheNext(name="a", colour="red")) != before
    assert fingerprint("another", Sent(name="a")) != before


async def test_concurrent_twins_make_one_thing(client, database):
    who = token("seller") | {"Idempotency-Key": "abcdefghij"}
    answers = await asyncio.gather(
        *(client.post("/api/things", json={"name": "a"}, headers=who) for _ in range(8))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json() for answer in answers}) == 1
    assert await things(database) == 1


async def test_who_drafts_and_who_sends_one_composition_take_turns(database):
    caller = Caller(id=uuid4(), role="seller", name="Awa", session_id=uuid4(), token="")

    async def drafts(key: str) -> UUID | None:
        async with database.transaction() as session:
            return await made_under(session, caller, key)

    async def it_waits() -> None:
        assert await testing.somebody_waits(database)

    made = new_id()
    async with database.transaction() as session:
        once = Idempotency(session, caller, "/api/things", "0123456789")
        made_before, _ = await once.made(Thing(name="a"))
        assert made_before is None
        drafting = asyncio.create_task(drafts("0123456789"))
        await eventually(it_waits)
        assert await drafts("another composition") is None
        once.remember(made)
    assert await drafting == made


async def test_a_refused_request_leaves_its_key_free(client, database):
    who = token("seller") | {"Idempotency-Key": "klmnopqrst"}
    refused = await client.post("/api/things", json={"name": "taken"}, headers=who)
    made = await client.post("/api/things", json={"name": "free"}, headers=who)
    assert refused.status_code == 409
    assert made.status_code == 201


async def test_a_full_pool_is_shown_at_once(client):
    database: Database = client._transport.app.state.database
    async with asyncio.timeout(20):
        held = [await database.engine.connect() for _ in range(10)]
        answer = await client.post("/api/things", json={"name": "a"}, headers=token("seller"))
        for connection in held:
            await connection.close()
    assert answer.status_code == 503
    assert answer.json()["code"] == "busy"
    assert int(answer.headers["Retry-After"]) >= 1


def test_a_cursor_gives_its_sort_key_back():
    key = ("é", 3, uuid4(), datetime.now(UTC), date(2026, 11, 24), True)
    cursor = paging.encode(*key)
    assert paging.decode(cursor, str, int, UUID, datetime, date, bool) == key
    assert "=" not in cursor
    assert not [value for value in range(9) if "=" in paging.encode("a" * value)]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "%%%",
        paging.encode("a"),
        paging.encode(1, 2, 3),
        "é",
        paging.encode(2**63, "a"),
        paging.encode("9" * 25, "a"),
        paging.encode(float("inf"), "a"),
        *(
            base64.urlsafe_b64encode(rb'[1,"%s"]' % escape).decode()
            for escape in (rb"\u0000", rb"\ud800", rb"\udfff")
        ),
        paging.encode(None, "a"),
        paging.encode(1, None),
        paging.encode("1", "a"),
        paging.encode(True, "a"),
        paging.encode(1, "a\0"),
        paging.encode(1, "a" * 3_000),
    ],
)
def test_a_cursor_that_no_list_gave_is_refused(cursor):
    with pytest.raises(paging.CursorInvalid) as refused:
        paging.decode(cursor, int, str)
    assert refused.value.field == "after"


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes().map(str)
)


@given(
    values=st.recursive(SCALARS, lambda one: st.lists(one, max_size=4)),
    kinds=st.lists(st.sampled_from([str, int, bool, UUID, datetime, date]), max_size=3),
)
def test_whatever_a_cursor_holds_is_a_key_that_can_be_compared_with_or_refused(values, kinds):
    cursor = base64.urlsafe_b64encode(json.dumps(values).encode()).decode()
    with contextlib.suppress(paging.CursorInvalid):
        key = paging.decode(cursor, *kinds)
        assert [type(value) for value in key] == kinds
        assert all(-(2**63) <= value < 2**63 for value in key if isinstance(value, int))
        assert not any("\0" in value for value in key if isinstance(value, str))


async def test_metrics_contain_routes_and_codes_and_nothing_typed(client, database):
    async with database.transaction() as session:
        event = {"event_id": new_id(), "type": "a", "subject": "a", "body": "{}"}
        session.add(OutboxMessage(**event))
        letter = {"stream": "A", "position": 1, "subject": "a", "error": "", "attempts": 1}
        session.add(DeadLetter(body="{}", **letter))
    await client.post("/api/things?name=Rousseau", json={"name": "taken"}, headers=token("seller"))
    figures = (await client.get("/metrics")).text
    assert (
        'guichet_request_seconds_count{method="POST",route="/api/things",status="409"}' in figures
    )
    assert 'guichet_refusals_total{code="name_taken"}' in figures
    assert "guichet_outbox_events 1.0" in figures
    assert "guichet_dead_letters 1.0" in figures
    assert 'guichet_pool_connections{state="in_use"}' in figures
    assert "Rousseau" not in figures


@pytest.mark.parametrize(
    ("given", "is_kept"),
    [("0123456789abcdef", True), ("x", False), ("a" * 65, False), ("a b c d e f", False)],
)
async def test_a_request_keeps_its_id_if_it_is_one(client, given, is_kept):
    answer = await client.get("/api/things/missing", headers={"X-Request-Id": given})
    assert (answer.headers["X-Request-Id"] == given) is is_kept


# --- Connections ------------------------------------------------------------------------------


async def test_connections_that_postgresql_has_ended_reach_nobody(client, database):
    """As after its restart: all of the pool at once, and nobody asked one whether it lives."""
    engine = client._transport.app.state.database.engine
    await asyncio.gather(*(client.get("/api/things/count") for _ in range(5)))
    held = [await engine.connect() for _ in range(5)]
    pids = [await each.scalar(text("SELECT pg_backend_pid()")) for each in held]
    for each in held:
        await each.close()
    async with database.transaction() as session:
        await session.execute(
            text("SELECT pg_terminate_backend(pid, 5000) FROM unnest(CAST(:p AS int[])) AS pid"),
            {"p": pids},
        )
    answers = await asyncio.gather(*(client.get("/api/things/count") for _ in range(5)))
    assert [answer.status_code for answer in answers] == [200] * 5
