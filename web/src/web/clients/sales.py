"""Calls to sales: recording sales, and what a customer bought."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from contracts.sales.api import Draft, PurchaseCounts, Sale, Sales, SerialNumberChecked
from web.clients.gateway import Gateway


async def record_sale(gateway: Gateway, new: dict[str, str], *, key: str) -> Sale:
    """`new` as the contract's `NewSale` lists it."""
    return await gateway.send("POST", "/api/sales", new, Sale, key=key)


async def draft(gateway: Gateway) -> Draft:
    """The sale that this person has begun; empty if there is none."""
    return await gateway.get("/api/sales/draft", Draft)


async def keep_draft(gateway: Gateway, draft: dict[str, Any]) -> None:
    await gateway.call("PUT", "/api/sales/draft", draft)


async def forget_draft(gateway: Gateway, key: str) -> None:
    """The draft with this key only."""
    await gateway.call("DELETE", f"/api/sales/draft?key={key}")


async def sale(gateway: Gateway, sale_id: UUID) -> Sale:
    return await gateway.get(f"/api/sales/{sale_id}", Sale)


async def sales_of(
    gateway: Gateway, customer_id: UUID, *, limit: int = 20, after: str | None = None
) -> Sales:
    return await gateway.get(
        "/api/sales", Sales, customer_id=str(customer_id), limit=limit, after=after
    )


async def my_sales_today(gateway: Gateway, *, limit: int = 20, after: str | None = None) -> Sales:
    return await gateway.get("/api/sales", Sales, mine_today=True, limit=limit, after=after)


async def my_purchases(gateway: Gateway, *, limit: int) -> list[Sale]:
    """What the customer bought, newest first."""
    return (await gateway.get("/api/sales/mine", Sales, limit=limit)).sales


async def search_sales(gateway: Gateway, **search: str | int | None) -> Sales:
    """As the contract's `SaleSearch` lists it."""
    return await gateway.send("POST", "/api/sales/search", search, Sales)


async def purchase_counts(gateway: Gateway, customer_ids: Iterable[UUID]) -> dict[UUID, int]:
    """How much each of at most 50 customers bought."""
    asked = [str(customer_id) for customer_id in customer_ids]
    if not asked:
        return {}
    answer = await gateway.get("/api/sales/purchase-counts", PurchaseCounts, customer_id=asked)
    return {line.customer_id: line.count for line in answer.counts}


async def check_serial_number(
    gateway: Gateway, *, product_id: str, serial_number: str
) -> SerialNumberChecked:
    body = {"product_id": product_id, "serial_number": serial_number}
    return await gateway.send("POST", "/api/sales/serial-checks", body, SerialNumberChecked)


async def cancel_sale(gateway: Gateway, sale_id: UUID, *, reason: str) -> Sale:
    return await gateway.send(
        "POST", f"/api/sales/{sale_id}/cancellation", {"reason": reason}, Sale
    )
