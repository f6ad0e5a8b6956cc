"""Hints on their way to a browser: whole events, one stream after the other, an end."""

import asyncio
from collections.abc import AsyncIterator

import httpx

from chassis.monitoring import health
from web.clients.gateway import Gateway
from web.live import stream as live
from web.shared.sessions import SignInNeeded


def event(name: str, moment: str) -> str:
    return f"event: {name}\ndata: \nid: {moment}\n\n"


class Tickets:
    """Streams as tickets tells them, one after the other; `asked` is since when."""

    def __init__(self, *streams: str) -> None:
        self.streams, self.asked = list(streams), []

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.params.get("since"))
        return httpx.Response(200, text=self.streams.pop(0))


async def events_of(tickets: Tickets, *, since: str = "") -> list[str]:
    """What a browser hears until the session ends, after the last stream."""
    http = httpx.AsyncClient(
        transport=httpx.MockTransport(tickets.answer), base_url="http://gateway.test"
    )

    async def sign_in() -> Gateway:
        if not tickets.streams:
            raise SignInNeeded(expired=True)
        return Gateway(http)

    async with http:
        begun, *received = [each async for each in live.news(sign_in, since)]
    assert begun == live.BEGUN
    return received


async def test_the_next_stream_goes_on_where_the_last_one_ended():
    tickets = Tickets(event("ready", "1:1:") + event("change", "2:2:"), event("ready", "2:2:"))

    received = await events_of(tickets, since="1:1:")

    assert tickets.asked == ["1:1:", "2:2:"]
    assert received == [
        event("ready", "1:1:"),
        event("change", "2:2:"),
        event("ready", "2:2:"),
        live.ENDED,
    ]


async def test_half_an_event_is_not_passed_on():
    tickets = Tickets(event("ready", "1:1:") + "event: change\ndata: {", event("ready", "1:1:"))

    received = await events_of(tickets)

    assert received == [event("ready", "1:1:")] * 2 + [live.ENDED]


async def test_a_silent_stream_says_that_it_is_alive():
    assert await events_of(Tickets(": ping\n\n")) == [live.ALIVE, live.ENDED]


async def test_where_tickets_does_not_answer_the_browser_is_left_to_ask_again():
    def refuse(_: httpx.Request) -> httpx.Response:
        return httpx.Response(503)

    async def sign_in() -> Gateway:
        return Gateway(http)

    async with httpx.AsyncClient(
        transport=httpx.MockTransport(refuse), base_url="http://gateway.test"
    ) as http:
        assert [each async for each in live.news(sign_in, "")] == [live.BEGUN]


async def test_a_stream_ends_when_its_replica_is_asked_to_stop():
    async def nothing() -> AsyncIterator[str]:
        await asyncio.Event().wait()
        yield ""

    health.leaving.set()
    try:
        async with asyncio.timeout(live.LOOK_SECONDS + 5):
            assert [line async for line in live.until_leaving(nothing())] == []
    finally:
        health.leaving.clear()


async def test_nobody_signed_in_is_told_so_once_and_asks_no_more(browser):
    answer = await browser.get("/en-direct")

    assert answer.headers["Content-Type"].startswith("text/event-stream")
    assert answer.text == live.BEGUN + live.ENDED
    assert (await browser.get("/en-direct/depuis?moment=1:1:")).status_code == 401
