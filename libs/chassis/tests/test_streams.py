"""The set-up step of the broker: streams, durables, and its command."""

import asyncio
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import suppress

import nats
import nats.errors
import pytest
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, DeliverPolicy, RetentionPolicy, StorageType
from nats.js.errors import NotFoundError

from chassis.messaging import streams
from chassis.messaging.streams import command, making
from chassis.testing import nats_server
from contracts.topology import LISTENINGS, PUBLIC_STREAMS, PUBLISHERS, stream_name
from local.launcher.machine.processes import free_port
from local.launcher.machine.servers import Broker


@pytest.fixture
async def js() -> AsyncGenerator[JetStreamContext]:
    """The tests' broker, without any stream of ours before and after."""
    broker = await nats.connect(nats_server())
    js = broker.jetstream()
    await forget_streams(js)
    yield js
    await forget_streams(js)
    await broker.close()


async def forget_streams(js: JetStreamContext) -> None:
    for context in PUBLISHERS:
        with suppress(NotFoundError):
            await js.delete_stream(stream_name(context))


async def held(js: JetStreamContext, context: str) -> int:
    return (await js.stream_info(stream_name(context))).state.messages


async def test_every_context_gets_its_stream_and_every_listener_its_durables(js):
    await streams.set_up(nats_server(), "", ["warehouse"], recreate=["sales"])  # which is not there

    for context in PUBLISHERS:
        config = (await js.stream_info(stream_name(context))).config
        assert config.subjects == [f"{context}.>"]
        assert (config.retention, config.storage) == (RetentionPolicy.LIMITS, StorageType.FILE)
        assert (config.max_age, config.duplicate_window) == (0, 600)
    wanted = {
        (stream_name(each.to), each.service): [f"{type}.*" for type in each.types]
        for each in LISTENINGS
    } | {(stream_name(context), "warehouse"): None for context in PUBLIC_STREAMS}
    found = {}
    for context in PUBLISHERS:
        for info in await js.consumers_info(stream_name(context)):
            config = info.config
            found[info.stream_name, config.durable_name] = info.config.filter_subjects
            assert (config.deliver_policy, config.ack_policy) == (
                DeliverPolicy.ALL,
                AckPolicy.EXPLICIT,
            )
            assert (config.ack_wait, config.max_ack_pending) == (30, 1000)
    assert found == wanted


async def test_a_second_set_up_leaves_what_streams_hold_but_of_those_recreated(js):
    await streams.set_up(nats_server(), "", [])
    for context in ("sales", "catalog"):
        await js.publish(f"{context}.something.v1.1", b"{}")

    await streams.set_up(nats_server(), "", [])
    assert [await held(js, context) for context in ("sales", "catalog")] == [1, 1]
    await streams.set_up(nats_server(), "", [], recreate=["sales"])
    assert [await held(js, context) for context in ("sales", "catalog")] == [0, 1]
    assert (await js.consumer_info("SALES", "tickets")).num_pending == 0


async def test_a_stream_proves_writable_without_handing_anything_over(js):
    await streams.ensure_stream(js, "sales")
    await js.publish("sales.something.v1.1", b"{}")
    for _ in range(2):
        await streams.prove_written(js, "SALES", "tickets")
    watch = await js.consumer_info("SALES", "WATCH-tickets")
    assert (watch.num_pending, watch.config.filter_subjects) == (0, ["sales.nothing"])
    assert watch.config.ack_policy == AckPolicy.NONE


async def test_a_durable_is_read_again_from_the_position_that_is_named(js):
    await streams.ensure_stream(js, "sales")
    await streams.ensure_durable(js, "SALES", "tickets", ["sales.something.v1"])
    for number in range(3):
        await js.publish(f"sales.something.v1.{number}", b"{}")
    pull = await js.pull_subscribe_bind("tickets", "SALES")
    for each in await pull.fetch(3):
        await each.ack_sync()
    await streams.reset_durable(js, "SALES", "tickets", 2)
    again = await pull.fetch(2)
    assert [each.metadata.sequence.stream for each in again] == [2, 3]
    await pull.unsubscribe()


# --- Its connection and its command --------------------------------------------------------------


@pytest.fixture
def guarded(tmp_path) -> Generator[Broker]:
    """A broker that knows its administrator alone; not started."""
    port, folder = free_port(), tmp_path / "nats"
    config = (
        f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{folder}" }}\n'
        'authorization { user: "admin", password: "right" }'
    )
    broker = Broker(folder, port, config=config)
    yield broker
    broker.stop()


async def test_a_broker_that_is_just_starting_is_waited_for_and_a_wrong_password_is_not(guarded):
    connecting = asyncio.create_task(making.connected(guarded.url, "admin", "right"))
    await asyncio.sleep(0.1)
    guarded.start()
    connection = await connecting
    assert connection.is_connected
    await connection.close()

    began = time.monotonic()
    with pytest.raises(nats.errors.Error, match="uthorization"):
        await making.connected(guarded.url, "admin", "wrong")
    assert time.monotonic() - began < making.CONNECT_SECONDS


async def run(monkeypatch: pytest.MonkeyPatch, *words: str, **settings: str) -> str:
    """What the command ends with; in a thread, for it begins a loop of its own."""
    monkeypatch.setattr("sys.argv", ["messaging", *words])
    for name, value in settings.items():
        monkeypatch.setenv(f"GUICHET_{name}", value)
    try:
        await asyncio.to_thread(command.main)
    except SystemExit as ended:
        return str(ended)
    return ""


async def test_the_command_sets_up_and_ends_with_one_line_where_it_cannot(
    guarded, js, monkeypatch, capsys
):
    for name in ("NATS_URL", "NATS_ADMIN_PASSWORD", "SUBSCRIBERS"):
        monkeypatch.delenv(f"GUICHET_{name}", raising=False)
    missing = "messaging: GUICHET_NATS_ADMIN_PASSWORD is missing: set it, or"
    assert (await run(monkeypatch)).startswith(missing)
    password = {"NATS_ADMIN_PASSWORD": "right"}
    wrong = await run(monkeypatch, SUBSCRIBERS="Warehouse", **password)
    assert wrong.startswith("messaging: GUICHET_SUBSCRIBERS: ")
    assert await run(monkeypatch, "--republish", "web") == "2"
    printed = capsys.readouterr().err
    assert printed.startswith("usage: messaging [-h] [--republish SERVICE [SERVICE ...]]")
    assert "'web'" in printed

    assert await run(monkeypatch, SUBSCRIBERS="a, b", NATS_URL=nats_server()) == ""
    await js.publish("sales.something.v1.1", b"{}")
    assert {each.name for each in await js.consumers_info("CATALOG")} == {"sales", "a", "b"}
    assert await run(monkeypatch) == ""
    assert await held(js, "sales") == 1
    assert await run(monkeypatch, "--republish", "sales", "catalog") == ""
    assert await held(js, "sales") == 0

    guarded.start()
    guarded.wait_for(guarded.is_ready, 60)
    assert await run(monkeypatch, NATS_URL=guarded.url, NATS_ADMIN_PASSWORD="right") == ""
    refused = await run(monkeypatch, NATS_URL=guarded.url, NATS_ADMIN_PASSWORD="wrong")
    assert refused == ("messaging: NATS refuses this user: correct GUICHET_NATS_ADMIN_PASSWORD")
