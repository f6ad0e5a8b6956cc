"""A site that is not ours, to which messages link."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATH = "/mode-d-emploi"


class AnotherSite(ThreadingHTTPServer):
    """`asked` holds the headers of everybody who has read its page."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[Message] = []

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_port}{PATH}"


class Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        is_page = self.path == PATH  # a browser asks for an icon too
        if is_page and isinstance(self.server, AnotherSite):
            self.server.asked.append(self.headers)
        self.send_response(200 if is_page else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"<h1>Ailleurs</h1>" if is_page else b"")

    def log_message(self, format: str, *args: object) -> None:
        """Silence."""


@contextmanager
def listening() -> Generator[AnotherSite]:
    with AnotherSite() as site:
        thread = threading.Thread(target=site.serve_forever, daemon=True)
        thread.start()
        yield site
        site.shutdown()
