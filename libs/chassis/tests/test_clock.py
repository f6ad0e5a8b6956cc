"""The time is the database's, and tokens end by the clock of who signed them."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from chassis import clock, testing
from chassis.clock import Clock
from chassis.errors import Unauthenticated
from chassis.http.auth import PublishedKeys, read_token
from chassis.monitoring import health
from chassis.monitoring.loops import Loop, Stuck
from chassis.service import compare_clocks

MOMENT = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize("seconds", [90, -90, 100_000])
def test_a_difference_is_made_good_for(seconds):
    """Asked at noon by its own clock, answered two seconds later: the answer is of the middle."""
    own = Clock()
    theirs = MOMENT + timedelta(seconds=seconds)
    own.compare(MOMENT - timedelta(seconds=1), theirs, MOMENT + timedelta(seconds=1))
    assert own.behind == timedelta(seconds=seconds)
    assert abs(own.now() - datetime.now(UTC) - own.behind) < timedelta(seconds=1)


def test_what_a_question_takes_is_no_difference():
    own = Clock()
    assert own.compare(MOMENT, MOMENT + timedelta(seconds=0.4), MOMENT) == timedelta(0)
    own.behind = timedelta(seconds=90)
    theirs = MOMENT + timedelta(seconds=90.4)
    assert own.compare(MOMENT, theirs, MOMENT) == timedelta(seconds=90)
    assert own.compare(MOMENT, MOMENT + timedelta(seconds=0.1), MOMENT) == timedelta(0)


async def test_a_clock_beyond_five_seconds_is_trouble_and_no_reason_to_serve_nobody(
    database, monkeypatch
):
    app, loop = FastAPI(), Loop("clock")
    app.state.database = database
    assert "0 s" in await compare_clocks(app, loop)

    class Ahead(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(seconds=61)

    monkeypatch.setattr("chassis.data.database.datetime", Ahead)
    monkeypatch.setattr(clock, "process_clock", Clock())
    with pytest.raises(Stuck, match=r"61 s ahead of its database's.*set it"):
        await compare_clocks(app, loop)

    loop.report_trouble("as it says")
    app.include_router(health.health_routes(needed={}, loops=lambda: [loop]))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://sales.test"
    ) as http:
        answer = await http.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {"ready": True, "clock": "as it says"}


@pytest.mark.parametrize("ahead", [0, 3_600, -3_600])
@pytest.mark.parametrize("corrected", [0, 90, -90])
async def test_a_token_ends_by_the_clock_of_who_signed_it(ahead, corrected, monkeypatch):
    """By a reader's own clock it would have ended an hour ago, or live an hour longer.

    Also where the reader finds out only then that its own clock is wrong.
    """
    identity = timedelta(seconds=ahead)

    def answer(_: httpx.Request) -> httpx.Response:
        now = datetime.now(UTC) + identity
        return httpx.Response(200, json={"keys": [testing.PUBLISHED], "now": now.isoformat()})

    async with httpx.AsyncClient(
        transport=httpx.MockTransport(answer), base_url="http://identity.test"
    ) as http:
        keys = PublishedKeys(http)
        await keys.read()
        monkeypatch.setattr(clock.process_clock, "behind", timedelta(seconds=corrected))
        for left, is_good in ((30, True), (-5, False)):
            ends = datetime.now(UTC) + identity + timedelta(seconds=left)
            [token] = testing.token("seller", ends=ends).values()
            reading = read_token(keys, token.removeprefix("Bearer "))
            if is_good:
                assert (await reading).role == "seller"
            else:
                with pytest.raises(Unauthenticated):
                    await reading
