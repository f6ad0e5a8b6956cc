"""People who write while parts die: each insists with one key, and every answer is looked at."""

import asyncio
import html
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import uuid4

import httpx

from shop import Account, Product, new_request, new_sale

PATIENCE_SECONDS = 180
PAUSE_SECONDS = 0.2  # what people take between two steps
LATER = {"product_not_owned"}  # not heard of yet, a moment later it is
FINAL = "ticket_resolved"  # also said of a resolution whose answer got lost
SEND_AGAIN = "Ce que vous avez saisi n’est pas perdu"  # on the gateway's own page
Outcome = Literal["acknowledged", "refused", "unknown"]


@dataclass
class Operation:
    """A write with one key, from its first try to its last answer, in seconds of one clock.

    `mark`: the serial number, the text or the number of a request by which databases know it.
    """

    kind: str
    mark: str
    began: float = field(default_factory=time.monotonic)
    ended: float = float("inf")
    outcome: Outcome = "unknown"
    answer: Any = None

    def ends(self, outcome: Outcome, answer: Any = None) -> None:
        self.ended, self.outcome, self.answer = time.monotonic(), outcome, answer


@dataclass
class Record:
    """What was asked of Guichet and how it answered, for the comparison at the end."""

    counted: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
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

    def begins(self, kind: str, mark: str) -> Operation:
        operation = Operation(kind, mark)
        self.operations.append(operation)
        return operation

    def marks(self, kind: str, *outcomes: Outcome) -> dict[str, Operation]:
        """Operations of this kind that ended so, by their marks."""
        return {
            each.mark: each
            for each in self.operations
            if each.kind == kind and each.outcome in outcomes
        }

    async def asks(
        self,
        who: Account,
        path: str,
        body: Any = None,
        *,
        of: tuple[str, str],
        expects: str = "",
        insists: bool = True,
    ) -> Any:
        """The body of the last answer to this operation, whose kind and mark are `of`.

        Asked again with the same key until it is acknowledged, or refused by the code `expects`;
        once only for who does not insist.
        """
        operation, key = self.begins(*of), str(uuid4())
        while True:
            answer = await self.asked(who, path, body, key)
            code = "" if answer is None or answer.is_success else answer.json().get("code", "")
            if answer is not None and (answer.is_success or (code == FINAL and not expects)):
                operation.ends("acknowledged", answer.json())
                return answer.json()
            if answer is not None and answer.status_code < 500 and code not in LATER:
                operation.ends("refused")
                if code == expects:
                    return answer.json()
                self.complaints.append(f"{path} refused for good: {answer.text[:200]}")
                raise AssertionError(answer.text)
            if not insists:
                return None
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
    """Somebody buys, asks, is answered and says that it works, over and over.

    Of some writes the seller does not wait for a good answer; what comes after the end is refused.
    """
    while not record.is_over:
        given_up, sale = new_sale(customer, product), new_sale(customer, product)
        await record.asks(
            seller, "/api/sales", given_up, of=("sale", given_up["serial_number"]), insists=False
        )
        made = await record.asks(seller, "/api/sales", sale, of=("sale", sale["serial_number"]))
        number = await opens(record, customer, made["id"])
        path = f"/api/tickets/{number}"
        for who in (customer, technician, customer):
            await writes(record, who, path)
            await asyncio.sleep(PAUSE_SECONDS)
        await record.asks(technician, f"{path}/resolution", of=("resolution", str(number)))
        await writes(record, customer, path, expects=FINAL)


async def opens(record: Record, customer: Account, sale_id: str) -> int:
    """The number of a new request, whose description is its first text."""
    request = new_request(sale_id, description=f"Elle se bloque, page {uuid4()}.")
    opened = await record.asks(
        customer, "/api/tickets", request, of=("text", request["description"])
    )
    return opened["number"]


async def writes(record: Record, who: Account, path: str, *, expects: str = "") -> None:
    text = f"{who.first_name} {uuid4()}"
    await record.asks(who, f"{path}/messages", {"text": text}, of=("text", text), expects=expects)


async def pages(record: Record, browser: httpx.AsyncClient, number: int) -> None:
    """Another text to one request, by the form of its page and without script, over and over."""
    path = f"/mes-demandes/{number}"
    while not record.is_over:
        hidden = await form_of(record, browser, path)
        typed = {**hidden, "text": f"Précision {uuid4()}"}
        operation = record.begins("text", typed["text"])
        while True:
            answer = await browser.post(path, data=typed)
            record.judge(answer, page=True)
            if answer.is_redirect:
                break
            shown = html.unescape(answer.text)
            if typed["text"] not in shown and SEND_AGAIN not in shown:
                record.complaints.append(
                    f"{path}: {answer.status_code} without what was typed: {answer.text[:300]}"
                )
            assert time.monotonic() < record.ends, f"{path} never took a text"
            await asyncio.sleep(PAUSE_SECONDS)
        operation.ends("acknowledged", {"number": number})


async def form_of(record: Record, browser: httpx.AsyncClient, path: str) -> dict[str, str]:
    """The hidden fields of the page's answer, once the page is shown."""
    while True:
        try:
            answer = await browser.get(path)
        except httpx.RemoteProtocolError:  # web was killed in the middle of the page
            record.counted["unknown"] += 1
            continue
        record.judge(answer, page=True)
        if answer.status_code == 200:
            form = answer.text.partition('id="answer"')[2].partition("</form>")[0]
            fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form)
            return {name: html.unescape(value) for name, value in fields}
        assert time.monotonic() < record.ends, f"{path} is never shown"
        await asyncio.sleep(PAUSE_SECONDS)
