"""Passes tickets' live stream on to one browser."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from http import HTTPStatus

from chassis.monitoring import health
from web.clients import tickets
from web.clients.gateway import Gateway, Problem
from web.shared.sessions import SignInNeeded

LOOK_SECONDS = 1  # how often a stream looks whether its replica leaves

# A browser does not see the comments by which a stream without news shows that it is alive.
COMMENT = ":"
ALIVE = "event: alive\ndata:\n\n"
ENDED = "event: ended\ndata:\n\n"
# This person has as many streams as one may: the page waits a minute before it asks again.
FULL = "event: full\ndata:\n\n"
# Before anybody else is asked, so that whatever stands between passes the answer on at once.
BEGUN = ": begun\n\n"


async def news(sign_in: Callable[[], Awaitable[Gateway]], since: str) -> AsyncGenerator[str]:
    """Server-sent events for as long as the session, from several streams of tickets in turn.

    Each of those ends with its access token, and the next one continues after it. If tickets does
    not answer, the response ends: the browser reconnects, perhaps to another replica.
    """
    yield BEGUN
    while not health.leaving.is_set():
        try:
            async with tickets.stream(await sign_in(), since) as lines:
                async for event in events(until_leaving(lines)):
                    since = moment_of(event) or since
                    yield event
        except SignInNeeded:
            yield ENDED
            return
        except Problem as problem:
            if problem.status == HTTPStatus.TOO_MANY_REQUESTS:
                yield FULL
            return


async def events(lines: AsyncIterator[str]) -> AsyncGenerator[str]:
    """Complete events only: half an event would corrupt the next one."""
    event = ""
    async for line in lines:
        if line.startswith(COMMENT):
            yield ALIVE
        elif line:
            event += f"{line}\n"
        elif event:
            yield f"{event}\n"
            event = ""


async def until_leaving(lines: AsyncIterator[str]) -> AsyncGenerator[str]:
    """An idle stream must not delay the stop of a replica."""
    while True:
        following = asyncio.ensure_future(anext(lines, None))
        try:
            while not following.done():
                await asyncio.wait([following], timeout=LOOK_SECONDS)
                if health.leaving.is_set():
                    return
        finally:
            following.cancel()
        line = following.result()
        if line is None:
            return
        yield line


def moment_of(event: str) -> str:
    """The snapshot to continue after."""
    ids = [line.removeprefix("id: ") for line in event.splitlines() if line.startswith("id: ")]
    return ids[-1] if ids else ""
