"""What is off until a setting asks for it: TLS, the door for other systems, traces."""

import asyncio
import socket
import ssl
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from compose.installation import ROOT, Installation
from local.containers.engine import docker
from local.launcher.machine.processes import free_port, wait_until
from local.workshop.certificates import make_certificate
from shop import Shop
from streams import browser_at, nginx_config, wait_for_line


@contextmanager
def configured(installation: Installation, *parts: str, **settings: str) -> Generator[None]:
    """These parts run with these settings for a while."""
    compose, before = installation.compose, installation.compose.environment
    compose.environment = before | settings
    try:
        compose.checked("up", "--detach", "--no-deps", "--force-recreate", *parts)
        wait_for(installation, parts)
        yield
    finally:
        compose.environment = before
        compose.checked("up", "--detach", "--no-deps", "--force-recreate", *parts)
        wait_for(installation, parts)


def wait_for(installation: Installation, parts: tuple[str, ...]) -> None:
    for part in parts:
        installation.compose.wait_for(part, 1)


@pytest.fixture
def certificate(installation: Installation) -> Path:
    """Of this machine's name, where init told to put it; init gives it to its reader."""
    folder = installation.folder / "secrets" / "tls"
    certificate, _ = make_certificate(folder, "localhost")
    installation.init()
    return certificate


def test_with_certificates_in_files_the_world_is_spoken_to_over_tls_alone(
    installation: Installation, certificate: Path
):
    trusted = ssl.create_default_context(cafile=certificate)
    with (
        configured(installation, "gateway", GUICHET_TLS="files"),
        httpx.Client(base_url=f"https://localhost:{installation.port}", verify=trusted) as client,
    ):
        assert wait_until(lambda: client.get("/connexion").status_code == 200, 20, pause=0.5)
        assert client.get("/connexion").headers["Strict-Transport-Security"]
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"{installation.url}/connexion").raise_for_status()


@pytest.fixture
async def sold(shop: Shop) -> str:
    """The serial number of a sale."""
    customer = await shop.register("Sylvie", "Portier")
    sale = await shop.sell(customer, await shop.product("10AAM9901"))
    return sale["serial_number"]


def test_another_system_gets_every_sale_through_the_door(
    installation: Installation, sold: str, certificate: Path
):
    """With the example that others start from, by the published port, its password and TLS."""
    compose, port = installation.compose, free_port()
    password = (installation.folder / "secrets" / "nats-subscriber").read_text().strip()
    compose.environment |= {"GUICHET_DOOR_PORT": str(port)}
    compose.checked("--profile", "door", "up", "--detach", "--no-deps", "door")
    assert wait_until(lambda: greets(port), 30, pause=0.2)
    command = [sys.executable, ROOT / "contracts" / "examples" / "print_sales.py",
               "--url", f"tls://localhost:{port}", "--user", "subscriber"]  # fmt: skip
    trusting = {"SSL_CERT_FILE": str(certificate), "NATS_PASSWORD": password}
    try:
        with subprocess.Popen(command, env=trusting, stdout=subprocess.PIPE, text=True) as other:
            assert other.stdout
            assert any(sold in line for line in other.stdout)  # it goes on until it is there
            other.terminate()
    finally:
        compose.checked("--profile", "door", "rm", "--stop", "--force", "door")


def greets(port: int) -> bool:
    """A published port takes connections before anybody listens behind it; NATS speaks first."""
    try:
        with socket.create_connection(("localhost", port), timeout=5) as connection:
            return connection.recv(4) == b"INFO"
    except OSError:
        return False


@pytest.fixture
def nginx(installation: Installation, tmp_path: Path) -> Generator[str]:
    """Its address, in a container before the gateway."""
    name, port = f"{installation.name}-nginx", free_port()
    file = tmp_path / "nginx.conf"
    file.write_text(nginx_config("8080", "http://gateway:8080", Path("/tmp")))
    docker(
        "run", "--detach", "--name", name, "--network", f"{installation.name}_edge",
        "--publish", f"127.0.0.1:{port}:8080", "--volume", f"{file}:/guichet.conf:ro",
        "nginx:stable-alpine", "nginx", "-c", "/guichet.conf",
    )  # fmt: skip
    yield f"http://localhost:{port}"
    docker("rm", "--force", name)


async def test_live_updates_come_through_nginx_as_it_is(nginx: str, shop: Shop):
    technician = await shop.hire("technician", "Gilles", "Moteur")
    assert await asyncio.to_thread(wait_until, lambda: serves(nginx), 30, 0.2)
    async with (
        browser_at(nginx, technician) as browser,
        browser.stream("GET", "/en-direct") as answer,
    ):
        await wait_for_line(answer.aiter_lines(), "event: ready", seconds=5)


def serves(url: str) -> bool:
    try:
        return httpx.get(f"{url}/connexion").status_code == 200
    except httpx.HTTPError:
        return False


# A collector of few words: on which trace each part was.
COLLECTOR = """
import gzip
from http.server import BaseHTTPRequestHandler, HTTPServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        if length := self.headers.get("Content-Length"):
            body = self.rfile.read(int(length))
        else:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        for sent in ExportTraceServiceRequest.FromString(body).resource_spans:
            [part] = [a.value.string_value for a in sent.resource.attributes if a.key == "service.name"]
            for scope in sent.scope_spans:
                for span in scope.spans:
                    print(part, span.trace_id.hex(), flush=True)
        self.send_response(200)
        self.end_headers()

HTTPServer(("0.0.0.0", 4318), Receiver).serve_forever()
"""


@pytest.fixture
def collector(installation: Installation) -> Generator[str]:
    name = f"{installation.name}-collector"
    docker(
        "run", "--detach", "--name", name, "--network", f"{installation.name}_inside",
        "--network-alias", "collector", "--entrypoint", "python", installation.image("web"),
        "-c", COLLECTOR,
    )  # fmt: skip
    yield name
    docker("rm", "--force", name)


def test_a_page_is_one_trace_of_the_gateway_the_web_and_a_service(
    installation: Installation, collector: str
):
    url = "http://collector:4318/v1/traces"
    with configured(installation, "gateway", "web", "identity", GUICHET_TRACES_URL=url):
        form = {"email": "personne@example.org", "password": "au hasard, un mot"}

        def refused() -> bool:
            origin = {"Origin": installation.url}
            answer = httpx.post(f"{installation.url}/connexion", data=form, headers=origin)
            return "Adresse e-mail ou mot de passe incorrect." in answer.text

        assert wait_until(refused, 30, pause=1)

        def whole() -> bool:
            parts: dict[str, set[str]] = {}
            for line in docker("logs", collector).splitlines():
                part, trace = line.split()
                parts.setdefault(trace, set()).add(part)
            return {"gateway", "web", "identity"} in parts.values()

        assert wait_until(whole, 30, pause=0.5)
