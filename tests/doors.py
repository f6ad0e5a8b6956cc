"""The broker and its door for other systems, as containers have them: two servers, the second with TLS."""

import ssl
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from chassis.messaging import streams
from local.launcher.machine import loops
from local.launcher.machine.processes import free_port, wait_until
from local.launcher.machine.servers import Broker, answers
from local.workshop.certificates import make_certificate


@dataclass
class Ways:
    """The addresses of the broker and of its door, and the certificate to trust there."""

    inside: str
    door: str
    trusted: ssl.SSLContext


@contextmanager
def broker_and_door(
    folder: Path, passwords: Mapping[str, str], others: Sequence[str]
) -> Generator[Ways]:
    """With streams and durables as the set-up step makes them."""
    certificate, key = make_certificate(folder, "localhost")
    broker_port, leaf_port, door_port, monitor = (free_port() for _ in range(4))
    broker = Broker(
        folder / "broker",
        broker_port,
        config=streams.nats_config(
            listen=f"127.0.0.1:{broker_port}",
            store=str(folder / "broker"),
            subscribers=others,
            door=f"127.0.0.1:{leaf_port}",
            passwords=passwords,
        ),
    )
    door = Broker(
        folder / "door",
        door_port,
        config=streams.door_config(
            listen=f"127.0.0.1:{door_port}",
            inside=f"127.0.0.1:{leaf_port}",
            subscribers=others,
            certificate=str(certificate),
            key=str(key),
            passwords=passwords,
            monitor=f"127.0.0.1:{monitor}",
        ),
    )
    try:
        for server in (broker, door):
            server.start()
            server.wait_for(server.is_ready, 60)
        assert wait_until(lambda: answers(monitor, "/healthz"), 20)  # as its container is asked
        loops.run(streams.set_up(broker.url, passwords[streams.ADMIN], others))
        trusted = ssl.create_default_context(cafile=certificate)
        yield Ways(broker.url, f"tls://localhost:{door_port}", trusted)
    finally:
        door.stop()
        broker.stop()
