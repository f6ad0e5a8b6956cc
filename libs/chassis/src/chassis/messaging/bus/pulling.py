"""Pulls events from JetStream: one open request, whose events are taken as they arrive."""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import NoReturn

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.errors import APIError

EXPIRED = "408"
LATE_SECONDS = 1  # how late NATS may report that a request has expired
ARRIVAL_SECONDS = 2  # how long a stopping process waits for events under way
PAUSE_SECONDS = 1  # after a refusal, before the next request


class Pull:
    """The next events of a durable.

    nats-py's own `fetch` delays an event that arrives just after an earlier request has expired by
    some seconds, and sends two requests for each event.
    """

    def __init__(self, broker: Client, stream: str, durable: str) -> None:
        self.broker = broker
        self.requests = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        self.inbox = broker.new_inbox()
        self.subscription: Subscription | None = None
        self.arrived: list[Msg] = []
        self.changed = asyncio.Event()
        self.outstanding, self.request, self.requested_at, self.ends = 0, 0, 0.0, 0.0
        self.refusal: Msg | None = None
        self.has_brought = False

    async def open(self) -> None:
        self.subscription = await self.broker.subscribe(f"{self.inbox}.*", cb=self.receive)

    async def receive(self, message: Msg) -> None:
        """An event has a reply subject; a message without one is the status of a request."""
        if message.reply:
            self.arrived.append(message)
            self.has_brought = True
            self.outstanding -= 1
        elif message.subject == f"{self.inbox}.{self.request}":
            self.outstanding = 0
            self.refusal = message
        self.changed.set()

    async def wait(self, most: int, seconds: float) -> None:
        """Wait until an event has arrived; raises TimeoutError after these seconds."""
        while not self.arrived:
            if self.refusal is not None:
                refusal, self.refusal = self.refusal, None
                if not (self.has_brought and status_of(refusal) == EXPIRED):
                    await raise_refusal(refusal)
            if self.outstanding <= 0:
                await self.ask(most, seconds)
            self.changed.clear()
            left = self.ends - time.monotonic() + LATE_SECONDS
            try:
                async with asyncio.timeout(left):
                    await self.changed.wait()
            except TimeoutError:
                self.forget_request()
                raise

    def take(self, most: int) -> list[Msg]:
        taken, self.arrived = self.arrived[:most], self.arrived[most:]
        return taken

    async def ask(self, most: int, seconds: float) -> None:
        self.request += 1
        self.has_brought = False
        self.outstanding, self.requested_at, self.refusal = most, time.monotonic(), None
        self.ends = self.requested_at + seconds
        request_body = {"batch": most, "expires": int(seconds * 1e9)}
        reply = f"{self.inbox}.{self.request}"
        await self.broker.publish(self.requests, json.dumps(request_body).encode(), reply=reply)

    def forget_request(self) -> None:
        """NATS has restarted and no longer knows the request."""
        self.outstanding = 0

    def put_back(self, messages: Sequence[Msg]) -> None:
        self.arrived = [*messages, *self.arrived]

    async def close(self) -> list[Msg]:
        """Receive what is under way, then stop; returns the events that nobody has taken."""
        if (subscription := self.subscription) is not None:
            for step in (partial(self.all_arrive, subscription), subscription.drain):
                with suppress(TimeoutError, nats.errors.Error):
                    if self.broker.is_connected:
                        async with asyncio.timeout(ARRIVAL_SECONDS):
                            await step()
            with suppress(nats.errors.Error):
                await subscription.unsubscribe()
        return self.take(len(self.arrived))

    async def all_arrive(self, subscription: Subscription) -> None:
        """Wait for events under way: NATS would drop them and count them as delivered."""
        before = -1
        while self.outstanding > 0 and (before < len(self.arrived) or subscription.pending_msgs):
            before = len(self.arrived)
            await self.broker.flush()


def status_of(message: Msg) -> str | None:
    return (message.headers or {}).get("Status")


async def raise_refusal(status: Msg) -> NoReturn:
    if status_of(status) == EXPIRED:
        raise TimeoutError("nothing has come")
    await asyncio.sleep(PAUSE_SECONDS)
    APIError.from_msg(status)
