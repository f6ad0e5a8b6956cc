"""Other systems connect through a second NATS server, with TLS; tests/attacks shows the limits."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncGenerator, Generator
from urllib.parse import urlsplit

import nats
import nats.errors
import pytest
from nats.aio.client import Client

from chassis.messaging import streams
from doors import broker_and_door
from local.launcher.machine import loops

OTHERS = ["warehouse", "accounting"]
PASSWORDS = {user: f"secret of {user}" for user in streams.users(OTHERS)}


@pytest.fixture(scope="module")
def door(tmp_path_factory) -> Generator[tuple[str, str, ssl.SSLContext]]:
    """The addresses of broker and door, and the CA to trust there; ten sales are stored."""
    with broker_and_door(tmp_path_factory.mktemp("door"), PASSWORDS, OTHERS) as ways:
        loops.run(furnish(ways.inside))
        yield ways.inside, ways.door, ways.trusted


async def furnish(url: str) -> None:
    """A few events."""
    publisher = await connected(url, "sales")
    for number in range(10):
        await publisher.jetstream().publish(f"sales.sale-recorded.v1.{number}", b"{}")
    await publisher.close()


async def connected(url: str, user: str, **options) -> Client:
    async def on_error(_: Exception) -> None:
        """Ignore errors: the test sees a refusal by its effect."""

    return await nats.connect(
        url,
        user=user,
        password=options.pop("password", PASSWORDS[user]),
        inbox_prefix=f"_INBOX.{user}".encode(),
        error_cb=on_error,
        **options,
    )


@pytest.fixture
async def visitor(door) -> AsyncGenerator[Client]:
    _, address, trusted = door
    visitor = await connected(address, "warehouse", tls=trusted)
    yield visitor
    await visitor.close()


async def test_another_system_reads_its_durable_and_acknowledges(visitor, door):
    subscription = await visitor.jetstream().pull_subscribe_bind(
        durable="warehouse", stream="SALES"
    )
    messages = await subscription.fetch(10, timeout=5)
    assert len(messages) == 10
    for message in messages:
        await message.ack()
    await subscription.unsubscribe()

    admin = await connected(door[0], streams.ADMIN)
    for _ in range(50):
        known = await admin.jetstream().consumer_info("SALES", "warehouse")
        if known.num_ack_pending == 0:
            break
        await asyncio.sleep(0.1)
    await admin.close()
    assert (known.num_ack_pending, known.ack_floor.stream_seq) == (0, 10)


async def test_it_receives_no_event_live(visitor, door):
    received = await visitor.subscribe("sales.>")
    publisher = await connected(door[0], "sales")
    await publisher.jetstream().publish("sales.sale-recorded.v1.live", b"{}")
    await publisher.close()
    with pytest.raises(nats.errors.TimeoutError):
        await received.next_msg(timeout=0.5)


async def test_a_wrong_password_is_refused(door):
    _, address, trusted = door
    with pytest.raises((nats.errors.Error, OSError)):
        await connected(address, "warehouse", password="wrong", tls=trusted, allow_reconnect=False)


async def test_without_tls_the_door_answers_nothing(door):
    """Sent by hand, since NATS's client would not even try."""
    port = urlsplit(door[1]).port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert b'"tls_required":true' in await reader.readline()
    them = {"user": "warehouse", "pass": PASSWORDS["warehouse"], "verbose": True}
    writer.write(f"CONNECT {json.dumps(them)}\r\nPING\r\n".encode())
    with contextlib.suppress(OSError):
        async with asyncio.timeout(60):
            answer = await reader.read()
            assert b"PONG" not in answer
            assert b"+OK" not in answer
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
