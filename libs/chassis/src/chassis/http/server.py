"""The `serve` command of every process, with or without a database."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from socket import socket
from types import FrameType

import uvicorn

from chassis.monitoring import health, logs, tracing
from chassis.settings import CommonSettings, WrongSettings, read

# Longer than the gateway keeps idle connections: the side that closes first may lose a request
# that the other has just sent.
KEEP_ALIVE_SECONDS = 100
DATE_SECONDS = 1  # how old the `Date` header of an answer may be


def fail(message: str, code: int = 1) -> SystemExit:
    """Print one line to standard error; the caller raises what this returns."""
    sys.stderr.write(f"{message}\n")
    return SystemExit(code)


def read_settings(package: str) -> CommonSettings:
    """The settings of a service or of web, or exit with one line for each setting that is missing or invalid."""
    try:
        return read(import_module(f"{package}.settings").Settings)
    except WrongSettings as wrong:
        raise fail(
            "\n".join(f"{package}: {line}" for line in str(wrong).splitlines()), 2
        ) from wrong


class Server(uvicorn.Server):
    """Stops gracefully: first reports « not ready », then stops accepting requests.

    In between the gateway notices and uses other replicas. A second signal stops it at once.
    """

    def __init__(self, config: uvicorn.Config, drain_seconds: float) -> None:
        super().__init__(config)
        self.drain_seconds = drain_seconds
        self.leaves_at: float | None = None
        self.loop: asyncio.AbstractEventLoop | None = None
        self.signalled = asyncio.Event()

    async def main_loop(self) -> None:
        """Like uvicorn's, but woken by signals and each second, not ten times a second."""
        self.loop = asyncio.get_running_loop()
        while not await self.on_tick(0):
            pause = DATE_SECONDS
            if self.leaves_at:
                pause = min(pause, max(0, self.leaves_at - time.monotonic()))
            with suppress(TimeoutError):
                await asyncio.wait_for(self.signalled.wait(), pause)
            self.signalled.clear()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.loop:
            self.loop.call_soon_threadsafe(self.signalled.set)
        is_first = not health.leaving.is_set()
        health.leaving.set()
        if is_first and sig == signal.SIGTERM and self.started and self.drain_seconds:
            self.leaves_at = time.monotonic() + self.drain_seconds
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if self.leaves_at and time.monotonic() >= self.leaves_at:
            super().handle_exit(signal.SIGTERM, None)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        await super().shutdown(sockets)
        await tracing.stop()


def serve(
    package: str, host: str | None, port: int | None, sockets: Sequence[socket] | None = None
) -> None:
    """Serve HTTP until SIGTERM; running requests then get some time to end.

    `sockets` are already listening, where the parent process holds the port.
    """
    settings = read_settings(package)
    logs.configure(settings.log_level)
    tracing.start(package, settings)
    config = uvicorn.Config(
        f"{package}.app:create_app",
        factory=True,
        host=host or settings.host,
        port=port or settings.port,
        log_config=None,
        access_log=False,  # `chassis.http.observing` logs requests, without their query strings
        proxy_headers=False,  # the few routes that need the browser's address read it themselves
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.graceful_seconds,
    )
    server = Server(config, settings.drain_seconds)
    try:
        server.run(list(sockets) if sockets else None)
    except SystemExit as refused:
        if not config.loaded or server.lifespan.should_exit:
            raise did_not_start(package) from refused
        raise fail(
            f"{package} cannot listen on {config.host}:{config.port}, as its log says: stop the process that"
            " does, or choose another place with GUICHET_HOST and GUICHET_PORT",
            uvicorn.config.STARTUP_FAILURE,
        ) from refused
    if not server.started:
        raise did_not_start(package)


def did_not_start(package: str) -> SystemExit:
    return fail(f"{package} did not start: its log says why", uvicorn.config.STARTUP_FAILURE)


def serve_from_arguments(package: str) -> None:
    """`serve`, with its options."""
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description="Serve HTTP.")
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("--host", help="The address to listen on.")
    parser.add_argument("--port", type=int, help="The port to listen on.")
    arguments = parser.parse_args()
    serve(package, arguments.host, arguments.port)
