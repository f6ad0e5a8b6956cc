"""A process that is asked to stop leaves in order: not ready, then finished, then gone."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from chassis.http.server import Server
from chassis.monitoring import health
from local.launcher.machine.processes import free_port, wait_until

SETTINGS = "from chassis.settings import CommonSettings as Settings\n"
APP = """
import asyncio
from fastapi import FastAPI
from chassis.monitoring.health import health_routes

def create_app():
    app = FastAPI()
    app.include_router(health_routes({}))

    under_way = []

    @app.get("/slow")
    async def slow(seconds: float):
        under_way.append(seconds)
        await asyncio.sleep(seconds)
        under_way.remove(seconds)

    @app.get("/under-way")
    async def count():
        return len(under_way)

    return app
"""
FAILS_TO_START = """
from contextlib import asynccontextmanager
from fastapi import FastAPI

@asynccontextmanager
async def lifespan(app):
    raise OSError("no room for it")
    yield

def create_app():
    return FastAPI(lifespan=lifespan)
"""
SERVE = "import sys; from chassis.http.server import serve; serve('shop', None, int(sys.argv[1]))"
DRAIN_SECONDS = 3.0


@pytest.fixture
def package(tmp_path) -> Path:
    package = tmp_path / "shop"
    package.mkdir()
    for name, text in {"__init__": "", "settings": SETTINGS, "app": APP}.items():
        (package / f"{name}.py").write_text(text)
    return package


@pytest.fixture
def drain_seconds() -> float:
    return DRAIN_SECONDS


@pytest.fixture
def address(package, tmp_path, drain_seconds) -> Generator[tuple[str, subprocess.Popen[bytes]]]:
    """A process of its own, and where it listens."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(port)],
        cwd=tmp_path,
        env={**os.environ, "GUICHET_DRAIN_SECONDS": str(drain_seconds)},
        stdout=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(url)
        yield url, process
    finally:
        process.kill()
        process.wait()


def wait_until_ready(url: str) -> None:
    assert wait_until(lambda: answers(url, "/health/ready"), 60)


def wait_until_slow(url: str) -> None:
    """A request is under way."""
    assert wait_until(lambda: httpx.get(f"{url}/under-way").json() == 1, 60)


def answers(url: str, path: str) -> bool:
    try:
        return httpx.get(url + path).status_code == 200
    except httpx.TransportError:
        return False


def test_it_is_first_not_ready_still_answers_and_finishes_what_is_under_way(address):
    url, process = address
    with ThreadPoolExecutor() as pool, httpx.Client(timeout=30) as client:
        slow = pool.submit(
            httpx.get, f"{url}/slow", params={"seconds": DRAIN_SECONDS + 1}, timeout=30
        )
        wait_until_slow(url)
        process.send_signal(signal.SIGTERM)
        asked_at = time.monotonic()

        answer = client.get(f"{url}/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"ready": False, "process": "leaving"})
        assert client.get(f"{url}/health/live").status_code == 200
        assert client.get(f"{url}/slow", params={"seconds": 0}).status_code == 200
        assert slow.result().status_code == 200

    process.wait(30)
    assert time.monotonic() - asked_at >= DRAIN_SECONDS
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/health/live")


@pytest.mark.parametrize("drain_seconds", [600.0])
def test_whoever_asks_twice_has_it_stop_at_once(address):
    url, process = address
    process.send_signal(signal.SIGTERM)
    assert httpx.get(f"{url}/health/ready").status_code == 503
    process.send_signal(signal.SIGTERM)
    process.wait(30)


def test_a_taken_port_ends_it_with_a_reason(package, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        second = subprocess.run(
            [sys.executable, "-c", SERVE, str(port)], cwd=tmp_path, capture_output=True, text=True,
            check=False, timeout=30,
        )  # fmt: skip
    assert second.returncode != 0
    assert "address already in use" in second.stdout
    assert second.stderr.startswith(
        f"shop cannot listen on 127.0.0.1:{port}, as its log says: stop the process that does, or choose"
        " another place with GUICHET_HOST and GUICHET_PORT\n"
    )


@pytest.mark.parametrize(
    ("app", "cause"),
    [
        ("import nothing_of_this_name\n", "nothing_of_this_name"),
        (FAILS_TO_START, "no room for it"),
    ],
    ids=["not loaded", "not started"],
)
def test_an_application_that_fails_is_not_taken_for_a_port(package, tmp_path, app, cause):
    (package / "app.py").write_text(app)
    done = subprocess.run(
        [sys.executable, "-c", SERVE, str(free_port())], cwd=tmp_path, capture_output=True,
        text=True, check=False, timeout=30,
    )  # fmt: skip
    assert done.returncode != 0
    assert cause in done.stdout + done.stderr
    assert "cannot listen" not in done.stderr


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_without_a_time_to_drain_it_is_leaving_too(monkeypatch, sent):
    """Consumers fetch no more while requests under way end."""
    monkeypatch.setattr(health, "leaving", threading.Event())
    server = Server(uvicorn.Config(FastAPI()), drain_seconds=0)
    server.handle_exit(sent, None)
    assert health.leaving.is_set()
    assert server.should_exit
