"""Parts that answer with what reached them, and a gateway before them."""

import json
import shutil
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType

import httpx

from chassis.http.answering import SECURITY
from contracts.text import Problem
from local.launcher.machine.processes import free_port, wait_until
from local.launcher.machine.servers import Gateway
from local.launcher.settings import ROOT, SERVICES

PARTS = (*SERVICES, "web")
# Every header by which an answer tells browsers and proxies what not to do, each in words of its own.
OWN_HEADERS = {
    "Content-Security-Policy": "default-src 'self'",
    "X-Content-Type-Options": "nosniff, ours",
    "X-Frame-Options": "SAMEORIGIN",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(self)",
    "Cross-Origin-Opener-Policy": "unsafe-none",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "Strict-Transport-Security": "max-age=1",
    "X-Robots-Tag": "noarchive",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "Retry-After": "77",
}


class Echo(BaseHTTPRequestHandler):
    """Answers with what reached it: the part's name, the path, the headers, the body's length."""

    protocol_version = "HTTP/1.1"
    part = ""

    def do_GET(self) -> None:
        if "Break-Off" in self.headers:
            self.break_off()
            return
        if "Pause" in self.headers:
            self.tell_twice(float(self.headers["Pause"]))
            return
        length = 0
        if self.headers.get("Transfer-Encoding") == "chunked":
            while size := int(self.rfile.readline(), 16):
                length += len(self.rfile.read(size + 2)) - 2
            self.rfile.readline()
        else:
            length = len(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        self.answer(length)

    def answer(self, length: int) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        fields = {"part": self.part, "path": self.path, "headers": headers, "length": length}
        body = json.dumps(fields).encode()
        self.send_response(int(self.headers.get("Say", 200)))
        self.send_header("Content-Length", str(len(body)))
        for name, value in OWN_HEADERS.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def break_off(self) -> None:
        """Ends in the middle of what it has announced."""
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "9000")
        self.end_headers()
        self.wfile.write(b"x")
        self.close_connection = True

    def tell_twice(self, pause: float) -> None:
        """An answer that goes on, `pause` seconds after its beginning."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(b"data: first\n\n")
        time.sleep(pause)
        self.wfile.write(b"data: second\n\n")
        self.close_connection = True

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


def is_the_gateways(answer: httpx.Response, status: int, code: str, *, page: bool) -> None:
    """What it says in its own name: a French page for people, a problem for programs."""
    assert answer.status_code == status, answer.text
    assert ("Retry-After" in answer.headers) == (status in {429, 502, 503, 504})
    assert {name: answer.headers[name] for name in SECURITY} == SECURITY
    assert answer.headers["Cache-Control"] == "no-store"
    if page:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        assert '<html lang="fr">' in answer.text
    else:
        assert answer.headers["Content-Type"] == "application/problem+json"
        problem = Problem.model_validate_json(answer.content)
        assert (problem.status, problem.code) == (status, code)


def echo_of(part: str) -> type[Echo]:
    return type("EchoOf", (Echo,), {"part": part})


class Part(ThreadingHTTPServer):
    request_queue_size = 1024


@contextmanager
def listening() -> Generator[dict[str, int]]:
    """Where each part listens."""
    echoes = {part: Part(("127.0.0.1", 0), echo_of(part)) for part in PARTS}
    for echo in echoes.values():
        threading.Thread(target=echo.serve_forever, daemon=True).start()
    try:
        yield {part: echo.server_port for part, echo in echoes.items()}
    finally:
        for echo in echoes.values():
            echo.shutdown()
            echo.server_close()


@contextmanager
def gateway_before(
    echoes: dict[str, int],
    folder: Path,
    *,
    kind: type[Gateway] = Gateway,
    trusted_proxies: str = "",
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Generator[Gateway]:
    gateway = kind(
        folder,
        patient_files(folder / "files"),
        public_port=free_port(),
        internal_port=free_port(),
        servers=echoes,
        trusted_proxies=trusted_proxies,
    )
    gateway.environment = {**(gateway.environment or {}), **environment}
    gateway.start()
    try:
        gateway.wait_for(gateway.is_ready, 60)
        if environment.get("GUICHET_SERVERS") != "docker":
            assert wait_until(lambda: all(map(gateway.reaches, PARTS)), 60)
        yield gateway
    finally:
        gateway.stop()


def patient_files(folder: Path) -> Path:
    """The gateway's own, but for the half second in which a part has to take a connection.

    On a busy machine a flood of a test's own could take it longer.
    """
    shutil.copytree(ROOT / "gateway", folder)
    servers = folder / "dynamic" / "servers.yml"
    given = servers.read_text()
    patient = given.replace("dialTimeout: 500ms", "dialTimeout: 20s")
    assert patient != given
    servers.write_text(patient)
    return folder


def client_from(address: str, gateway: Gateway) -> httpx.Client:
    return httpx.Client(
        base_url=f"http://127.0.0.1:{gateway.public_port}",
        transport=httpx.HTTPTransport(local_address=address),
        timeout=30,
    )
