"""What runs in containers beside the services: the health check, the view of Docker, the set-up."""

import asyncio
import importlib.util
import os
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import psycopg
import pytest

from chassis.data import provisioning
from local.launcher.machine.processes import free_port, wait_until
from local.launcher.machine.servers import HASTY, Broker, PostgreSQL, answers
from local.launcher.settings import ROOT, SERVICES

# ---- The health check -------------------------------------------------------------------


class Ready(BaseHTTPRequestHandler):
    status, body = 200, b'{"ready": true}'

    def do_GET(self) -> None:
        found = self.path == "/health/ready"
        self.send_response(self.status if found else 404)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


def health(port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-IS", ROOT / "deploy" / "healthy.py"],
        env={"GUICHET_PORT": str(port)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@contextmanager
def answering(status: int, body: bytes) -> Generator[int]:
    handler = type("Answer", (Ready,), {"status": status, "body": body})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, b'{"ready": true, "database": "ok"}', 0),
        (503, b'{"ready": false, "database": "unreachable"}', 1),
        (500, b"", 1),
    ],
)
def test_the_health_check_says_what_the_service_says(status, body, code):
    with answering(status, body) as port:
        done = health(port)
    assert (done.returncode, done.stdout.strip()) == (code, body.decode())


def test_the_health_check_says_when_nobody_listens():
    port = free_port()
    done = health(port)
    assert done.returncode == 1
    assert f"no answer on port {port}" in done.stderr


# ---- The view of Docker -----------------------------------------------------------------


class Engine(socketserver.StreamRequestHandler):
    """Tells what reached it, and what is said to it beyond the head."""

    def handle(self) -> None:
        head = b"".join(iter(self.rfile.readline, b"\r\n"))
        self.server.arrived.append(head.splitlines()[0].decode())  # ty: ignore[missing-attribute]
        assert b"Connection: close" in head
        self.wfile.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nengine")


@pytest.fixture
def program(tmp_path, monkeypatch) -> ModuleType:
    """With a socket where no engine listens yet."""
    spec = importlib.util.spec_from_file_location("docker_view", ROOT / "deploy" / "docker_view.py")
    assert spec
    assert spec.loader
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    monkeypatch.setattr(program, "SOCKET", str(tmp_path / "engine.sock"))
    return program


@pytest.fixture
async def view(program) -> AsyncGenerator[tuple[int, list[str]]]:
    """Its port, and what the engine behind it was asked."""
    received: list[str] = []
    engine = socketserver.ThreadingUnixStreamServer(program.SOCKET, Engine)
    engine.arrived = received  # ty: ignore[missing-attribute]
    threading.Thread(target=engine.serve_forever, daemon=True).start()
    server = await asyncio.start_server(program.pass_on, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1], received
    server.close()
    await server.wait_closed()
    await asyncio.to_thread(engine.shutdown)
    engine.server_close()


async def ask(port: int, question: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(question.encode())
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    return answer.decode()


@pytest.mark.parametrize(
    "question",
    [
        "GET /_ping", "HEAD /_ping", "GET /version", "GET /v1.24/version",
        "GET /v1.24/containers/json?limit=0", "GET /containers/0123456789abcdef/json",
    ],
)  # fmt: skip
async def test_what_traefik_asks_is_passed_on(view, question):
    port, received = view
    answer = await ask(port, f"{question} HTTP/1.1\r\nHost: docker\r\n\r\n")
    assert answer.endswith("engine")
    assert received == [f"{question} HTTP/1.1"]


async def test_events_are_those_since_the_last_list(view):
    """Traefik asks for the list first: what happened before it asks for events is in neither."""
    port, received = view
    await ask(port, "GET /events HTTP/1.1\r\nHost: docker\r\n\r\n")
    before = time.time()
    await ask(port, "GET /v1.51/containers/json HTTP/1.1\r\nHost: docker\r\n\r\n")
    listed = time.time()
    await asyncio.sleep(0.01)
    await ask(port, "GET /v1.51/events?filters=%7B%7D HTTP/1.1\r\nHost: docker\r\n\r\n")
    assert received[0] == "GET /events?since=0.000000 HTTP/1.1"
    start, since = received[2].removesuffix(" HTTP/1.1").split("&since=")
    assert start == "GET /v1.51/events?filters=%7B%7D"
    assert before <= float(since) + 1e-6
    assert float(since) <= listed


@pytest.mark.parametrize(
    "question",
    [
        "POST /containers/create HTTP/1.1\r\n",
        "DELETE /containers/0123456789abcdef HTTP/1.1\r\n",
        "GET /containers/0123456789abcdef/logs HTTP/1.1\r\n",
        "GET /containers/0123456789abcdef/archive?path=/ HTTP/1.1\r\n",
        "GET /containers/name-of-one/json HTTP/1.1\r\n",
        "GET /containers/json/../../images/json HTTP/1.1\r\n",
        "GET /secrets HTTP/1.1\r\n",
        "GET /version HTTP/1.0\r\n",
        "GET  /version HTTP/1.1\r\n",
        "GET /version HTTP/1.1\r\nContent-Length: 5\r\n",
        "GET /version HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
        "GET /version HTTP/1.1\r\nConnection: keep-alive\r\n",
        "GET /version HTTP/1.1\r\nUpgrade: tcp\r\n",
    ],
)
async def test_all_else_is_refused_and_never_reaches_the_engine(view, question):
    port, received = view
    answer = await ask(port, f"{question}Host: docker\r\n\r\n")
    assert answer.startswith("HTTP/1.1 403 ")
    assert received == []


async def test_a_second_question_on_one_connection_is_not_passed_on(view):
    port, received = view
    first = "GET /version HTTP/1.1\r\nHost: docker\r\n\r\n"
    answer = await ask(port, first + "POST /containers/create HTTP/1.1\r\nHost: docker\r\n\r\n")
    assert answer.count("HTTP/1.1 ") == 1
    assert received == ["GET /version HTTP/1.1"]


@pytest.mark.parametrize("end", ["\n\n", "\n\r\n", "\r\n \n\n"])
async def test_a_question_behind_a_bare_line_feed_is_not_passed_on(view, end):
    port, received = view
    hidden = "POST /containers/create HTTP/1.1\nContent-Type: application/json"
    await ask(port, f"GET /version HTTP/1.1\r\nHost: docker{end}{hidden}\r\n\r\n")
    assert received == ["GET /version HTTP/1.1"]


async def test_a_word_that_is_no_question_ends_the_conversation(view):
    port, received = view
    assert (
        await ask(port, "\r\n\r\n")
        == "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    assert received == []


def checked(port: int, folder: Path) -> subprocess.CompletedProcess[str]:
    """The program as the health check runs it, but for the port."""
    copy = folder / "view.py"
    text = (ROOT / "deploy" / "docker_view.py").read_text()
    copy.write_text(text.replace("2375", str(port)))
    return subprocess.run(
        [sys.executable, "-IS", copy, "check"], capture_output=True, text=True, check=False
    )


async def test_its_health_is_the_engines(view, tmp_path):
    port, received = view
    well = await asyncio.to_thread(checked, port, tmp_path)
    assert (well.returncode, well.stderr) == (0, "")
    assert received == ["GET /_ping HTTP/1.1"]
    silent = await asyncio.to_thread(checked, free_port(), tmp_path)
    assert silent.returncode == 1
    assert silent.stderr.startswith("docker-view does not answer: ")


@pytest.mark.parametrize(
    ("socket_is", "wrong", "remedy"),
    [
        ("missing", "No such file or directory", "GUICHET_DOCKER_SOCKET in deploy/.env"),
        ("deserted", "Connection refused", "restart docker-view"),
    ],
)
async def test_an_engine_that_is_away_is_one_line_with_the_remedy(
    program, capsys, socket_is, wrong, remedy
):
    if socket_is == "deserted":
        socketserver.UnixStreamServer(program.SOCKET, Engine).server_close()
    server = await asyncio.start_server(program.pass_on, "127.0.0.1", 0)
    message = await asyncio.to_thread(program.check, server.sockets[0].getsockname()[1])
    server.close()
    await server.wait_closed()
    assert message.startswith(f"The Docker engine does not answer at {program.SOCKET}: {wrong}; ")
    assert remedy in message
    assert capsys.readouterr().out == f"{message}\n"


def test_it_stops_on_sigterm_though_traefik_reads_events_for_ever(tmp_path):
    """By an answer of its own to the signal: the first process of a container has no other."""
    port, path = free_port(), f"{tmp_path}/engine.sock"
    text = (ROOT / "deploy" / "docker_view.py").read_text()
    (tmp_path / "view.py").write_text(
        text.replace("2375", str(port)).replace("/var/run/docker.sock", path)
    )
    with (
        socket.socket(socket.AF_UNIX) as engine,
        subprocess.Popen([sys.executable, "-I", tmp_path / "view.py"]) as view,
    ):
        engine.bind(path)
        engine.listen()
        assert wait_until(lambda: answers(port), 60)
        with socket.create_connection(("127.0.0.1", port)) as traefik:
            traefik.sendall(b"GET /events HTTP/1.1\r\nHost: docker\r\n\r\n")
            asked, _ = engine.accept()
            with asked:
                view.terminate()
                assert view.wait(10) == 0


# ---- Databases and streams --------------------------------------------------------------

SERVER = os.environ["GUICHET_TEST_POSTGRES"]


def run(module: str, **environment: str) -> subprocess.CompletedProcess[str]:
    others = {n: v for n, v in os.environ.items() if not n.startswith("GUICHET_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", module], env=others | environment,
        capture_output=True, text=True, check=False, timeout=40,
    )  # fmt: skip


@pytest.fixture
def secrets(tmp_path) -> Iterator[Path]:
    """As init makes them, for the server of the tests, which keeps nothing of it."""
    (tmp_path / "postgres-url").write_text(SERVER)
    for service in SERVICES:
        for use, role in (("database", service), ("migration", provisioning.owner(service))):
            url = f"postgresql+psycopg://{role}:secret-of-{role}@postgres:5432/{service}\n"
            (tmp_path / f"{service}-{use}").write_text(url)
    yield tmp_path
    provisioning.remove(SERVER, SERVICES)


def test_databases_and_roles_are_made_from_the_secrets(secrets):
    for _ in range(2):
        done = run("chassis.data.provisioning", GUICHET_SECRETS=str(secrets))
        assert done.returncode == 0, done.stderr
    url = SERVER.replace("postgres@", "tickets:secret-of-tickets@").rsplit("/", 1)[0] + "/tickets"
    with psycopg.connect(url) as connection:
        assert connection.execute("select current_user").fetchone() == ("tickets",)


def test_a_missing_secret_is_one_line_with_the_remedy(secrets):
    (secrets / "sales-migration").unlink()
    done = run("chassis.data.provisioning", GUICHET_SECRETS=str(secrets))
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert str(secrets / "sales-migration") in line
    assert "./guichet compose init" in line


def test_a_server_that_is_away_is_one_line_with_the_remedy(secrets):
    (secrets / "postgres-url").write_text(f"postgresql://postgres@127.0.0.1:{free_port()}/postgres")
    done = run("chassis.data.provisioning", GUICHET_SECRETS=str(secrets))
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.startswith("databases: PostgreSQL refuses the databases and roles: connection ")
    assert line.endswith("see that PostgreSQL runs and that the secret postgres-url leads to it")


def test_a_server_that_knows_another_password_is_one_line_with_the_remedy(secrets, tmp_path):
    tmp_path.chmod(0o755)
    server = PostgreSQL(tmp_path / "postgres", free_port(), password="right", options=HASTY)
    try:
        server.start()
        server.wait_for(server.is_ready, 60)
        (secrets / "postgres-url").write_text(server.url.replace("right", "wrong"))
        done = run("chassis.data.provisioning", GUICHET_SECRETS=str(secrets))
    finally:
        server.stop()
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    assert line.endswith(
        'password authentication failed for user "postgres":'
        " correct the password in the secret postgres-url"
    )


def test_the_set_up_of_streams_names_what_it_misses(tmp_path):
    done = run("chassis.messaging.streams")
    assert (done.returncode, done.stderr) == (
        1,
        "messaging: GUICHET_NATS_ADMIN_PASSWORD is missing: set it, or"
        " GUICHET_NATS_ADMIN_PASSWORD_FILE to a file that holds it\n",
    )
    nowhere = str(tmp_path / "nowhere")
    done = run("chassis.messaging.streams", GUICHET_NATS_ADMIN_PASSWORD_FILE=nowhere)
    assert done.returncode == 1
    assert nowhere in done.stderr
    done = run(
        "chassis.messaging.streams", GUICHET_NATS_ADMIN_PASSWORD="x", GUICHET_NATS_URL="nats:4222"
    )
    assert done.returncode == 1
    assert done.stderr.startswith("messaging: GUICHET_NATS_URL: ")


def test_the_set_up_of_streams_may_be_repeated(tmp_path):
    (tmp_path / "password").write_text("any, for the tests' broker asks nobody")
    for _ in range(2):
        done = run(
            "chassis.messaging.streams",
            GUICHET_NATS_URL=os.environ["GUICHET_TEST_NATS"],
            GUICHET_NATS_ADMIN_PASSWORD_FILE=str(tmp_path / "password"),
            GUICHET_SUBSCRIBERS="subscriber,warehouse",
        )
        assert done.returncode == 0, done.stderr


@pytest.fixture
def guarded(tmp_path) -> Generator[Broker]:
    """A broker with one administrator, not started yet."""
    port = free_port()
    config = (
        f'listen: "127.0.0.1:{port}"\njetstream {{ store_dir: "{tmp_path}/nats" }}\n'
        'authorization { user: "admin", password: "right" }'
    )
    broker = Broker(tmp_path / "nats", port, config=config)
    yield broker
    broker.stop()


def set_up_streams(url: str, password: str) -> subprocess.CompletedProcess[str]:
    return run(
        "chassis.messaging.streams", GUICHET_NATS_URL=url, GUICHET_NATS_ADMIN_PASSWORD=password
    )


def test_a_broker_that_comes_a_moment_later_is_waited_for(guarded):
    with ThreadPoolExecutor() as pool:
        set_up = pool.submit(set_up_streams, guarded.url, "right")
        time.sleep(2)
        guarded.start()
        assert set_up.result().returncode == 0, set_up.result().stderr


def test_a_broker_that_stays_away_or_is_mute_is_one_line(guarded):
    """Soon: a mistake in its address is not waited for as for a start."""
    with ThreadPoolExecutor() as pool, socket.create_server(("127.0.0.1", 0)) as mute:
        urls = [guarded.url, f"nats://127.0.0.1:{mute.getsockname()[1]}"]
        for done in pool.map(lambda url: set_up_streams(url, "right"), urls):
            assert done.returncode == 1
            [line] = done.stderr.splitlines()
            assert line.startswith("messaging: ")
            assert line.endswith("see that NATS runs and that GUICHET_NATS_URL leads to it")


def test_a_broker_that_refuses_is_one_line_at_once(guarded):
    guarded.start()
    guarded.wait_for(guarded.is_ready, 60)
    refused = set_up_streams(guarded.url, "wrong")
    assert (refused.returncode, refused.stderr) == (
        1,
        "messaging: NATS refuses this user: correct GUICHET_NATS_ADMIN_PASSWORD\n",
    )
