"""The gateway's limits and its breaker trip and recover; no replica and TLS, as containers have them."""

import json
import os
import shutil
import socket
import ssl
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread
from typing import Any

import httpx
import pytest

from contracts.text import Problem
from local.launcher.machine.processes import free_port, wait_until
from local.launcher.machine.servers import Gateway, answers, get
from local.launcher.settings import ROOT, SERVICES
from local.workshop.certificates import make_certificate

PARTS = (*SERVICES, "web")
RATE = 40
STREAMS = ("/api/tickets/stream", "/en-direct")


class Moody(BaseHTTPRequestHandler):
    """Says that it is ready; answers, unless it is silent, too slow or refuses."""

    protocol_version = "HTTP/1.1"
    ready, silent, silent_once, asked = True, False, False, 0
    received, in_time = Event(), Event()
    status = HTTPStatus.OK

    def do_GET(self) -> None:
        if self.path.startswith("/health"):
            self.answer(HTTPStatus.OK if self.ready else HTTPStatus.SERVICE_UNAVAILABLE)
            return
        Moody.asked += 1
        self.in_time.wait(60)
        if self.silent or self.silent_once:
            Moody.silent_once = False
            self.close_connection = True
        elif self.path in STREAMS:
            self.tell_twice()
        else:
            self.answer(self.status)

    def answer(self, status: HTTPStatus) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_POST = do_GET

    def tell_twice(self) -> None:
        """A hint, and another one when somebody has heard the first."""
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        self.received.wait(10)
        self.wfile.write(b"data: second\n\n")
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@pytest.fixture(autouse=True)
def good_mood() -> Generator[None]:
    yield
    Moody.ready, Moody.silent, Moody.status = True, False, HTTPStatus.OK
    Moody.in_time.set()


@contextmanager
def gateway_before(
    folder: Path, port: int, *, files: Path = ROOT / "gateway", **environment: str
) -> Generator[Gateway]:
    gateway = Gateway(
        folder,
        files,
        public_port=free_port(),
        internal_port=free_port(),
        servers=dict.fromkeys(PARTS, port),
    )
    gateway.environment = {**(gateway.environment or {}), **environment}
    gateway.start()
    try:
        gateway.wait_for(gateway.is_ready, 60)
        known = "/traefik/api/http/routers/web@file"
        gateway.wait_for(lambda: answers(gateway.internal_port, known), 60)
        yield gateway
    finally:
        gateway.stop()


@pytest.fixture(scope="module")
def server() -> Generator[ThreadingHTTPServer]:
    Moody.received.set()  # only the test of a live stream waits in between
    Moody.in_time.set()
    with ThreadingHTTPServer(("127.0.0.1", 0), Moody) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def gateway(server, tmp_path_factory) -> Generator[Gateway]:
    with gateway_before(tmp_path_factory.mktemp("gateway"), server.server_port) as gateway:
        yield gateway


@pytest.fixture
def public(gateway) -> Generator[httpx.Client]:
    """Every part is ready, whatever the test before made of them."""
    assert wait_until(lambda: all(map(gateway.reaches, PARTS)), 60)
    with client_of(gateway) as client:
        yield client


def client_of(gateway: Gateway, **options: Any) -> httpx.Client:
    scheme = "https" if "verify" in options else "http"
    return httpx.Client(base_url=f"{scheme}://localhost:{gateway.public_port}", **options)


def is_ours(answer: httpx.Response) -> None:
    """What the gateway says of a part that is away: a page for people, a problem for programs."""
    assert answer.status_code in {502, 503, 504}
    assert int(answer.headers["Retry-After"]) >= 1
    if answer.request.url.path.startswith("/api/"):
        assert Problem.model_validate_json(answer.content).code == "unavailable"
    else:
        assert "Guichet fermé" in answer.text
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"


def says_how_to_send_again(answer: httpx.Response) -> None:
    """A link would load the page again, without the typed text."""
    is_ours(answer)
    assert "actualisez cette page" in answer.text
    assert "href" not in answer.text


def status_within(seconds: float, ask: Callable[[], int], wanted: int) -> bool:
    return wait_until(lambda: ask() == wanted, seconds, pause=0.2)


def test_one_address_may_not_flood_the_shop(server, tmp_path):
    """Without a replica Traefik answers by itself, so fast that even a slow machine is a flood."""
    Moody.ready = False
    with gateway_before(
        tmp_path, server.server_port, GUICHET_REQUESTS_PER_SECOND=str(RATE)
    ) as gateway:
        assert wait_until(lambda: not any(map(gateway.reaches, PARTS)), 60)
        for number, (question, at_once) in enumerate(FLOODS.items(), 1):
            ask = partial(flood, gateway.public_port, f"127.0.4.{number}", question)
            with ThreadPoolExecutor(CONNECTIONS) as pool:
                each = [REQUESTS // CONNECTIONS] * CONNECTIONS
                answers = b"".join(pool.map(ask, each))
            let_pass, refused = answers.count(b"HTTP/1.1 503"), answers.count(b"HTTP/1.1 429")
            assert let_pass + refused == REQUESTS, question
            assert let_pass >= at_once, question
            assert refused > 0, question
            assert b"Retry-After: " in answers


# Each with as many as are let pass at once: guesses of passwords, and everything else.
FLOODS = {
    "POST /api/identity/sessions": 60,
    "POST /connexion": 60,
    "GET /api/tickets": 2 * RATE,
    "GET /": 2 * RATE,
}
REQUESTS = 600
CONNECTIONS = 20


def flood(port: int, address: str, question: str, requests: int) -> bytes:
    """That many requests on one connection, none waiting for the answer before."""
    head = f"{question} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n".encode()
    here = ("127.0.0.1", port)
    with socket.create_connection(here, timeout=50, source_address=(address, 0)) as connection:
        asker = Thread(
            target=connection.sendall,
            args=[(head + b"\r\n") * (requests - 1) + head + b"Connection: close\r\n\r\n"],
        )
        asker.start()
        answers = b"".join(iter(lambda: connection.recv(65536), b""))
        asker.join()
    return answers


def test_a_shop_of_fifty_behind_one_address_is_let_pass(server, tmp_path):
    with gateway_before(tmp_path, server.server_port) as gateway:
        limits = json.loads(
            get(gateway.internal_port, "/traefik/api/http/middlewares/limits@file") or ""
        )
    assert limits["plugin"]["limits"]["rate"] == "200"  # a second, and twice as many at once


def test_the_breaker_opens_on_silence_and_closes_again(public):
    def ask() -> int:
        answer = public.get("/api/tickets")
        if answer.status_code != 200:
            is_ours(answer)
        return answer.status_code

    Moody.silent = True
    assert status_within(30, ask, 503)
    asked = Moody.asked
    assert {ask() for _ in range(5)} == {503}
    assert Moody.asked == asked, "the service was asked"
    assert public.get("/").status_code in {502, 503}
    Moody.silent = False
    assert status_within(30, ask, 200)
    # While it recovers it lets at most every other one pass.
    assert wait_until(lambda: {ask() for _ in range(10)} == {200}, 60)


@pytest.mark.parametrize("path", STREAMS)
def test_a_live_stream_passes_as_it_comes(public, path):
    Moody.received.clear()
    headers = {"Accept": "text/event-stream", "Accept-Encoding": "gzip"}
    with public.stream("GET", path, headers=headers) as answer:
        events = answer.iter_text()
        assert next(events) == "data: first\n\n"
        Moody.received.set()
        assert "".join(events) == "data: second\n\n"


def test_what_may_be_repeated_is_asked_again_when_a_server_ends_without_an_answer(public):
    Moody.silent_once = True
    assert public.get("/api/tickets").status_code == 200
    Moody.silent_once = True
    lost = public.post("/api/tickets")
    assert lost.status_code == 502  # it may have been done
    is_ours(lost)
    assert status_within(30, lambda: public.post("/api/tickets").status_code, 200)
    Moody.silent_once = True
    says_how_to_send_again(public.post("/mes-demandes/7", data={"text": "x"}))


def test_a_part_whose_servers_are_not_ready_is_away_in_our_words(gateway, public):
    Moody.ready = False
    Moody.received.set()  # what still reaches a stream is answered at once
    assert wait_until(lambda: not any(map(gateway.reaches, PARTS)), 60)
    for path in ("/api/tickets", "/demandes", "/connexion", "/api/catalog/imports", *STREAMS):
        for method in ("POST", "GET"):
            answer = public.request(method, path, content=b"x" * 9)
            assert answer.status_code == 503
            is_ours(answer)
            if method == "POST" and not path.startswith("/api/"):
                says_how_to_send_again(public.post(path, data={"text": "x"}))
            asked_for_json = public.request(method, path, headers={"Accept": "application/json"})
            assert Problem.model_validate_json(asked_for_json.content).code == "unavailable"


def test_the_gateway_listens_when_it_has_its_routes(server, tmp_path):
    """Whoever came too early was told for up to a second that there is no such address.

    It needs no privilege for it: neither a container nor an ordinary user has any.
    """
    seen: set[int] = set()
    gateway = Gateway(
        tmp_path,
        ROOT / "gateway",
        public_port=free_port(),
        internal_port=free_port(),
        servers=dict.fromkeys(PARTS, server.server_port),
    )

    def ask(port: int) -> int | None:
        try:
            answer = httpx.get(f"http://127.0.0.1:{port}/api/tickets", timeout=3)
        except httpx.HTTPError:
            return None
        seen.add(answer.status_code)
        return answer.status_code

    if os.geteuid() == 0:
        gateway.prefix = ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--"]
    gateway.start()
    try:
        for port in (gateway.public_port, gateway.internal_port):
            assert wait_until(lambda port=port: ask(port) == 200, 60, pause=0.005)
    finally:
        gateway.stop()
    assert seen == {200}


def test_a_part_that_is_too_slow_is_reported_in_our_words(server, tmp_path):
    """After half a minute; here after a second."""
    files = tmp_path / "files"
    shutil.copytree(ROOT / "gateway", files)
    servers = files / "dynamic" / "servers.yml"
    patience, hurried = "responseHeaderTimeout: 30s", "responseHeaderTimeout: 1s"
    assert patience in servers.read_text()
    servers.write_text(servers.read_text().replace(patience, hurried))
    with (
        gateway_before(tmp_path, server.server_port, files=files) as gateway,
        client_of(gateway, timeout=30) as client,
    ):
        assert wait_until(lambda: all(map(gateway.reaches, PARTS)), 60)
        Moody.in_time.clear()
        for method, path in (("POST", "/api/tickets"), ("GET", "/demandes")):
            answer = client.request(method, path)
            assert answer.status_code == 504, answer.text
            is_ours(answer)
        says_how_to_send_again(client.post("/mes-demandes/7", data={"text": "x"}))


def test_refusals_and_failures_of_a_service_open_no_breaker(public):
    for status in (HTTPStatus.CONFLICT, HTTPStatus.INTERNAL_SERVER_ERROR):
        Moody.status = status
        assert {public.get("/api/sales").status_code for _ in range(40)} == {status}
    Moody.status = HTTPStatus.OK
    assert public.get("/api/sales").status_code == 200


# --- As in containers --------------------------------------------------------------------------


def test_an_address_without_any_replica_is_unavailable_and_never_the_webs(server, tmp_path):
    with gateway_before(tmp_path, server.server_port, GUICHET_SERVERS="docker") as gateway:
        for port in (gateway.public_port, gateway.internal_port):
            for path in ("/api/tickets", "/api/identity/customers/1"):
                for method in ("GET", "POST"):
                    answer = httpx.request(
                        method, f"http://localhost:{port}{path}", content=b"x" * 9
                    )
                    assert answer.status_code == 503
                    is_ours(answer)
        with client_of(gateway) as client:
            is_ours(client.get("/"))
            assert client.get("/health/ready").status_code == 404


def test_with_certificates_in_files_the_public_entry_point_speaks_tls_only(server, tmp_path):
    certificate, _ = make_certificate(tmp_path, "localhost")
    trusted = ssl.create_default_context(cafile=certificate)
    with gateway_before(
        tmp_path / "gateway",
        server.server_port,
        GUICHET_TLS="files",
        GUICHET_TLS_FOLDER=str(tmp_path),
        GUICHET_HSTS_SUBDOMAINS="true",
    ) as gateway:
        assert wait_until(lambda: all(map(gateway.reaches, PARTS)), 60)
        with client_of(gateway, verify=trusted) as client:
            for path in ("/", "/api/sales", "/connexion"):
                answer = client.get(path)
                assert answer.status_code == 200
                header = answer.headers["Strict-Transport-Security"]
                assert header == "max-age=31536000; includeSubDomains"
            assert client.get("/health/ready").status_code == 404
        with client_of(gateway) as client:
            assert client.get("/").status_code == 404
        assert httpx.get(f"http://localhost:{gateway.internal_port}/api/sales").status_code == 200


def test_with_acme_every_public_route_asks_for_the_shops_certificate(server, tmp_path):
    address = "https://guichet.example.org:8443/"
    with gateway_before(
        tmp_path, server.server_port, GUICHET_TLS="acme", GUICHET_PUBLIC_URL=address
    ) as gateway:
        sealed = get(gateway.internal_port, "/traefik/api/http/middlewares/sealed@file")
        assert not json.loads(sealed or "")["headers"].get("stsIncludeSubdomains")  # not by itself
        routers = get(gateway.internal_port, "/traefik/api/http/routers?per_page=100")
        public = [each for each in json.loads(routers or "") if each["entryPoints"] == ["public"]]
        assert len(public) > len(PARTS)
        for router in public:
            assert router["tls"]["certResolver"] == "acme"
            assert router["tls"]["domains"] == [{"main": "guichet.example.org"}]
