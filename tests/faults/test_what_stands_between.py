"""What stands between a browser and web passes on what web says: the gateway, and a proxy before it."""

import re
import shutil
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from chassis.http.answering import STREAMED
from local.launcher.machine.processes import Process, free_port
from local.launcher.machine.servers import answers
from local.launcher.stack import Stack
from shop import Account, new_request
from streams import browser_at, nginx_config, wait_for_line
from waiting import eventually

# Whatever an answer tells a browser to do or not to do with it.
SECURITY = (
    "Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy",
    "Permissions-Policy", "Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy",
    "Cross-Origin-Embedder-Policy", "X-Robots-Tag", "Cache-Control",
)  # fmt: skip
NEW_REQUEST = "/mes-demandes/nouvelle"
SECRET = "0198c0de00007000800000000000000100000000000"


# --- Headers and HEAD -----------------------------------------------------------------------------

PAGES = [
    "/", "/connexion", "/demandes", "/comptoir", "/clients", "/mon-compte", "/recherche",
    "/nulle-part", "/static/guichet.css", "/mot-de-passe-oublie", f"/lien/{SECRET}",
    f"/desabonnement/{SECRET}", "/demandes/999999", "/en-direct/depuis?moment=1:1:",
]  # fmt: skip
API = {
    "identity": "/api/identity/me",
    "catalog": "/api/catalog/products?text=ryzen",
    "sales": "/api/sales?limit=1",
    "tickets": "/api/tickets/counts",
    "notifications": "/api/notifications/preferences",
}


async def test_every_security_header_of_every_kind_of_page_reaches_the_browser(
    stack, shop, seller, customer
):
    """And HEAD is answered wherever GET is."""
    web, gateway = f"http://127.0.0.1:{stack.settings.port_of('web')}", stack.gateway_url
    async with browser_of(seller, gateway) as http:
        for path in PAGES:
            await is_the_same(http, web, gateway, path)
        lost = await http.get(f"{gateway}/lien/{SECRET}")
        assert lost.headers["Referrer-Policy"] == "no-referrer"
        sent = [http.build_request("GET", f"{at}/en-direct") for at in (web, gateway)]
        streams = [await http.send(request, stream=True) for request in sent]
        are_alike(*streams)
        for stream in streams:
            await stream.aclose()
    async with browser_of(customer, gateway) as http:
        for path in ("/mes-demandes", NEW_REQUEST):
            await is_the_same(http, web, gateway, path)
        token = re.search(
            r'name="form_token" value="(.+?)"', (await http.get(web + NEW_REQUEST)).text
        )
        assert token
        empty = {"form_token": token[1], "subject": "", "description": ""}
        refused = [await http.post(at + NEW_REQUEST, data=empty) for at in (web, gateway)]
        assert refused[0].status_code == 422
        are_alike(*refused)
    await shop.administrator.call("POST", "/api/identity/password-links", {"email": customer.email})
    async with browser_of(shop.administrator, gateway) as http:
        mail = await eventually(partial(a_caught_mail, http, web))
        for path in ("/courrier/demo", mail, f"{mail}/page"):
            await is_the_same(http, web, gateway, path)
    headers = {"Authorization": f"Bearer {await seller.token()}"}
    async with httpx.AsyncClient(headers=headers, timeout=20) as http:
        for service, path in API.items():
            here = f"http://127.0.0.1:{stack.settings.port_of(service)}"
            await is_the_same(http, here, gateway, path)
            await is_the_same(http, here, gateway, f"/api/{service}/nowhere")


@asynccontextmanager
async def browser_of(account: Account, gateway: str) -> AsyncGenerator[httpx.AsyncClient]:
    """With a session, at whichever address."""
    async with browser_at(gateway, account) as signed_in:
        cookies, headers = dict(signed_in.cookies), {"Sec-Fetch-Site": "same-origin"}
    async with httpx.AsyncClient(cookies=cookies, headers=headers, timeout=20) as http:
        yield http


async def a_caught_mail(http: httpx.AsyncClient, web: str) -> str:
    """Its address."""
    found = re.search(
        r'href="(/courrier/demo/[^"]+)"', (await http.get(f"{web}/courrier/demo")).text
    )
    assert found
    return found[1]


async def is_the_same(http: httpx.AsyncClient, here: str, there: str, path: str) -> None:
    expected, arrived = await http.get(here + path), await http.get(there + path)
    are_alike(expected, arrived)
    for address in (here, there):
        head = await http.head(address + path)
        assert (head.status_code, head.content) == (expected.status_code, b""), path
        assert security(head) == security(expected), path


def are_alike(expected: httpx.Response, arrived: httpx.Response) -> None:
    assert arrived.status_code == expected.status_code, expected.url
    assert security(arrived) == security(expected), expected.url
    assert security(expected)["X-Content-Type-Options"] == "nosniff", expected.url


def security(answer: httpx.Response) -> dict[str, str]:
    return {name: answer.headers[name] for name in SECURITY if name in answer.headers}


# --- Behind nginx ---------------------------------------------------------------------------------


@pytest.fixture
async def nginx(stack: Stack, shop, tmp_path: Path) -> AsyncGenerator[str]:
    """Its address: as it is installed, with the headers that docs/operations.md names."""
    program = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin")
    if program is None:
        pytest.skip("nginx is not installed here")
    port = free_port()
    file = tmp_path / "nginx.conf"
    file.write_text(nginx_config(f"127.0.0.1:{port}", stack.gateway_url, tmp_path))
    proxy = Process("nginx", [program, "-c", str(file), "-e", "stderr"], tmp_path / "nginx.log")
    proxy.start()
    try:
        proxy.wait_for(lambda: answers(port), 60)
        yield f"http://127.0.0.1:{port}"
    finally:
        proxy.stop()


async def test_live_updates_come_through_nginx_as_it_is(
    nginx, shop, seller, technician, customer, product
):
    sale = await shop.sell(customer, product, seller=seller)
    request = await eventually(lambda: opens_request(customer, sale["id"]))
    async with (
        browser_at(nginx, technician) as browser,
        browser.stream("GET", "/en-direct") as answer,
    ):
        # nginx obeys the other one, and keeps it to itself.
        assert answer.headers["Cache-Control"] == STREAMED["Cache-Control"]
        lines = answer.aiter_lines()
        await wait_for_line(lines, ":", seconds=30)
        await wait_for_line(lines, "event: ready", seconds=30)
        await customer.post(f"/api/tickets/{request['number']}/messages", {"text": "Encore là."})
        await wait_for_line(lines, "event: change", seconds=30)


async def test_the_stream_of_the_api_comes_through_nginx_as_well(nginx, technician):
    headers = {"Authorization": f"Bearer {await technician.token()}"}
    async with (
        httpx.AsyncClient(base_url=nginx, headers=headers) as client,
        client.stream("GET", "/api/tickets/stream") as answer,
    ):
        await wait_for_line(answer.aiter_lines(), "event: ready", seconds=30)


async def opens_request(customer: Account, sale_id: str):
    answer = await customer.call("POST", "/api/tickets", new_request(sale_id))
    assert answer.status_code == 201, answer.text
    return answer.json()
