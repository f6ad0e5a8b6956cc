"""The part of the Docker engine's API that the gateway may use: reading, no changes.

Traefik finds the replicas of a service in the engine, whose socket is as good as root on the
host. So Traefik does not get it: this program, which the world cannot reach, passes on the four
questions that Traefik asks, and refuses the rest. Traefik asks first what there is, then for what
happens from now on; a replica that became ready in between it would never ask, so that it is given
the events since it last asked what there is. Called with `check` it asks itself whether the
engine answers, as the container's health check.
"""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
import time

SOCKET, PORT = "/var/run/docker.sock", 2375
ALLOWED = re.compile(
    rb"(?P<method>GET|HEAD) (?P<path>(/v[0-9.]+)?/"
    rb"(?P<what>_ping|version|events|containers/json|containers/[0-9a-f]{12,64}/json))"
    rb"(?P<query>\?[!-~]*)? HTTP/1\.1(?=\r\n)"
)
REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
AWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
BODY = re.compile(rb"\r\n(content-length|transfer-encoding|upgrade|connection) *:", re.IGNORECASE)
REMEDIES = {
    FileNotFoundError: "set GUICHET_DOCKER_SOCKET in deploy/.env to where the engine listens",
    ConnectionRefusedError: "start the engine; if it was restarted, restart docker-view, too",
    PermissionError: "its owner must be root of this container: with rootless Docker set"
    " GUICHET_DOCKER_SOCKET in deploy/.env to the socket of that user",
}


async def pass_on(client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter) -> None:
    """One question a connection, of which its first line alone reaches the engine.

    What else was sent might be a question of its own: Go ends lines at a bare line feed, too.
    """
    try:
        head = await asyncio.wait_for(client_reader.readuntil(b"\r\n\r\n"), 10)
        question = ALLOWED.match(head)
        if question is None or BODY.search(head):
            print("refused:", head.partition(b"\r\n")[0], flush=True)  # noqa: T201 - its log
            client_writer.write(REFUSED)
            await client_writer.drain()
            return
        await answer(complete(question), client_reader, client_writer)
    except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # the client has disconnected, and will try again
    finally:
        client_writer.close()


class Listed:
    """When Traefik last listed the containers; before the first time, all events are passed on."""

    at = 0.0


def complete(question: re.Match[bytes]) -> bytes:
    """The first line for the engine; of events also those that the last list came too early for."""
    query = question["query"] or b""
    if question["what"] == b"containers/json":
        Listed.at = time.time()
    elif question["what"] == b"events":
        query += b"%ssince=%.6f" % (b"&" if query else b"?", Listed.at)
    return b"%s %s%s HTTP/1.1" % (question["method"], question["path"], query)


async def answer(
    question: bytes, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter
) -> None:
    try:
        engine_reader, engine_writer = await asyncio.open_unix_connection(SOCKET)
    except OSError as error:
        message = describe(error)
        print(message, flush=True)  # noqa: T201 - its log
        client_writer.write(AWAY + message.encode())
        await client_writer.drain()
        return
    try:
        engine_writer.write(question + b"\r\nHost: docker\r\nConnection: close\r\n\r\n")
        await engine_writer.drain()
        gone = asyncio.create_task(client_reader.read())  # the events have no end of their own
        copying = asyncio.create_task(copy(engine_reader, client_writer))
        await asyncio.wait({gone, copying}, return_when=asyncio.FIRST_COMPLETED)
        for task in (gone, copying):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, OSError):
                await task
    finally:
        engine_writer.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(65536):
        writer.write(block)
        await writer.drain()


def describe(error: OSError) -> str:
    """One line: which socket, what is wrong with it, and the remedy if we know one."""
    message = f"The Docker engine does not answer at {SOCKET}: {error.strerror or error}"
    remedy = REMEDIES.get(type(error))
    return f"{message}; {remedy}" if remedy else message


def check(port: int = PORT) -> str:
    """The reason why it is not healthy, or an empty text."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=4) as connection:
            connection.sendall(b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n")
            answer = b"".join(iter(lambda: connection.recv(4096), b""))
    except OSError as silent:
        return f"docker-view does not answer: {silent}"
    head, _, body = answer.decode(errors="replace").partition("\r\n\r\n")
    return "" if head.split(" ")[1:2] == ["200"] else body or head or "no answer"


async def main() -> None:
    # Exit at once: there is no state to save, and Traefik never stops asking.
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: os._exit(0))
    async with await asyncio.start_server(pass_on, "0.0.0.0", PORT) as server:  # noqa: S104 - in a network of its own
        await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:
        sys.exit(check() or 0)
    asyncio.run(main())
