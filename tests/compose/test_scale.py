"""Replicas come, go, crash and are renewed, and people go on working."""

import asyncio
import json
import re
import subprocess
import time
from collections.abc import AsyncGenerator, Awaitable, Callable

import httpx
import pytest

from compose import desk as desks
from compose.desk import Desk
from compose.installation import PARTS, Installation
from compose.load import Load, under_load
from local.containers.engine import DISCOVERY_SECONDS, Replica, docker
from local.launcher.machine.processes import wait_until
from shop import Account, Shop
from waiting import eventually

# Its pool with its overflow, and those that listen; and of all, less a few: see operations.md.
CONNECTIONS_OF_A_REPLICA, MAX_CONNECTIONS = 12, 192


@pytest.fixture(scope="module")
async def desk(shop: Shop, technician: Account) -> AsyncGenerator[Desk]:
    desk = await desks.set_up(shop, technician)
    yield desk
    await desk.browser.aclose()


def in_thread(work: Callable[[], object]) -> Callable[[], Awaitable[None]]:
    """Docker takes its time; people go on asking meanwhile, a little before and after too."""

    async def happening() -> None:
        await asyncio.sleep(2)
        await asyncio.to_thread(work)
        await asyncio.sleep(2)

    return happening


def summary(load: Load) -> str:
    return (
        f"{load.asked} requests in {load.lasted:.0f} s, {sum(load.failed.values())} failed"
        f" {dict(load.failed) or ''}, p50 {load.milliseconds(0.5):.0f} ms,"
        f" p99 {load.milliseconds(0.99):.0f} ms"
    )


# ---- More of them -----------------------------------------------------------------------


async def test_new_replicas_take_their_share_within_seconds(installation, desk, figures):
    compose = installation.compose
    began = time.monotonic()
    for part, number in (("tickets", 3), ("web", 2)):
        await asyncio.to_thread(compose.scale, part, number)
    for part, number in (("tickets", 3), ("web", 2)):
        await asyncio.to_thread(compose.wait_for, part, number)
    ready = time.monotonic() - began
    await asyncio.sleep(DISCOVERY_SECONDS)

    replicas = {part: compose.replicas(part) for part in ("tickets", "web")}
    routes = {"tickets": desks.ROUTES, "web": desks.PAGES}

    def counts() -> dict[str, list[int]]:
        return {
            part: [installation.requests_of(replica, routes[part]) for replica in replicas[part]]
            for part in replicas
        }

    before = counts()
    for _ in range(60):
        assert (await desk.looks()).status_code == 200
    after = counts()
    shares = {
        part: [new - old for new, old in zip(after[part], before[part], strict=True)]
        for part in replicas
    }
    figures.append(f"tickets=3 and web=2 ready after {ready:.0f} s; 60 pages spread as {shares}")
    assert sum(shares["web"]) == 60
    assert all(share >= 15 for share in shares["web"])
    assert all(share >= 10 for share in shares["tickets"])


async def test_live_updates_reach_people_on_every_replica(
    installation: Installation, desk: Desk, three_replicas_of_tickets, figures
):
    """Six browsers, which Traefik spreads over three replicas; one person writes, all hear."""

    def streams_ended() -> list[int]:
        replicas = three_replicas_of_tickets
        return [installation.requests_of(replica, STREAM) for replica in replicas]

    before = streams_ended()
    number, ready = desk.some(), asyncio.Semaphore(0)
    browsers = [asyncio.create_task(hears_of(desk, number, ready)) for _ in range(6)]
    for _ in browsers:
        await asyncio.wait_for(ready.acquire(), 15)
    began = time.monotonic()
    path = f"/api/tickets/{number}/messages"
    await desk.technician.post(path, {"text": "Un instant, je regarde."})
    received = [await asyncio.wait_for(browser, 15) for browser in browsers]
    figures.append(
        f"6 streams on 3 replicas hear of a message after {max(received) - began:.2f} s at most"
    )

    async def each_had_some() -> None:
        ended = [new - old for new, old in zip(streams_ended(), before, strict=True)]
        assert sum(ended) == 6
        assert min(ended) > 0

    await eventually(each_had_some)


STREAM = "/api/tickets/stream"


async def hears_of(desk: Desk, number: int, ready: asyncio.Semaphore) -> float:
    """When a stream of its own told of a change to this request."""
    headers = {"Authorization": f"Bearer {await desk.technician.token()}"}
    async with (
        httpx.AsyncClient(base_url=str(desk.browser.base_url), timeout=30) as http,
        http.stream("GET", STREAM, headers=headers) as answer,
    ):
        assert answer.status_code == 200
        async for line in answer.aiter_lines():
            if line == "event: ready":
                ready.release()
            elif line.startswith("data: ") and f'"number":{number},' in line.replace(" ", ""):
                return time.monotonic()
    raise AssertionError("the stream ended without a word of it")


async def test_every_event_is_applied_once_whoever_handles_it(
    installation, shop, desk, three_replicas_of_tickets
):
    def handled() -> list[int]:
        metric = r'guichet_events_handled_total\{type="sales.sale-recorded.v1"\} ([0-9.]+)'
        return [
            sum(int(float(count)) for count in re.findall(metric, installation.metrics_of(each)))
            for each in three_replicas_of_tickets
        ]

    before = handled()
    product = await shop.product("10AAM9901")
    sold = [await shop.sell(desk.customer, product) for _ in range(40)]
    ids = ",".join(f"'{sale['id']}'" for sale in sold)

    async def all_known() -> None:
        [known] = installation.sql(
            "tickets",
            f"select count(*) from owned_products where sale_id in ({ids})",
        )
        assert known == "40"

    await eventually(all_known, seconds=60)
    shares = [new - old for new, old in zip(handled(), before, strict=True)]
    assert sum(shares) == 40, shares
    assert sum(share > 0 for share in shares) >= 2, shares
    subjects = ",".join(f"'sales.sale-recorded.v1.{sale['id']}'" for sale in sold)
    events = installation.sql(
        "sales", f"select event_id from messaging.outbox where subject in ({subjects})"
    )
    quoted = ",".join(f"'{event}'" for event in events)
    [applied] = installation.sql(
        "tickets", f"select count(*) from messaging.inbox where event_id in ({quoted})"
    )
    assert (len(events), applied) == (40, "40")
    [waiting] = installation.sql(
        "sales", "select count(*) from messaging.outbox where published_at is null"
    )
    assert waiting == "0"


# ---- Fewer of them, wanted or not -------------------------------------------------------


async def test_a_crash_costs_no_request_that_may_be_repeated(
    installation: Installation, desk: Desk, three_replicas_of_tickets, figures
):
    victim = three_replicas_of_tickets[0]

    def crash() -> None:
        installation.kill_process_of(victim)
        wait_for_restart(victim)
        installation.compose.wait_for("tickets", 3)

    load = await under_load(in_thread(crash), desk.looks, desk.reads)
    figures.append(f"a replica of tickets crashes: {summary(load)}")
    assert load.failed == {}


def wait_for_restart(victim: Replica) -> None:
    """Docker does it by itself, sooner or later; then it is no longer healthy until it has answered."""

    def restarted() -> bool:
        [inspected] = json.loads(docker("inspect", victim.id))
        return (
            inspected["RestartCount"] == 1 and inspected["State"]["Health"]["Status"] == "starting"
        )

    assert wait_until(restarted, 60, pause=0.2)


async def test_a_crash_of_web_costs_no_page(installation: Installation, desk: Desk, figures):
    installation.compose.scale("web", 2)
    installation.compose.wait_for("web", 2)
    await asyncio.sleep(DISCOVERY_SECONDS)
    victim = installation.compose.replicas("web")[0]

    def crash() -> None:
        installation.kill_process_of(victim)
        wait_for_restart(victim)
        installation.compose.wait_for("web", 2)

    load = await under_load(in_thread(crash), desk.looks)
    figures.append(f"a replica of web crashes: {summary(load)}")
    assert load.failed == {}


async def test_stopping_a_replica_costs_no_request_at_all(
    installation: Installation, desk: Desk, three_replicas_of_tickets, figures
):
    leaver = three_replicas_of_tickets[1]

    def stop_and_start() -> None:
        docker("stop", leaver.id)
        docker("start", leaver.id)
        installation.compose.wait_for("tickets", 3)

    load = await under_load(in_thread(stop_and_start), desk.looks, desk.reads, desk.answers)
    figures.append(f"docker stop of a replica of tickets, then start: {summary(load)}")
    assert load.failed == {}


@pytest.mark.parametrize("part", ["tickets", "web", "identity"])
async def test_renewing_the_image_of_a_part_costs_no_request_at_all(
    installation: Installation, desk: Desk, figures, part
):
    old = {replica.id for replica in installation.compose.replicas(part)}
    renewed = rebuilt(installation, part)

    load = await under_load(
        in_thread(lambda: installation.compose.roll(part)), desk.looks, desk.reads, desk.answers
    )
    figures.append(f"{part} is renewed: {summary(load)}")
    assert load.failed == {}
    replicas = installation.compose.replicas(part)
    assert len(replicas) == len(old)
    assert not old & {replica.id for replica in replicas}
    [image] = {each["Image"] for each in json.loads(docker("inspect", *[r.id for r in replicas]))}
    assert image == renewed


def rebuilt(installation: Installation, part: str) -> str:
    """Another image under the same name; its id."""
    name = installation.image(part)
    subprocess.run(
        ["docker", "build", "--quiet", "--tag", name, "-"],
        input=f'FROM {name}\nLABEL renewed="{time.time()}"\n', text=True, check=True,
        capture_output=True,
    )  # fmt: skip
    return docker("image", "inspect", "--format", "{{.Id}}", name).strip()


# ---- Within their means -----------------------------------------------------------------


async def test_connections_to_postgresql_stay_within_the_budget(
    installation: Installation, desk: Desk, three_replicas_of_tickets, figures
):
    seen: list[int] = []

    async def count() -> None:
        for _ in range(8):
            [number] = await asyncio.to_thread(
                installation.sql,
                "postgres",
                "select count(*) from pg_stat_activity where backend_type = 'client backend'"
                " and application_name <> 'psql'",
            )
            seen.append(int(number))
            await asyncio.sleep(0.5)

    load = await under_load(count, desk.looks, desk.reads, desk.answers, people=30, rate=10_000)
    stateful = [part for part in PARTS if part != "web"]
    of_each = [len(installation.compose.replicas(part)) for part in stateful]
    replicas = sum(of_each)
    budget = replicas * CONNECTIONS_OF_A_REPLICA
    rolling = (replicas + max(of_each)) * CONNECTIONS_OF_A_REPLICA
    figures.append(
        f"connections with {replicas} replicas and 30 people: {max(seen)} at most of {budget};"
        f" {summary(load)}"
    )
    assert max(seen) <= budget
    assert rolling <= MAX_CONNECTIONS
    told_to_wait = {"503 service busy", "503 web", "no token"}
    assert load.failed.keys() <= told_to_wait  # a full queue says so rather than waiting


def test_memory_stays_within_its_limits(installation: Installation, figures):
    """After all of the load above."""
    used = {}
    for each in installation.containers():
        name = each["Config"]["Labels"]["com.docker.compose.service"]
        assert not each["State"]["OOMKilled"], name
        if each["State"]["Running"]:
            usage = docker("stats", "--no-stream", "--format", "{{.MemUsage}}", each["Id"])
            used[each["Name"].strip("/").removeprefix(f"{installation.name}-")] = usage.strip()
    figures.append(f"memory: {used}")
