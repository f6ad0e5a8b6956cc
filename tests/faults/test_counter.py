"""The counter when a part is silent: the seller is told, and nothing typed is lost."""

import asyncio
from urllib.parse import urlsplit

from playwright.async_api import Request, expect

from e2e.conftest import chromium, windows
from e2e.scanner import scan
from shop import serial_number
from waiting import eventually

__all__ = ["chromium", "windows"]  # the fixtures of the stories


async def test_a_customer_of_a_moment_ago_is_waited_for_and_the_sale_kept(
    stack, shop, seller, product, windows
):
    """Sales has heard nothing of her yet, and cannot ask identity either."""
    clerk = await windows.staff(seller)
    identity = stack.services["identity"]
    await asyncio.to_thread(stack.nats.stop)
    try:
        she = await shop.register("Élodie", "Marchand")
        await clerk.goes_on_with_sale(she, product)
        unit = serial_number()
        await scan(clerk.page, unit)
        await clerk.reads("Tout est prêt")

        await asyncio.to_thread(identity.stop)
        sent: list[Request] = []
        clerk.page.on("request", lambda request: sent.append(request))  # noqa: PLW0108 -- Playwright marks its handlers
        await clerk.page.keyboard.press("Control+Enter")
        await clerk.is_warned("Ce client vient d’être créé : encore un instant.")
        await eventually(lambda: was_sent_twice(sent))
        await clerk.is_warned("Votre saisie est conservée.")
        await expect(clerk.serial_field).to_have_value(unit)
    finally:
        for process in (stack.nats, identity):
            if not process.is_ready():
                process.start()
                process.wait_for(process.is_ready, 60)
        await asyncio.to_thread(identity.wait_for, stack.routes_to_all, 60)

    async def recorded() -> None:
        await clerk.page.keyboard.press("Control+Enter")
        await clerk.reads_title("Confirmation de vente")

    await eventually(recorded)
    await clerk.reads(she.email)


async def test_a_seller_sells_while_nobody_knows_of_requests(stack, shop, seller, product, windows):
    clerk = await windows.staff(seller)
    customer = await shop.register("Élodie", "Marchand")
    tickets = stack.services["tickets"]
    await asyncio.to_thread(tickets.stop)
    try:
        await clerk.goes_on_with_sale(customer, product)
        await scan(clerk.page, serial_number())
        await clerk.reads("Tout est prêt")
        await clerk.records_sale()
        await clerk.goes_to(f"/clients/{customer.id}")
        await clerk.reads(product.designation)
        await clerk.reads("Les demandes ne sont pas lisibles pour l’instant.")
    finally:
        tickets.start()
        await asyncio.to_thread(tickets.wait_for, stack.routes_to_all, 60)


async def was_sent_twice(sent: list[Request]) -> None:
    assert [urlsplit(request.url).path for request in sent].count("/comptoir") == 2
