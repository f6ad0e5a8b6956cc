"""The example for other systems, run as they would, against a real broker with real rights."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import nats
import pytest

from chassis.messaging import streams
from chassis.testing import wrap
from contracts.sales.events import SaleCancelled, SaleRecorded
from local.launcher.machine.processes import free_port
from local.launcher.machine.servers import Broker

PROGRAM = Path(__file__).parents[1] / "examples/print_sales.py"
SYSTEMS = ("accounting", "warehouse")
PRODUCT = {"id": uuid4(), "reference": "PX-200", "designation": "Perceuse à percussion"}
LONG_AGO = "2026-11-02T09:00:00Z"


def password(user: str) -> str:
    return f"{user}-password"


@pytest.fixture(scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Broker]:
    folder, port = tmp_path_factory.mktemp("nats"), free_port()
    config = streams.nats_config(
        listen=f"127.0.0.1:{port}", store=str(folder / "store"), subscribers=SYSTEMS
    )
    secrets = {streams.password_variable(user): password(user) for user in streams.users(SYSTEMS)}
    broker = Broker(folder, port, config=config, secrets=secrets)
    broker.start()
    broker.wait_for(broker.is_ready, 60)
    await streams.set_up(broker.url, password("admin"), SYSTEMS)
    yield broker
    broker.stop()


@pytest.fixture
async def broker(server: Broker) -> Broker:
    """Where nothing has been sold yet."""
    async with connected(server, "admin") as admin:
        await admin.jetstream().purge_stream("SALES")
    return server


@asynccontextmanager
async def connected(
    broker: Broker, user: str, refused: list[str] | None = None
) -> AsyncGenerator[nats.NATS]:
    """A connection as this user; what the broker refuses is added to `refused`."""

    async def on_error(error: Exception) -> None:
        if refused is not None:
            refused.append(str(error).lower())

    connection = await nats.connect(
        broker.url,
        user=user,
        password=password(user),
        inbox_prefix=f"_INBOX.{user}",
        error_cb=on_error,
    )
    yield connection
    await connection.close()


async def publish(broker: Broker, event: SaleRecorded | SaleCancelled) -> None:
    async with connected(broker, "sales") as sales:
        envelope = wrap(event)
        subject = f"{event.type}.{event.subject}"
        await sales.jetstream().publish(subject, envelope.model_dump_json().encode())


async def sell(broker: Broker, serial_number: str) -> str:
    sale = SaleRecorded.model_validate(
        {
            "sale_id": uuid4(),
            "version": 1,
            "customer_id": uuid4(),
            "seller_id": uuid4(),
            "product": PRODUCT,
            "serial_number": serial_number,
            "sold_on": "2026-11-02",
            "recorded_at": LONG_AGO,
        }
    )
    await publish(broker, sale)
    return f"sale-recorded\t{sale.sale_id}\t{serial_number}\tPX-200\tPerceuse à percussion"


class Running:
    """The example, under way for one system."""

    def __init__(self, broker: Broker, user: str, word: str | None = None) -> None:
        self.process = subprocess.Popen(
            [sys.executable, PROGRAM, "--url", broker.url, "--user", user],
            env={**os.environ, "NATS_PASSWORD": word or password(user), "PYTHONUTF8": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )

    async def prints(self, number: int) -> list[str]:
        assert self.process.stdout is not None
        lines = [await asyncio.to_thread(self.process.stdout.readline) for _ in range(number)]
        return [line.rstrip("\n") for line in lines]

    def stop(self) -> str:
        """As Ctrl-C does; returns what it printed besides."""
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return rest


async def everything_is_acknowledged(broker: Broker, system: str) -> None:
    async with connected(broker, "admin") as admin:
        for _ in range(100):
            info = await admin.jetstream().consumer_info("SALES", system)
            if info.num_pending == 0 and info.num_ack_pending == 0:
                return
            await asyncio.sleep(0.05)
    raise AssertionError(f"{system} has not acknowledged all")


async def test_two_systems_print_every_sale_and_go_on_where_they_stopped(broker):
    first = [await sell(broker, f"SN000000000000{n}") for n in range(3)]
    for system in SYSTEMS:
        program = Running(broker, system)
        assert await program.prints(3) == first
        await everything_is_acknowledged(broker, system)
        assert program.stop() == ""

    second = [await sell(broker, f"SN000000000001{n}") for n in range(2)]
    programs = [Running(broker, system) for system in SYSTEMS]
    assert [await program.prints(2) for program in programs] == [second, second]
    live = await sell(broker, "SN0000000000020")
    assert [await program.prints(1) for program in programs] == [[live], [live]]

    for program, system in zip(programs, SYSTEMS, strict=True):
        await everything_is_acknowledged(broker, system)
        assert program.stop() == ""


async def test_a_cancelled_sale_is_reported(broker):
    program = Running(broker, "warehouse")
    cancelled = SaleCancelled.model_validate(
        {
            "sale_id": uuid4(),
            "version": 2,
            "customer_id": uuid4(),
            "product": PRODUCT,
            "serial_number": "SN0000000000001",
            "cancelled_by": uuid4(),
            "cancelled_at": LONG_AGO,
        }
    )
    await publish(broker, cancelled)

    [line] = await program.prints(1)
    assert line.split("\t")[:2] == ["sale-cancelled", str(cancelled.sale_id)]
    program.stop()


async def test_without_its_password_a_system_gets_nothing(broker):
    await sell(broker, "SN0000000000030")
    program = Running(broker, "warehouse", word="guess")

    assert program.process.stderr is not None
    message = await asyncio.to_thread(program.process.stderr.readline)
    assert "Authorization Violation" in message
    assert program.stop() == ""


# As the broker was configured before each user had an account.
OF_ONE_ACCOUNT = """
listen: "{listen}"
jetstream {{ store_dir: "{store}" }}
accounts {{ GUICHET {{ jetstream: enabled, users: [
  {{ user: admin, password: "admin-password" }}
  {{ user: sales, password: "sales-password" }}
  {{ user: warehouse, password: "warehouse-password" }}
] }} }}
"""


async def test_a_store_of_one_account_goes_on_where_each_system_stopped(tmp_path):
    port, store = free_port(), str(tmp_path / "store")
    listen = f"127.0.0.1:{port}"
    before = Broker(tmp_path, port, config=OF_ONE_ACCOUNT.format(listen=listen, store=store))
    before.start()
    before.wait_for(before.is_ready, 60)
    await streams.set_up(before.url, password("admin"), ["warehouse"])
    first = await sell(before, "SN0000000000040")
    program = Running(before, "warehouse")
    assert await program.prints(1) == [first]
    await everything_is_acknowledged(before, "warehouse")
    program.stop()
    second = await sell(before, "SN0000000000041")
    before.stop()

    config = streams.nats_config(listen=listen, store=store, subscribers=["warehouse"])
    secrets = {
        streams.password_variable(user): password(user) for user in streams.users(["warehouse"])
    }
    after = Broker(tmp_path, port, config=config, secrets=secrets)
    after.start()
    after.wait_for(after.is_ready, 60)
    try:
        await streams.set_up(after.url, password("admin"), ["warehouse"])
        program = Running(after, "warehouse")
        third = await sell(after, "SN0000000000042")
        assert await program.prints(2) == [second, third]
        program.stop()
    finally:
        after.stop()
