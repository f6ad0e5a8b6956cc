"""What the world reaches through a real gateway, and what one address can make it hold."""

import contextlib
import json
import re
import runpy
import select
import socket
import time
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from attacks.access import API, GATEWAY, INSIDE, PAGES, SERVICES_BEHIND, SPOKEN, address
from chassis.http.bodies import LONG_BODY
from contracts.text import Problem
from contracts.uploads import PART_BYTES
from echoes import client_from, gateway_before, is_the_gateways, listening
from local.launcher.machine.processes import wait_until
from local.launcher.machine.servers import Gateway, get
from local.launcher.settings import ROOT
from local.workshop.certificates import make_certificate

ATTACKER, SOMEBODY = "127.0.3.1", "127.0.3.2"
PARTS_AT = "/api/catalog/imports/0198c0de-0000-7000-8000-000000000001"
LIMITS = {
    "rate": 200, "signInRate": 5, "signInBurst": 60, "requests": 200, "bodies": 64, "allBodies": 256,
    "largest": PART_BYTES,
}  # fmt: skip
PATIENCE = 2  # seconds for a request, instead of a minute


class Impatient(Gateway):
    def static(self) -> dict[str, Any]:
        static = super().static()
        transport = static["entryPoints"]["public"]["transport"]
        transport["respondingTimeouts"]["readTimeout"] = f"{PATIENCE}s"
        return static


@pytest.fixture(scope="module")
def echoes() -> Generator[dict[str, int]]:
    with listening() as ports:
        yield ports


@pytest.fixture(scope="module")
def gateway(echoes, tmp_path_factory) -> Generator[Gateway]:
    with gateway_before(echoes, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
def somebody(gateway) -> Generator[httpx.Client]:
    with client_from(SOMEBODY, gateway) as client:
        yield client


# --- Who reaches what -----------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["files", "containers", "certificates"])
def test_the_table_names_every_route_of_the_gateway(echoes, tmp_path, way):
    make_certificate(tmp_path, "localhost")
    environment = {
        "files": {},
        "containers": {
            "GUICHET_SERVERS": "docker",
            "GUICHET_TLS": "acme",
            "GUICHET_PUBLIC_URL": "https://guichet.example.org",
        },
        "certificates": {"GUICHET_TLS": "files", "GUICHET_TLS_FOLDER": str(tmp_path)},
    }[way]
    folder, proxies = tmp_path / "gateway", "192.0.2.1"
    with gateway_before(echoes, folder, trusted_proxies=proxies, environment=environment) as here:
        answer = get(here.internal_port, "/traefik/api/http/routers?per_page=1000")
    found: dict[str, set[str]] = {}
    for router in json.loads(answer or ""):
        for entry in router["entryPoints"]:
            found.setdefault(entry, set()).add(router["name"].removesuffix("@file"))
    assert found == GATEWAY


def test_the_world_reaches_the_parts_routes_that_the_table_names_and_no_other(somebody):
    parts = {route: part for part, routes in API.items() for route in routes}
    for route in {*parts, *PAGES, *INSIDE}:
        method, pattern = route.split()
        path = address(pattern)
        answer = somebody.request(method, path)
        if route in INSIDE:
            is_the_gateways(answer, 404, "not_found", page=not path.startswith("/api/"))
        else:
            assert answer.json()["part"] == parts.get(route, "web"), route
            assert answer.json()["path"] == path


def test_the_table_names_all_that_the_gateway_says_itself_and_nobody_may_ask_for_it(somebody):
    spoken = runpy.run_path(str(ROOT / "gateway" / "serve.py"))["ANSWERS"]
    assert {status: answer[0] for status, answer in spoken.items()} == SPOKEN
    assert somebody.get("/-/answers/503").json()["part"] == "web"


# --- The numbers ----------------------------------------------------------------------------------

MINUTE = {"1m0s", 60_000_000_000}  # as Traefik writes one


def test_the_running_gateway_has_the_limits_of_the_decision(gateway):
    def read(path: str) -> Any:
        return json.loads(get(gateway.internal_port, f"/traefik/api/{path}") or "")

    entry = read("entrypoints/public")
    assert entry["transport"]["respondingTimeouts"]["readTimeout"] in MINUTE
    assert entry["http"]["maxHeaderBytes"] == 32 * 1024
    limits = read("http/middlewares/limits@file")["plugin"]["limits"]
    limits = {name: int(limits[name]) for name in LIMITS}
    assert limits == LIMITS
    decision = (ROOT / "docs/decisions/0022-what-is-under-way-is-bounded.md").read_text()
    for words in (
        "A request has a minute to arrive, its head 32 KiB.",
        "(200, twice as many at once; of tries to sign in 5, 60 at once)",
        "(200 requests of an address, 64 of them with a body; 256 bodies of all)",
        "parts of up to 1 MiB",
        "one size at the gateway, 320 KiB",
    ):
        assert words in decision

    small = read("http/middlewares/small-bodies@file")["buffering"]
    assert LONG_BODY < small["maxRequestBodyBytes"] == 320 * 1024
    limited = {
        router["name"].removesuffix("@file")
        for router in read("http/routers?per_page=1000")
        if "small-bodies@file" in router.get("middlewares", ())
    }
    # The others are for reading, where `limits` drops a body, and for parts of a file.
    writing = {f"{service}-write" for service in (*SERVICES_BEHIND, "web")}
    assert limited == {*writing, "sign-in", "web-sign-in", "web-key"}


# --- What is under way ----------------------------------------------------------------------------


@contextlib.contextmanager
def half_sent(
    gateway: Gateway, question: str, number: int, *, sent: int, refused: int
) -> Generator[list[bytes]]:
    """So many bodies that never end, of one address; gives the answers, once so many have come."""
    head = f"{question} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n"
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(number):
            connection = stack.enter_context(socket.socket())
            connection.bind((ATTACKER, 0))
            connection.connect(("127.0.0.1", gateway.public_port))
            connection.sendall(head.encode() + b"x" * sent)
            connections.append(connection)
        wait_until(lambda: len(answered(connections)) >= refused, 60)
        time.sleep(0.5)  # for those that must not come
        yield [each.recv(65536) for each in answered(connections)]


def answered(connections: Sequence[socket.socket]) -> list[socket.socket]:
    """Those with something to read."""
    poll = select.poll()
    for each in connections:
        poll.register(each, select.POLLIN)
    ready = {descriptor for descriptor, _ in poll.poll(0)}
    return [each for each in connections if each.fileno() in ready]


@pytest.mark.parametrize("question", ["POST /api/tickets", "POST /demandes", f"PATCH {PARTS_AT}"])
def test_two_hundred_half_sent_bodies_of_one_address_cost_little_and_hold_up_nobody(
    gateway, somebody, question
):
    method, path = question.split()
    before = memory(gateway)
    with half_sent(gateway, question, 200, sent=200_000, refused=200 - 64) as refused:
        assert len(refused) == 200 - 64
        assert memory(gateway) - before < 60
        for answer in refused:
            head, _, body = answer.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 429 ")
            assert b"Retry-After: 1" in head
            if path.startswith("/api/"):
                assert Problem.model_validate_json(body).code == "too_many"
            else:
                assert b"Trop de demandes" in body
        for content in (None, b"x" * 60_000):
            began = time.monotonic()
            assert somebody.request(method, path, content=content).status_code == 200
            assert time.monotonic() - began < 10  # the others' bodies are waited for a minute
        with client_from(ATTACKER, gateway) as others_there:
            assert others_there.get("/").status_code == 200  # who only reads goes on
    with client_from(ATTACKER, gateway) as client:
        assert wait_until(lambda: client.request(method, path).status_code == 200, 60)


def test_what_ends_in_the_middle_gives_its_place_back(gateway):
    with client_from("127.0.3.3", gateway) as client:
        for _ in range(70):
            with pytest.raises(httpx.RemoteProtocolError):
                client.patch(PARTS_AT, content=b"x", headers={"Break-Off": "now"})
        assert client.patch(PARTS_AT, content=b"x").status_code == 200


@pytest.mark.parametrize(("path", "page"), [("/mes-demandes/1", True), ("/api/tickets", False)])
def test_a_write_whose_server_ends_in_the_middle_is_answered_in_our_words(somebody, path, page):
    for encoding in ("identity", "gzip", "zstd"):
        headers = {"Break-Off": "now", "Accept-Encoding": encoding}
        answer = somebody.post(path, content=b"x", headers=headers)
        is_the_gateways(answer, 502, "unavailable", page=page)


def memory(gateway: Gateway) -> int:
    """Of Traefik, MiB; its program is not counted."""
    assert gateway.running is not None
    status = Path(f"/proc/{gateway.running.pid}/status").read_text()
    return int(re.findall(r"RssAnon:\s+(\d+) kB", status)[0]) // 1024


def test_a_body_sent_too_slowly_gets_408_and_a_stream_continues(echoes, tmp_path):
    pause = {"Pause": str(2 * PATIENCE + 2)}
    with (
        gateway_before(echoes, tmp_path, kind=Impatient) as gateway,
        client_from(SOMEBODY, gateway) as reader,
        reader.stream("GET", "/en-direct", headers=pause, timeout=20) as stream,
    ):
        pieces = stream.iter_raw()
        assert next(pieces) == b"data: first\n\n"
        for path, words in (
            ("/demandes", "Envoi interrompu"),
            ("/api/tickets", '"body_too_slow"'),
        ):
            answer = only_begun(gateway, path)
            assert answer.startswith(b"HTTP/1.1 408 ")
            assert words.encode() in answer
        assert b"".join(pieces) == b"data: second\n\n"


def only_begun(gateway: Gateway, path: str) -> bytes:
    """The answer to a body of which no more than the first byte comes."""
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 300000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.public_port), timeout=30) as connection:
        connection.sendall(head.encode() + b"x")
        return b"".join(iter(lambda: connection.recv(65536), b""))


def test_a_head_is_bounded_as_well(gateway):
    before = memory(gateway)
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            connection = stack.enter_context(
                socket.create_connection(("127.0.0.1", gateway.public_port), timeout=30)
            )
            with contextlib.suppress(ConnectionError):  # it is refused before all of it is sent
                connection.sendall(
                    b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"x" * 500_000
                )
        assert connection.recv(65536).startswith(b"HTTP/1.1 431 ")
        assert memory(gateway) - before < 20


def test_a_body_where_none_means_anything_is_not_waited_for(gateway):
    with socket.create_connection(("127.0.0.1", gateway.public_port), timeout=30) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000\r\n\r\nx")
        answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"Connection: close" in answer
