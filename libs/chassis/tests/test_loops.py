"""A background loop goes on whatever happens, and says so: in readiness and in figures."""

import asyncio
from contextlib import suppress

import httpx
import structlog
from fastapi import FastAPI

from chassis.monitoring.health import health_routes, log_readiness
from chassis.monitoring.loops import Loop, Stuck
from chassis.monitoring.metrics import metrics_routes


async def for_a_moment(loop: Loop, work, seconds: float = 0.2) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await loop.run(work)


async def test_trouble_is_reported_once_and_its_end_too():
    loop, troubles = Loop("a loop", every=0.01), [Stuck("the lamp is out: change it")] * 3

    async def turn() -> str:
        if troubles:
            raise troubles.pop()
        return "read a page"

    with structlog.testing.capture_logs() as logs:
        await for_a_moment(loop, turn)
    assert [(line["event"], line["loop"]) for line in logs] == [
        ("loop_stuck", "a loop"),
        ("loop_goes_on", "a loop"),
    ]
    assert logs[0]["trouble"] == "the lamp is out: change it"
    assert loop.state() is None
    assert loop.last == "read a page"


async def test_one_that_says_nothing_is_in_trouble():
    loop = Loop("a loop", every=0.01, quiet=0.1)
    await for_a_moment(loop, asyncio.Event().wait)
    assert (loop.state() or "").startswith("says nothing for 0 s, last « started »: ")


async def test_readiness_and_figures_report_what_each_loop_did_last_or_why_it_cannot():
    well, stuck = Loop("well"), Loop("stuck")
    well.report("swept the yard")
    stuck.report_trouble("the broom is gone: buy one")
    app = FastAPI()
    app.include_router(health_routes({}, loops=lambda: [well, stuck]))

    async def read() -> None:
        for loop in (well, stuck):
            loop.measure()

    app.include_router(metrics_routes([read]))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test"
    ) as client:
        answer = await client.get("/health/ready")
        figures = (await client.get("/metrics")).text
    assert answer.status_code == 200  # who asks for a page is served none the worse
    assert answer.json() == {
        "ready": True,
        "well": "ok: swept the yard 0 s ago",
        "stuck": "the broom is gone: buy one",
    }
    assert 'guichet_loop_trouble{loop="well"} 0.0' in figures
    assert 'guichet_loop_trouble{loop="stuck"} 1.0' in figures
    assert 'guichet_loop_idle_seconds{loop="well"} ' in figures


async def test_one_that_is_woken_does_not_wait_for_its_time():
    loop, turns = Loop("a loop", every=600), asyncio.Semaphore(0)

    async def work() -> str:
        turns.release()
        return "turned"

    running = asyncio.create_task(loop.run(work))
    async with asyncio.timeout(30):
        await turns.acquire()
        for _ in range(3):
            loop.wake()
            await turns.acquire()
    running.cancel()


def test_readiness_is_logged_as_loud_as_it_is():
    with structlog.testing.capture_logs() as logs:
        log_readiness({"database": None}, is_ready=True)
        log_readiness({"database": None, "broker": "away"}, is_ready=True)
        log_readiness({"database": "away"}, is_ready=False)
    assert logs == [
        {"event": "ready", "log_level": "info"},
        {"event": "ready", "log_level": "warning", "broker": "away"},
        {"event": "not_ready", "log_level": "warning", "database": "away"},
    ]
