"""The ids of a trace always travel; a step is recorded only where a setting names a collector."""

import asyncio
import subprocess
import sys
from typing import Any

import pytest
from sqlalchemy import select

from chassis.http.observing import Observing
from chassis.messaging.bus import Subscriptions
from chassis.messaging.outbox import OutboxMessage, publish
from chassis.monitoring import tracing
from chassis.settings import CommonSettings
from chassis.testing import deliver, wrap
from collector import Collector, listening
from contracts.event import Envelope, Event

TRACE = "0af7651916cd43dd8448eb211c80319c"
STEP = f"00-{TRACE}-b7ad6b7169203331-01"


class StoryPublished(Event, type="stories.story-published.v1", subject="story"):
    story: str


async def test_whoever_handles_an_event_goes_on_with_its_trace(database):
    """Through the outbox, as it is stored."""
    traces: list[str | None] = []
    subscriptions = Subscriptions()

    @subscriptions.on(StoryPublished)
    async def listen(session, event: StoryPublished) -> None:
        traces.append(tracing.trace_id())

    with tracing.span("tell", parent=tracing.parent_of(STEP)):
        async with database.transaction() as session:
            publish(session, StoryPublished(story="a"))
    async with database.transaction() as session:
        body = await session.scalar(select(OutboxMessage.body))
    envelope = Envelope.model_validate_json(body or "")
    await deliver(database, subscriptions, envelope)

    assert tracing.trace_id() is None
    assert traces == [TRACE]


@pytest.mark.parametrize("given", [None, "", "nonsense", STEP[:-1], STEP.replace("0", "g")])
def test_what_names_no_step_begins_a_new_trace(given):
    with tracing.span("begin", parent=tracing.parent_of(given)):
        first = tracing.trace_id()
        with tracing.span("go on"):
            assert tracing.trace_id() == first
    with tracing.span("begin", parent=tracing.parent_of(given)):
        assert tracing.trace_id() != first
    assert first != TRACE


def test_who_does_not_record_imports_nothing_for_it():
    program = """
import sys
from chassis.http import server
from chassis import service
from chassis.monitoring import tracing
from chassis.settings import CommonSettings
tracing.start("shop", CommonSettings())
print([name for name in sys.modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.fixture
def collector():
    with listening() as collector:
        yield collector


async def test_the_words_of_an_error_are_not_recorded(collector: Collector):
    tracing.start("shop", CommonSettings(traces_url=collector.url))
    with pytest.raises(ValueError, match="Rousseau"), tracing.span("fail"):
        raise ValueError("Mme Rousseau, 12 rue des Lilas")
    await tracing.stop()

    [[step]] = collector.steps.values()
    assert (step.part, step.name) == ("shop", "fail")
    assert (step.error, step.events) == ("ValueError", ())


async def test_a_request_and_an_event_are_recorded_by_what_they_are(collector, database):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 503, "headers": []})

    async def nothing(*_: Any) -> Any: ...

    headers = [(b"traceparent", STEP.encode())]
    request = {"type": "http", "method": "GET", "path": "/api/rousseau", "headers": headers}
    subscriptions = Subscriptions()

    @subscriptions.on(StoryPublished)
    async def listen(session, event: StoryPublished) -> None: ...

    envelope = wrap(StoryPublished(story="a")).model_copy(update={"traceparent": STEP})
    tracing.start("shop", CommonSettings(traces_url=collector.url))
    await Observing(app)(request, nothing, nothing)
    await Observing(app)({**request, "path": "/health/ready"}, nothing, nothing)
    await deliver(database, subscriptions, envelope)
    await tracing.stop()

    assert [(step.name, step.parent, step.attributes) for step in collector.steps[TRACE]] == [
        (
            "GET unrouted",
            "b7ad6b7169203331",
            {
                "http.request.method": "GET",
                "http.route": "unrouted",
                "http.response.status_code": "503",
            },
        ),
        (
            "handle stories.story-published.v1",
            "b7ad6b7169203331",
            {"messaging.system": "nats", "messaging.message.id": str(envelope.id)},
        ),
    ]


async def test_a_share_decides_for_those_on_whom_nobody_has_decided(collector: Collector):
    tracing.start("shop", CommonSettings(traces_url=collector.url, traces_share=0))
    with tracing.span("begin"):
        pass
    with tracing.span("go on", parent=tracing.parent_of(STEP)):
        pass
    await tracing.stop()

    assert {trace: [step.name for step in steps] for trace, steps in collector.steps.items()} == {
        TRACE: ["go on"]
    }


async def test_a_collector_that_is_away_holds_nobody_up():
    tracing.start("shop", CommonSettings(traces_url="http://127.0.0.1:1/v1/traces"))
    with tracing.span("work"):
        pass
    async with asyncio.timeout(tracing.EXPORT_SECONDS + 5):
        await tracing.stop()
