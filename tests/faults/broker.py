"""NATS as its administrator sees it: what is stored, said again, and heard by whom."""

import json
import shutil
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import nats
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import RawStreamMsg
from nats.js.errors import NotFoundError

from chassis.messaging.streams import ADMIN
from contracts.event import Envelope
from local.launcher.stack import Stack
from waiting import eventually


class Broker:
    def __init__(self, connection: Client) -> None:
        self.js: JetStreamContext = connection.jetstream()

    async def stored(self, stream: str, subject: str) -> RawStreamMsg:
        """The last event about this subject, once it has been published."""

        async def look() -> RawStreamMsg:
            try:
                return await self.js.get_last_msg(stream, subject)
            except NotFoundError:
                raise AssertionError(f"{subject} is not stored") from None

        return await eventually(look)

    async def say_again(self, message: RawStreamMsg) -> None:
        """The very same event, past the broker's own guard against repetitions."""
        assert message.subject is not None
        assert message.data is not None
        await self.say(message.subject, message.data)

    async def say(self, subject: str, body: bytes) -> None:
        await self.js.publish(subject, body, headers={"Nats-Msg-Id": str(uuid4())})

    async def is_heard(self, stream: str, durable: str) -> None:
        """Returns once this listener has handled everything that the stream holds."""

        async def look() -> None:
            last = (await self.js.stream_info(stream)).state.last_seq
            received = await self.js.consumer_info(stream, durable)
            assert received.num_pending == 0, f"{received.num_pending} of {last} wait for {durable}"
            assert received.num_ack_pending == 0, f"{durable} has not acknowledged all"

        await eventually(look)

    async def holds(self, stream: str, subject: str) -> bool:
        try:
            await self.js.get_last_msg(stream, subject)
        except NotFoundError:
            return False
        return True


@asynccontextmanager
async def connected(stack: Stack, user: str, **callbacks: Any) -> AsyncGenerator[Client]:
    """A connection as one of NATS's users."""
    connection = await nats.connect(
        stack.nats.url,
        user=user,
        password=stack.nats_password(user),
        inbox_prefix=f"_INBOX.{user}".encode(),
        allow_reconnect=False,
        **callbacks,
    )
    try:
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def administered(stack: Stack) -> AsyncGenerator[Broker]:
    async with connected(stack, ADMIN) as connection:
        yield Broker(connection)


def delete_store(stack: Stack) -> None:
    """At one stroke: NATS may be writing there."""
    gone = stack.state / "nats" / "gone"
    (stack.state / "nats" / "jetstream").rename(gone)
    shutil.rmtree(gone)


def wrapped(event_type: str, subject: str, data: Mapping[str, Any]) -> bytes:
    """An event as its publisher would send it."""
    envelope = {
        "id": str(uuid4()),
        "source": f"/guichet/{event_type.partition('.')[0]}",
        "type": event_type,
        "subject": subject,
        "time": "2026-11-24T10:00:00Z",
        "data": data,
    }
    return json.dumps(Envelope.model_validate(envelope).model_dump(mode="json")).encode()
