"""Other systems read every sale with the example program, and resume where they stopped."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from faults.lists import all_of
from local.launcher.settings import ROOT
from waiting import eventually

pytestmark = pytest.mark.in_order("a system hears all that was ever sold once, when it first asks")

PROGRAM = ROOT / "contracts" / "examples" / "print_sales.py"


@dataclass
class OtherSystem:
    """One run of the example program, and the sales that it has printed."""

    process: Process
    lines: list[str] = field(default_factory=list)

    async def read(self) -> None:
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode().strip())

    @property
    def sales(self) -> list[str]:
        return [line.split("\t")[1] for line in self.lines if line.startswith("sale-recorded")]

    async def has_printed(self, sale_ids: list[str]) -> None:
        assert set(sale_ids) <= set(self.sales), self.lines[-3:]


@asynccontextmanager
async def running(stack, user: str) -> AsyncGenerator[OtherSystem]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", PROGRAM, "--url", stack.nats.url, "--user", user,
        env={**os.environ, "NATS_PASSWORD": stack.nats_password(user)},
        stdout=PIPE,
    )  # fmt: skip
    system = OtherSystem(process)
    reading = asyncio.create_task(system.read())
    try:
        yield system
    finally:
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
        await reading


async def test_two_other_systems_see_every_sale_and_resume_where_they_stopped(
    stack, shop, broker, seller, customer, product
):
    first = [(await shop.sell(customer, product, seller=seller))["id"] for _ in range(3)]
    async with running(stack, "warehouse") as warehouse, running(stack, "accounting") as accounting:
        await eventually(lambda: warehouse.has_printed(first))
        await eventually(lambda: accounting.has_printed(first))
        during = (await shop.sell(customer, product, seller=seller))["id"]
        await eventually(lambda: warehouse.has_printed([during]))
        await eventually(lambda: accounting.has_printed([during]))
        await broker.is_heard("SALES", "warehouse")
        await broker.is_heard("SALES", "accounting")
    everything = {sale["id"] for sale in await all_of(seller, "/api/sales?limit=50", "sales")}
    for system in (warehouse, accounting):
        assert everything <= set(system.sales), "each sees every sale, from the first one on"
        assert [id for id in system.sales if id in {*first, during}] == [*first, during]

    meanwhile = (await shop.sell(customer, product, seller=seller))["id"]
    async with running(stack, "warehouse") as warehouse, running(stack, "accounting") as accounting:
        await eventually(lambda: warehouse.has_printed([meanwhile]))
        await eventually(lambda: accounting.has_printed([meanwhile]))
        await broker.is_heard("SALES", "warehouse")
        await broker.is_heard("SALES", "accounting")
    assert warehouse.sales == accounting.sales == [meanwhile], "none of those seen before"


async def test_another_system_gets_a_cancellation(stack, shop, broker, seller, customer, product):
    sale = await shop.sell(customer, product, seller=seller)
    reason = {"reason": "Mauvais produit"}
    await seller.post(f"/api/sales/{sale['id']}/cancellation", reason, status=200)

    async def sees_it(system: OtherSystem) -> None:
        assert any(
            line.startswith("sale-cancelled") and sale["id"] in line for line in system.lines
        )

    async with running(stack, "warehouse") as warehouse:
        await eventually(lambda: sees_it(warehouse))
        await broker.is_heard("SALES", "warehouse")
