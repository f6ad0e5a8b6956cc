"""The connection to NATS: reconnects after outages, and remembers forbidden subjects."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import nats
import nats.errors
import structlog
from nats.aio.client import Client
from nats.js.errors import Error as JetStreamError

from chassis.messaging.outages import of_broker

log = structlog.get_logger()

FORBIDDEN_SUBJECT = re.compile(r'ermissions violation for \w+ to "([^"]+)"')
REMEMBERED_SECONDS = 15  # what was forbidden a moment ago; it is tried again before

BROKER_ERRORS = (TimeoutError, OSError, nats.errors.Error, JetStreamError)

Answer = TypeVar("Answer")


async def answered(question: Awaitable[Answer]) -> Answer:
    """Python 3.11 loses a cancellation that arrives together with the broker's answer."""
    return await asyncio.shield(question)


class Refusals:
    """The subjects that NATS has just forbidden: requests to them get no answer."""

    def __init__(self) -> None:
        self.last: dict[str, float] = {}

    def hear(self, error: Exception) -> None:
        for subject in FORBIDDEN_SUBJECT.findall(str(error)):
            self.last[subject] = time.monotonic()

    def of(self, part: str, since: float = float("inf")) -> bool:
        """Whether a subject that holds this was forbidden recently, or since this moment; NATS
        reports it in lower case.
        """
        since = min(since, time.monotonic() - REMEMBERED_SECONDS)
        return any(
            part.lower() in f"{subject}." and at > since for subject, at in self.last.items()
        )


async def connect(
    url: str,
    user: str,
    password: str,
    *,
    hear: Callable[[str], object] = lambda _: None,
    refusals: Refusals | None = None,
    back: Callable[[], object] = lambda: None,
) -> Client:
    """A connection that survives every outage of the broker; returns once it is first connected.

    `hear` is called with each error in one line; the log gets it only if it differs from the last.
    `back` is called whenever the connection is established again.
    """
    last = ""

    async def on_error(error: Exception) -> None:
        nonlocal last
        if refusals:
            refusals.hear(error)
        trouble = of_broker(error)
        hear(trouble)
        if trouble != last:
            last = trouble
            log.warning("broker_trouble", user=user, trouble=trouble)

    async def on_loss() -> None:
        log.warning("broker_lost", user=user)

    async def on_return() -> None:
        log.info("broker_back", user=user)
        back()

    return await nats.connect(
        url,
        user=user,
        password=password,
        name=user,
        inbox_prefix=f"_INBOX.{user or 'anyone'}".encode(),
        max_reconnect_attempts=-1,
        reconnect_time_wait=0.5,
        ping_interval=10,
        drain_timeout=5,
        error_cb=on_error,
        disconnected_cb=on_loss,
        reconnected_cb=on_return,
    )
