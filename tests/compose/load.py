"""People who ask all the time, while something happens to the replicas."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

Ask = Callable[[], Awaitable[httpx.Response]]


@dataclass
class Load:
    """What they were answered, and how long it took."""

    statuses: Counter[int | str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    lasted: float = 0

    @property
    def asked(self) -> int:
        return sum(self.statuses.values())

    @property
    def failed(self) -> Counter[int | str]:
        """Everything but success and 429, which says to go slower."""
        return Counter({s: n for s, n in self.statuses.items() if s not in {200, 201, 303, 429}})

    @property
    def rate(self) -> float:
        return self.statuses[200] / self.lasted

    def milliseconds(self, share: float) -> float:
        return 1000 * sorted(self.seconds)[int(share * (len(self.seconds) - 1))]

    async def person(self, ask: Ask, pause: float) -> None:
        while True:
            began = time.monotonic()
            status: int | str
            try:
                status = outcome(await ask())
            except httpx.HTTPError as error:
                status = type(error).__name__
            except AssertionError:
                status = "no token"  # the question before the question was not answered
            took = time.monotonic() - began
            self.statuses[status] += 1
            self.seconds.append(took)
            await asyncio.sleep(max(0, pause - took))


def outcome(answer: httpx.Response) -> int | str:
    """Of a failure also who says so: a service's code, a page of the web, or the gateway."""
    if not answer.is_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return answer.status_code
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    who = {"application/problem+json": "service", "text/html": "web"}.get(kind, "gateway")
    code = f" {answer.json()['code']}" if who == "service" else ""
    return f"{answer.status_code} {who}{code}"


async def under_load(
    happening: Callable[[], Awaitable[object]], *asks: Ask, people: int = 6, rate: float = 30
) -> Load:
    """Each person takes one of the asks, again and again; `rate` requests a second at most."""
    load, began = Load(), time.monotonic()
    crowd = [
        asyncio.create_task(load.person(asks[number % len(asks)], people / rate))
        for number in range(people)
    ]
    try:
        await happening()
    finally:
        load.lasted = time.monotonic() - began
        for person in crowd:
            person.cancel()
        for person in crowd:
            with suppress(asyncio.CancelledError):
                await person
    return load
