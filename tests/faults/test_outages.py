"""NATS dies: what needs nobody else goes on, and what was recorded is heard when it is back."""

import time
from typing import Any

from shop import Account, new_request
from waiting import eventually


async def test_while_nats_is_down_known_data_is_served_and_sales_arrive_later(
    shop, seller, technician, customer, product, stack, record_property
):
    """Also what was being handed over: `test_bus.py` shows that it does not wait for the ack wait."""
    before = await shop.sell(customer, product, seller=seller)
    request = await eventually(lambda: opens_request(customer, before["id"]))
    handed_over = [await shop.sell(customer, product, seller=seller) for _ in range(3)]
    stack.nats.running.kill()
    stack.nats.running.wait()
    try:
        path = f"/api/tickets/{request['number']}"
        await technician.post(f"{path}/messages", {"text": "Nettoyez le rouleau orange."})
        await customer.post(f"{path}/resolution", status=200)
        assert (await customer.get(path))["ticket"]["status"] == "resolved"

        sale = await shop.sell(customer, product, seller=seller)
        too_early = await customer.call("POST", "/api/tickets", new_request(sale["id"]))
        assert too_early.status_code == 409
        assert too_early.json()["code"] == "product_not_owned"
    finally:
        stack.nats.start()
        stack.nats.wait_for(stack.nats.is_ready, 60)

    back = time.monotonic()
    await eventually(lambda: owns(customer, before, *handed_over, sale))
    usable = f"{time.monotonic() - back:.1f} s after NATS is back"
    record_property("counted", f"what was sold before and after its death is usable {usable}")
    request = await opens_request(customer, sale["id"])
    assert request["status"] == "open"
    assert request["product"]["serial_number"] == sale["serial_number"]


async def owns(customer: Account, *sales: Any) -> None:
    found = await customer.get("/api/tickets/owned-products?limit=50")
    owned = {each["sale_id"] for each in found["owned_products"]}
    assert owned == {each["id"] for each in sales}


async def opens_request(customer: Account, sale_id: str) -> Any:
    answer = await customer.call("POST", "/api/tickets", new_request(sale_id))
    assert answer.status_code == 201, answer.text
    return answer.json()
