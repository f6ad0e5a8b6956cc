"""A technician before a desk full of requests, by the pages and by the API."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from shop import Account, Shop, new_request
from waiting import eventually

REQUESTS = 30
PAGES, ROUTES = "/demandes/{number", "/api/tickets"  # how their templates begin


@dataclass
class Desk:
    technician: Account
    customer: Account
    numbers: list[int]
    browser: httpx.AsyncClient

    def some(self) -> int:
        return random.choice(self.numbers)

    async def looks(self) -> httpx.Response:
        """A page, as the browser shows it: web, then tickets."""
        return await self.browser.get(f"/demandes/{self.some()}")

    async def reads(self) -> httpx.Response:
        return await self.technician.call("GET", f"/api/tickets/{self.some()}")

    async def answers(self) -> httpx.Response:
        path = f"/api/tickets/{self.some()}/messages"
        return await self.technician.call(
            "POST", path, {"text": "Avez-vous essayé un autre câble ?"}
        )


Ask = Callable[[], Awaitable[httpx.Response]]


async def set_up(shop: Shop, technician: Account) -> Desk:
    customer = await shop.register("Élodie", "Marchand")
    product = await shop.product("100-100000910WOF")
    sale = await shop.sell(customer, product)

    async def opens(subject: str) -> int:
        answer = await customer.call(
            "POST", "/api/tickets", new_request(sale["id"], subject=subject)
        )
        assert answer.status_code == 201, answer.text
        return answer.json()["number"]

    numbers = [await eventually(lambda: opens("Le voyant reste rouge"))]
    numbers += [await opens(f"Bourrage papier n° {number}") for number in range(1, REQUESTS)]
    browser = httpx.AsyncClient(
        base_url=shop.public_url,
        timeout=30,
        trust_env=False,
        cookies=dict([await technician.cookie()]),
    )
    return Desk(technician, customer, numbers, browser)
