"""What the gateway may ask of the Docker engine: to look, never to change anything.

Traefik finds the replicas of a service in the engine, whose socket is as good as root on the
host. So Traefik does not get it: this program, which the world cannot reach, passes on the four
questions that Traefik asks, and refuses the rest.
"""

import asyncio
import contextlib
import re
import sys

SOCKET, PORT = "/var/run/docker.sock", 2375
ALLOWED = re.compile(
    rb"(GET|HEAD) (/v[0-9.]+)?/(_ping|version|events|containers/json|containers/[0-9a-f]{12,64}/json)"
    rb"(\?[!-~]*)? HTTP/1\.1(?=\r\n)"
)
REFUSED = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
BODY = re.compile(rb"\r\n(content-length|transfer-encoding|upgrade|connection) *:", re.IGNORECASE)


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
        await answer(question[0], client_reader, client_writer)
    except OSError as trouble:  # the engine is away or closed to us, or whoever asked has gone
        print("not answered:", trouble, flush=True)  # noqa: T201 - its log
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # Traefik asks again
    finally:
        client_writer.close()


async def answer(
    question: bytes, client_reader: asyncio.StreamReader, client_writer: asyncio.StreamWriter
) -> None:
    engine_reader, engine_writer = await asyncio.open_unix_connection(SOCKET)
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


async def main() -> None:
    server = await asyncio.start_server(pass_on, "0.0.0.0", PORT)  # noqa: S104 - in a network of its own
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
    sys.exit(0)
