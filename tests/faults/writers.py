"""People who write while parts die: each insists with one key, and every answer is looked at."""

import asyncio
import html
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx

from shop import Account, Product, new_request, new_sale

PATIENCE_SECONDS = 180
PAUSE_SECONDS = 0.2  # what people take between two steps
# Not heard of yet, a moment later it is; said of what an answer that got lost has done.
LATER, DONE_BEFORE = {"product_not_owned"}, {"ticket_resolved"}


@dataclass
class Record:
    """What was asked of Guichet and how it answered, for the comparison at the end."""

    counted: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    sales: dict[str, str] = field(default_factory=dict)  # acknowledged: id by serial number
    texts: dict[int, list[str]] = field(default_factory=dict)  # acknowledged, by request
    resolved: set[int] = field(default_factory=set)
    is_over: bool = False  # what is begun is ended yet
    ends: float = field(default_factory=lambda: time.monotonic() + PATIENCE_SECONDS)

    def judge(self, answer: httpx.Response, *, page: bool = False) -> None:
        """Whoever answers says it in our words, and when to come again."""
        kind = answer.headers.get("Content-Type", "").partition(";")[0]
        where = f"{answer.request.method} {answer.request.url.path}: {answer.status_code}"
        ours = {"text/html"} if page else {"application/json", "application/problem+json"}
        if answer.status_code >= 400 and not page:
            ours = {"application/problem+json"}
        if answer.content and kind not in ours:
            self.complaints.append(f"{where} {kind} {answer.text[:80]}")
        if answer.status_code >= 500 and not answer.headers.get("Retry-After", "").isdecimal():
            self.complaints.append(f"{where} without Retry-After: {answer.text[:200]}")
        self.counted["acknowledged" if answer.is_success or answer.is_redirect else "refused"] += 1

    async def asks(self, who: Account, path: str, body: Any = None, *, key: str = "") -> Any:
        """The body of the answer that acknowledges it; asked again with the same key until then."""
        key = key or str(uuid4())
        while True:
            answer = await self.asked(who, path, body, key)
            code = "" if answer is None or answer.is_success else answer.json().get("code", "")
            if answer is not None and (answer.is_success or code in DONE_BEFORE):
                return answer.json()
            if answer is not None and answer.status_code < 500 and code not in LATER:
                self.complaints.append(f"{path} refused for good: {answer.text[:200]}")
                raise AssertionError(answer.text)
            assert time.monotonic() < self.ends, f"{path} was never acknowledged: {code}"
            await asyncio.sleep(PAUSE_SECONDS)

    async def asked(self, who: Account, path: str, body: Any, key: str) -> httpx.Response | None:
        """One answer; nothing where none came, or where identity gives no token."""
        try:
            if time.monotonic() > who.good_until:
                given = await who.exchange()
                self.judge(given)
                if not given.is_success:
                    return None
                who.access_token = given.json()["access_token"]
                who.good_until = time.monotonic() + given.json()["expires_in"] - 20
            answer = await who.call("POST", path, body, key=key)
        except httpx.HTTPError as error:
            self.counted["unknown"] += 1
            self.complaints.append(f"{path}: {error!r} from a gateway that was there")
            return None
        self.judge(answer)
        return answer


async def stories(
    record: Record, seller: Account, technician: Account, customer: Account, product: Product
) -> None:
    """Somebody buys, asks, is answered and says that it works, over and over."""
    while not record.is_over:
        sale = new_sale(customer, product)
        made = await record.asks(seller, "/api/sales", sale, key=sale["serial_number"])
        record.sales[sale["serial_number"]] = made["id"]
        request = new_request(made["id"])
        number = (await record.asks(customer, "/api/tickets", request))["number"]
        record.texts[number] = [request["description"]]
        for who in (customer, technician, customer):
            text = f"{who.first_name} {uuid4()}"
            await record.asks(who, f"/api/tickets/{number}/messages", {"text": text})
            record.texts[number].append(text)
            await asyncio.sleep(PAUSE_SECONDS)
        await record.asks(technician, f"/api/tickets/{number}/resolution")
        record.resolved.add(number)


async def pages(record: Record, browser: httpx.AsyncClient, number: int) -> None:
    """Another text to one request, by the form of its page and without script, over and over."""
    path = f"/mes-demandes/{number}"
    while not record.is_over:
        hidden = await form_of(record, browser, path)
        typed = {**hidden, "text": f"Précision {uuid4()}"}
        while True:
            answer = await browser.post(path, data=typed)
            record.judge(answer, page=True)
            if answer.is_redirect:
                break
            if typed["text"] not in html.unescape(answer.text):
                record.complaints.append(
                    f"{path}: {answer.status_code} without what was typed: {answer.text[:300]}"
                )
            assert time.monotonic() < record.ends, f"{path} never took a text"
            await asyncio.sleep(PAUSE_SECONDS)
        record.texts[number].append(typed["text"])


async def form_of(record: Record, browser: httpx.AsyncClient, path: str) -> dict[str, str]:
    """The hidden fields of the page's answer, once the page is shown."""
    while True:
        answer = await browser.get(path)
        record.judge(answer, page=True)
        if answer.status_code == 200:
            form = answer.text.partition('id="answer"')[2].partition("</form>")[0]
            fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
            return {name: html.unescape(value) for name, value in fields}
        assert time.monotonic() < record.ends, f"{path} is never shown"
        await asyncio.sleep(PAUSE_SECONDS)
