"""Logs are for machines and hold nothing that people typed."""

import asyncio
import gc
import json
import logging
from contextlib import suppress
from typing import Any

import httpx
import pytest
import structlog
import uvloop
from fastapi import APIRouter, FastAPI
from pydantic import BaseModel, ValidationError

from chassis import errors
from chassis.http.observing import Observing
from chassis.monitoring import logs

STEP = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


async def test_a_request_is_one_line_without_its_query_string(capsys):
    async def app(scope, receive, send):
        structlog.get_logger("inside").info("worked")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def nothing(*_):
        return None

    logs.configure()
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/api/people/rousseau",
        "query_string": b"text=rousseau",
        "headers": [(b"x-request-id", b"0123456789"), (b"traceparent", STEP)],
    }
    await Observing(app)(scope, nothing, nothing)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["event"] for line in lines] == ["worked", "request"]
    assert [line["logger"] for line in lines] == ["inside", "requests"]
    assert {line["level"] for line in lines} == {"info"}
    assert all(line["timestamp"].endswith("Z") for line in lines)
    assert (lines[1]["method"], lines[1]["status"]) == ("GET", 200)
    assert 0 <= lines[1]["milliseconds"] < 10_000
    assert {line["request_id"] for line in lines} == {"0123456789"}
    assert {line["trace_id"] for line in lines} == {"0af7651916cd43dd8448eb211c80319c"}
    assert lines[1]["route"] == "unrouted"
    assert "rousseau" not in json.dumps(lines)


async def test_a_failure_in_the_middle_of_an_answer_ends_the_connection():
    """Nothing else can be answered any more: whoever serves has to cut it off."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("a bug")

    async def nothing(*_: Any) -> Any: ...

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    with pytest.raises(RuntimeError, match="a bug"):
        await Observing(app)(scope, nothing, nothing)


async def test_a_request_is_logged_by_the_full_template_of_its_route(capsys):
    inner, outer, app = APIRouter(prefix="/messages"), APIRouter(), FastAPI()

    @inner.get("/{number:int}")
    async def message(number: int) -> int:
        return number

    outer.include_router(inner, prefix="/requests")
    app.include_router(outer)
    app.add_middleware(Observing)
    logs.configure()
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
        assert (await http.get("/requests/messages/12345")).json() == 12345
        assert (await http.get("/requests/messages/rousseau")).status_code == 404

    logged = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["route"] for line in logged] == ["/requests/messages/{number:int}", "unrouted"]


class Typed(BaseModel):
    age: int


def test_an_error_reports_where_it_arose_and_not_what_was_typed(capsys):
    logs.configure()
    typed = {"age": "rousseau"}
    try:
        try:
            Typed.model_validate(typed)
        except ValidationError as wrong:
            raise RuntimeError("the form was not understood") from wrong
    except RuntimeError:
        structlog.get_logger().exception("failed")
        logging.getLogger("a library").exception("failed too")

    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    for line in lines:
        logged = json.loads(line)["exception"]
        assert "RuntimeError: the form was not understood" in logged
        assert "ValidationError" in {its.rpartition(".")[2] for its in logged.splitlines()}
        assert "in test_an_error_reports_where_it_arose" in logged
        assert "rousseau" not in logged


def test_the_cause_of_an_error_is_logged_unless_it_is_suppressed():
    def chain(beside_the_point: bool) -> list[type[BaseException]]:
        try:
            try:
                raise KeyError
            except KeyError:
                if beside_the_point:
                    raise LookupError from None
                raise LookupError  # noqa: B904 - what is tested
        except LookupError as error:
            return [type(each) for each in logs.chain_of(error)]

    assert chain(beside_the_point=False) == [KeyError, LookupError]
    assert chain(beside_the_point=True) == [LookupError]


def test_a_name_that_is_looked_up_for_too_long_is_no_error_of_its_own(capsys):
    """As of NATS, again and again, while its container is away."""

    async def gives_up() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.open_connection("nowhere.invalid", 4222), 0.0001)
        await asyncio.sleep(0.5)
        gc.collect()

    logs.configure()
    uvloop.run(gives_up())
    logging.getLogger("asyncio").error("something else")
    assert [json.loads(line)["event"] for line in capsys.readouterr().out.splitlines()] == [
        "something else"
    ]


async def test_a_failure_that_nobody_foresaw_is_logged_with_its_ids_and_no_path(capsys):
    app = FastAPI()

    @app.get("/api/people/{name}")
    async def person(name: str) -> None:
        raise RuntimeError

    errors.install(app)
    app.add_middleware(Observing)
    logs.configure()
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://people"
    ) as client:
        answer = await client.get(
            "/api/people/rousseau",
            headers={"X-Request-Id": "0123456789", "traceparent": STEP.decode()},
        )

    assert (answer.status_code, answer.json()["code"]) == (500, "failed")
    assert answer.headers["X-Request-Id"] == "0123456789"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    [failed] = [line for line in lines if line["event"] == "request_failed"]
    assert (failed["request_id"], failed["route"]) == ("0123456789", "/api/people/{name}")
    assert failed["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert "rousseau" not in json.dumps(lines)
