"""Creates streams and durables, or updates them."""

import asyncio
import json
import time
from collections.abc import Iterable
from contextlib import suppress

import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError

from chassis.messaging.streams.rights import ADMIN, watching
from contracts.topology import LISTENINGS, PUBLIC_STREAMS, PUBLISHERS, stream_name

TROUBLE = (OSError, nats.errors.Error, JetStreamError)  # of the set-up step

DEDUPLICATION_SECONDS = 600
MAX_UNACKNOWLEDGED = 1000  # events that a service may have received and not acknowledged yet
ACK_SECONDS = 30  # also how long events wait that a killed process had received
# In the set-up step: time limits for connecting to NATS, and for each of its answers.
CONNECT_SECONDS, ANSWER_SECONDS = 10, 30


async def set_up(
    url: str, password: str, subscribers: Iterable[str], *, recreate: Iterable[str] = ()
) -> None:
    """Create or update every stream and durable. Idempotent.

    The streams of the contexts in `recreate` are created empty: their publishers notice, and publish
    everything again, in order, before anything new.
    """
    broker = await connected(url, ADMIN, password)
    try:
        js = broker.jetstream(timeout=ANSWER_SECONDS)
        for context in recreate:
            with suppress(NotFoundError):
                await js.delete_stream(stream_name(context))
        for context in PUBLISHERS:
            await ensure_stream(js, context)
        for each in LISTENINGS:
            await ensure_durable(js, stream_name(each.to), each.service, each.types)
        for subscriber in subscribers:
            for context in PUBLIC_STREAMS:
                await ensure_durable(js, stream_name(context), subscriber, None)
    finally:
        await broker.close()


async def connected(url: str, user: str, password: str) -> Client:
    """Connect, and wait if NATS has just been started."""
    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        broker = Client()
        try:
            await broker.connect(
                url,
                user=user,
                password=password,
                connect_timeout=5,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                error_cb=ignore_error,  # it is raised as an exception as well
            )
        except (OSError, nats.errors.Error) as refused:
            await broker.close()  # else its socket stays open
            if "uthorization" in str(refused) or time.monotonic() > deadline:
                raise
            await asyncio.sleep(1)
        else:
            return broker


async def ignore_error(_: Exception) -> None:
    """Without it nats-py prints tracebacks."""


async def ensure_stream(js: JetStreamContext, context: str) -> None:
    config = StreamConfig(
        name=stream_name(context),
        subjects=[f"{context}.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        max_age=0,
        duplicate_window=DEDUPLICATION_SECONDS,
    )
    try:
        await js.update_stream(config)
    except NotFoundError:
        await js.add_stream(config)


async def ensure_durable(
    js: JetStreamContext, stream: str, name: str, types: Iterable[str] | None
) -> None:
    """A pull consumer from the first event on; `types` None means every event of the stream."""
    filters = [f"{each}.*" for each in types] if types is not None else None
    await js.add_consumer(
        stream,
        ConsumerConfig(
            name=name,
            durable_name=name,
            filter_subjects=filters,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_SECONDS,
            max_ack_pending=MAX_UNACKNOWLEDGED,
        ),
    )


async def prove_written(js: JetStreamContext, stream: str, service: str) -> None:
    """Write what NATS keeps on its disk of a durable that is handed nothing, just as it was.

    A server whose files were taken away goes on as if nothing had happened, from memory and from
    files that it holds open, until it ends. Only where it has to make a file does it notice:
    then this raises an APIError.
    """
    watch = watching(service)
    await js.add_consumer(
        stream,
        ConsumerConfig(
            name=watch,
            durable_name=watch,
            filter_subjects=[f"{stream.lower()}.nothing"],
            ack_policy=AckPolicy.NONE,
        ),
    )


async def reset_durable(js: JetStreamContext, stream: str, name: str, position: int) -> None:
    """Deliver again from this position of the stream on."""
    await js._api_request(
        f"$JS.API.CONSUMER.RESET.{stream}.{name}",
        json.dumps({"seq": position}).encode(),
        timeout=ANSWER_SECONDS,
    )
