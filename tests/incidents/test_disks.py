"""A disk is full: of the launcher, of PostgreSQL."""

import os
import signal

from incidents.operator import Operator
from incidents.page import row
from shop import Shop, as_body
from waiting import eventually


async def test_the_disk_of_the_launcher_is_full(operator: Operator, disks):
    full, mail = row("The launcher cannot write down who runs"), operator.stack.mail
    assert mail
    assert mail.pid
    with disks[""].full():
        before = mail.pid
        os.kill(before, signal.SIGKILL)

        async def is_reported() -> None:
            assert full.is_seen_in(" ".join(operator.screen))
            assert mail.pid != before
            assert mail.is_ready()

        await eventually(is_reported)
        assert "The launcher has written down who runs." not in operator.screen

    async def written() -> None:
        assert "The launcher has written down who runs." in operator.screen

    await eventually(written)


async def test_the_disk_of_postgresql_is_full(operator: Operator, shop: Shop, disks):
    full, postgres = row("the disk of PostgreSQL is full"), operator.stack.postgres
    assert postgres
    pid = postgres.pid
    with disks["postgres"].full():
        somebody = as_body(shop.somebody("Nathalie", "Rousseau"))

        async def refused() -> None:
            answer = await shop.administrator.call("POST", "/api/identity/customers", somebody)
            assert answer.status_code == 503, answer.text

        await eventually(refused)
        await operator.sees(full, "identity")
        assert full.is_seen_in(operator.log("identity").replace('"trouble": "', "disk: "))
        assert operator.is_loop_in_trouble("identity", "disk")
    await shop.administrator.post("/api/identity/customers", somebody)
    await operator.is_well()
    assert postgres.pid == pid
