"""Where traces are sent to in tests: a real receiver of OTLP over HTTP, which keeps them."""

import gzip
import threading
from collections import defaultdict, deque
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True)
class Step:
    """One span as it came over the wire."""

    part: str
    name: str
    id: str
    parent: str
    attributes: dict[str, str]
    error: str = ""
    events: tuple[str, ...] = ()


class Collector:
    """What has come so far; more may come meanwhile."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/v1/traces"
        self.received: deque[bytes] = deque()  # read when somebody asks: most stories do not
        self.read: dict[str, list[Step]] = defaultdict(list)

    @property
    def steps(self) -> dict[str, list[Step]]:
        """By the id of their trace."""
        while self.received:
            for sent in ExportTraceServiceRequest.FromString(
                self.received.popleft()
            ).resource_spans:
                part = values(sent.resource.attributes)["service.name"]
                for scope in sent.scope_spans:
                    for each in scope.spans:
                        self.read[each.trace_id.hex()].append(step_of(part, each))
        return dict(self.read)


def step_of(part: str, span: Span) -> Step:
    return Step(
        part=part,
        name=span.name,
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes=values(span.attributes),
        error=span.status.message,
        events=tuple(event.name for event in span.events),
    )


def values(attributes: Any) -> dict[str, str]:
    given = {each.key: each.value for each in attributes}
    return {name: str(getattr(it, it.WhichOneof("value") or "")) for name, it in given.items()}


@contextmanager
def listening() -> Generator[Collector]:
    """While the block lasts, on a free port."""

    class Receiver(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = b"".join(self.blocks())
            packed = self.headers.get("Content-Encoding") == "gzip"
            collector.received.append(gzip.decompress(body) if packed else body)
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def blocks(self) -> Iterator[bytes]:
            """The body, whether its length was told before or comes with each part of it."""
            if length := self.headers.get("Content-Length"):
                yield self.rfile.read(int(length))
                return
            while size := int(self.rfile.readline().strip() or b"0", 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()

        def log_message(self, format: str, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    collector = Collector(server.server_port)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
