"""What somebody does at the counter is one trace, from the gateway to whoever hears of it."""

import json
import re
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from collector import Collector, Step
from local.launcher.stack import Stack
from shop import Account, Shop, serial_number, today
from waiting import eventually

TYPED = "Rousseau"  # behind a question mark


@pytest.fixture
async def counter(shop: Shop, seller_account: Account) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=shop.public_url,
        cookies=dict([await seller_account.cookie()]),
        trust_env=False,
    )


async def records_a_sale(
    counter: httpx.AsyncClient, customer: Account, product: str, unit: str
) -> None:
    """As the page does it; its address holds something typed."""
    page = await counter.get("/comptoir", params={"numero": TYPED})
    hidden = dict(re.findall(r'name="(form_token|form_key)" value="([^"]+)"', page.text))
    form = {"customer_id": customer.id, "product_id": product, "serial_number": unit}
    recorded = await counter.post(
        f"/comptoir?numero={TYPED}",
        data=hidden | form | {"sold_on": f"{today():%d/%m/%Y}", "withdrawn_confirmed": ""},
    )
    assert "location" in recorded.json(), recorded.text


async def test_a_sale_is_one_trace_from_the_gateway_to_the_handlers_of_its_event(
    stack: Stack, collector: Collector, shop: Shop, product, counter
):
    customer, unit = await shop.register(), serial_number()
    async with counter:
        await records_a_sale(counter, customer, product.id, unit)

    trace, path = await eventually(lambda: as_it_came(collector))
    assert [(step.part, step.name) for step in path if step.part != "gateway"] == [
        ("web", "POST /comptoir"),
        ("sales", "POST /api/sales"),
        ("sales", "announce sales.sale-recorded.v1"),
        HEARD,
    ]
    parts = [step.part for step in path]
    assert parts[0] == "gateway"  # where it began; and once more between web and sales
    assert "gateway" in parts[parts.index("web") : parts.index("sales")]
    for part in ("web", "sales"):
        assert trace in {line.get("trace_id") for line in log_of(stack.log(part))}


HEARD = ("tickets", "handle sales.sale-recorded.v1")


async def as_it_came(collector: Collector) -> tuple[str, list[Step]]:
    """The trace that began at the counter, and its steps down to the hearing of it."""
    for trace, steps in collector.steps.items():
        by_id = {step.id: step for step in steps}
        path = [step for step in steps if (step.part, step.name) == HEARD]
        while path and path[0].parent in by_id:
            path.insert(0, by_id[path[0].parent])
        if path and not path[0].parent and "web" in {step.part for step in path}:
            return trace, path
    raise AssertionError("not all of it has come")


def log_of(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines() if line.startswith("{")]


@pytest.mark.parametrize("path", ["/lien/", "/desabonnement/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_an_address_that_is_a_key_is_in_no_trace_and_no_log(
    stack: Stack, collector: Collector, counter, path, method
):
    key = f"{uuid4().hex}.reply.{uuid4().hex}"
    async with counter:
        assert (await counter.request(method, f"{path}{key}")).status_code == 404
        await counter.get("/connexion", params={"next": key})  # told after it

    async def come() -> None:
        names = [step.name for steps in collector.steps.values() for step in steps]
        assert "GET /connexion" in names

    await eventually(come)
    everything = [step for steps in collector.steps.values() for step in steps]
    assert [step for step in everything if key in str(step)] == []
    logs = [log.read_text() for log in stack.log("web").parent.iterdir() if log.is_file()]
    assert [text for text in logs if key in text] == []


async def test_nothing_typed_is_in_a_trace(collector: Collector, counter):
    async with counter:
        answer = await counter.get("/demandes", params={"texte": f"{TYPED}-{serial_number()}"})
    assert answer.status_code == 200

    async def come() -> None:
        names = {step.name for steps in collector.steps.values() for step in steps}
        assert "GET /demandes" in names

    await eventually(come)
    everything = [step for steps in collector.steps.values() for step in steps]
    assert [step for step in everything if TYPED in str(step)] == []
