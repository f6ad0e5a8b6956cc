"""Traefik with what it cannot do by itself: it takes requests once it has its routes, and what it
answers in its own name has the form of ours.

    python -I serve.py STATIC_FILE public=127.0.0.1:8080 internal=:8081

This process becomes Traefik. A child beside it speaks in its name, problems for programs and French
pages for people, and ends with it. Nothing but Python's own library is needed.
"""

import hashlib
import html
import json
import os
import re
import select
import socket
import sys
import tempfile
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

SELF = "self"  # the entry point at which the gateway asks itself
MAX_DRAINED = 4 * 2**20
FIRST_DESCRIPTOR = 3  # of systemd's protocol, by which Traefik is handed its sockets
IP_MINTTL, IPV6_MINHOPCOUNT = 21, 73  # of Linux; Python has no names for them

# ---- Listening --------------------------------------------------------------------------


def listen(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    if host:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host.strip("[]"), int(port)), family=family, backlog=1024)
    if socket.has_dualstack_ipv6():
        return socket.create_server(
            ("", int(port)), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024
        )
    return socket.create_server(("", int(port)), backlog=1024)


def shut(listener: socket.socket) -> None:
    """A client's connection is not accepted yet, and is tried again: Traefik would answer 404."""
    hear(listener, from_hops=255)


def open_up(listener: socket.socket) -> None:
    hear(listener, from_hops=0)
    listener.close()


def hear(listener: socket.socket, *, from_hops: int) -> None:
    """Receive only packets with so many hops left; none have 255. Needs no privilege."""
    if sys.platform == "linux":
        listener.setsockopt(socket.IPPROTO_IP, IP_MINTTL, from_hops)
        if listener.family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, IPV6_MINHOPCOUNT, from_hops)


def answers_ok(port: int, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=3)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


# ---- Answering --------------------------------------------------------------------------

# The same as of every other answer: libs/chassis/src/chassis/http/answering.py.
SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
# By status: the code and detail of a problem, the title and text of a page, when to come again.
ANSWERS = {
    400: (
        "unreadable",
        "the address holds an encoded separator",
        "Adresse illisible",
        "Cette adresse contient un signe qui n’y a pas sa place. "
        "Vérifiez le lien, ou repartez de l’accueil.",
        0,
    ),
    404: ("not_found", "nothing is here", "Page introuvable", "Il n’y a rien à cette adresse.", 0),
    405: (
        "method_not_allowed",
        "no method of this name is known",
        "Action impossible",
        "Cette action n’est pas possible à cette adresse ; rien n’a été enregistré. "
        "Repartez de l’accueil.",
        0,
    ),
    408: (
        "body_too_slow",
        "the request did not arrive within a minute",
        "Envoi interrompu",
        "Votre envoi n’est pas arrivé en une minute ; rien n’a été enregistré. "
        "Revenez à la page précédente, votre saisie y est encore, et renvoyez-la.",
        0,
    ),
    413: (
        "body_too_large",
        "the body is too large",
        "Envoi trop volumineux",
        "Ce que vous avez envoyé est trop volumineux ; rien n’a été enregistré. "
        "Revenez à la page précédente, votre saisie y est encore, et raccourcissez-la.",
        0,
    ),
    429: (
        "too_many",
        "too many requests from this address",
        "Trop de demandes à la fois",
        "Trop de demandes viennent de votre adresse en même temps ; celle-ci n’a pas été traitée. "
        "Réessayez dans quelques secondes.",
        1,
    ),
    502: (
        "unavailable",
        "the server ended without an answer; what was asked may have been done",
        "Guichet fermé",
        "Le guichet n’a pas pu répondre. Réessayez dans un instant.",
        2,
    ),
    503: (
        "unavailable",
        "no server is ready; come again",
        "Guichet fermé",
        "Le guichet est momentanément fermé ; rien n’a été enregistré. Réessayez dans un instant.",
        2,
    ),
    504: (
        "unavailable",
        "the server does not answer in time; what was asked may have been done",
        "Guichet fermé",
        "Le guichet met trop de temps à répondre. Réessayez dans un instant.",
        5,
    ),
}
# A form is not lost: what a browser has sent it sends again, where a link would ask for nothing.
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
SEND_AGAIN = (
    " Ce que vous avez saisi n’est pas perdu : actualisez cette page (touche F5) et acceptez de "
    "renvoyer le formulaire ; il n’est jamais enregistré deux fois."
)
STYLE = """
:root { color-scheme: light dark; --paper: light-dark(#f0f3ee, #0d1411); --surface: light-dark(#fff, #151e1a);
  --line: light-dark(#d5dcd4, #2a3731); --ink: light-dark(#15201b, #e7eeea); --soft: light-dark(#59665f, #94a29b);
  --brand: light-dark(#0d4f3d, #7fd0b0); --on-brand: light-dark(#fff, #06221a); }
* { box-sizing: border-box; margin: 0; }
body { min-block-size: 100dvb; display: flex; flex-direction: column; background: var(--paper); color: var(--ink);
  font: .9375rem/1.55 "Atkinson Hyperlegible Next", system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
header { padding: .85rem 1.5rem; background: light-dark(#0b3d30, #082820); color: #f1f7f3; font-size: 1.0625rem; font-weight: 700; }
main { inline-size: min(36rem, 100% - 2rem); margin: 4.5rem auto; background: var(--surface); border: 1px solid var(--line); border-radius: 12px; }
.head { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; padding: 1.5rem 1.5rem 0; }
h1 { font-size: 1.375rem; line-height: 1.2; }
.code { color: var(--soft); font-family: ui-monospace, "DejaVu Sans Mono", monospace; }
p { padding: 1rem 1.5rem 1.5rem; }
.stub { padding: 1rem 1.5rem; border-block-start: 2px dashed var(--line); }
a { display: inline-block; padding: .5rem 1rem; border-radius: 7px; background: var(--brand); color: var(--on-brand);
  font-weight: 600; text-decoration: none; }
a:focus-visible { outline: 3px solid var(--brand); outline-offset: 3px; }
"""
PAGE = """<!doctype html>
<html lang="fr">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title} · Guichet</title><style>{style}</style></head>
<body><header>Guichet</header>
<main><div class="head"><h1>{title}</h1><span class="code">{status}</span></div>
<p>{text}</p>
{stub}</main></body></html>
"""
STUB = '<div class="stub"><a href="{again}">{button}</a></div>'
POLICY = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; style-src 'sha256-"
    + b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    + "'"
)
FORMED = re.compile(r"/-/answers/(\d{3})")


def answer_to(path: str, headers: Mapping[str, str]) -> tuple[int, str, dict[str, str], bytes]:
    """Status, kind, headers and body: asked for by Traefik as a status, else « no server »."""
    parts = urlsplit(path)
    asked = FORMED.fullmatch(parts.path)
    status = int(asked[1]) if asked else 503
    if status not in ANSWERS:
        status = 503
    address = (
        headers.get("X-Forwarded-Uri")
        or headers.get("X-Replaced-Path")
        or parse_qs(parts.query).get("url", [""])[0]
        if asked
        else path
    ) or "/"
    code, detail, title, text, after = ANSWERS[status]
    more = {**SECURITY, "Cache-Control": "no-store"} | (
        {"Retry-After": str(after)} if after else {}
    )
    if not wants_a_page(urlsplit(address).path, headers.get("Accept", "")):
        problem = {
            "type": "about:blank",
            "title": HTTPStatus(status).phrase,
            "status": status,
            "code": code,
            "detail": detail,
            "errors": [],
            "context": {},
        }
        return status, "application/problem+json", more, json.dumps(problem).encode()
    again = address if address.startswith("/") and not address.startswith("//") else "/"
    is_form = bool(after) and headers.get("Content-Type", "").startswith(FORMS)
    stub = STUB.format(
        again=html.escape(again if after else "/"),
        button="Réessayer" if after else "Revenir à l’accueil",
    )
    text += SEND_AGAIN if is_form else ""
    page = PAGE.format(
        title=title,
        style=STYLE,
        status=status,
        text=text.replace(" ;", "\u202f;").replace(" :", "\u00a0:"),
        stub="" if is_form else stub,
    )
    more |= {"Content-Security-Policy": POLICY, "Cross-Origin-Opener-Policy": "same-origin"}
    return status, "text/html; charset=utf-8", more, page.encode()


def wants_a_page(path: str, accept: str) -> bool:
    if path == "/api" or path.startswith("/api/"):
        return False
    return "json" not in accept or "text/html" in accept


class Speaker(BaseHTTPRequestHandler):
    """Speaks in the gateway's name, whatever is asked."""

    protocol_version = "HTTP/1.1"
    timeout = 60

    def answer(self) -> None:
        if not self.drain():
            self.close_connection = True
        status, kind, headers, body = answer_to(self.path, dict(self.headers))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def __getattr__(self, name: str) -> Callable[[], None]:
        """Handle every method: http.server would answer 501 to unknown ones."""
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def drain(self) -> bool:
        """Read and discard the body; returns whether all of it was read."""
        if self.headers.get("Transfer-Encoding"):
            return self.drain_chunks()
        left = int(self.headers.get("Content-Length") or 0)
        if left > MAX_DRAINED:
            return False
        return len(self.rfile.read(left)) == left

    def drain_chunks(self) -> bool:
        drained = 0
        while drained < MAX_DRAINED:
            size = int(self.rfile.readline(64).split(b";")[0] or b"0", 16)
            if not size:
                return self.rfile.readline(64) in {b"\r\n", b"\n"}
            self.rfile.read(size + 2)
            drained += size
        return False

    def version_string(self) -> str:
        return "gateway"

    def log_message(self, format: str, *args: object) -> None:
        """Traefik has an access log."""


class Answers(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Traefik has closed the connection early: its client has disconnected."""


def speak(server: ThreadingHTTPServer, gates: list[socket.socket], port: int, end: int) -> None:
    """Run until Traefik has ended; `gates` are opened once it has its routes."""
    threading.Thread(target=server.serve_forever, daemon=True).start()
    while not ended(end, 0.02):
        if answers_ok(port, "/ready"):
            break
    for gate in gates:
        open_up(gate)
    while not ended(end, 3600):
        pass


def ended(end: int, seconds: float) -> bool:
    """Nothing is written to this pipe: it is closed when the process at its other end ends."""
    return bool(select.select([end], [], [], seconds)[0])


# ---- Starting ---------------------------------------------------------------------------


# The words in braces of the static file, and the variable that each is filled in from.
WORDS = {
    "project": "PROJECT",
    "trusted proxies": "GUICHET_TRUSTED_PROXIES",
    "acme email": "ACME_EMAIL",
    "acme server": "ACME_SERVER",
    "traces url": "TRACES_URL",
    "traces share": "TRACES_SHARE",
}
LEFT_OUT_IF_EMPTY = ("trusted proxies", "traces url")


def filled_in(static: str, environment: Mapping[str, str]) -> str:
    """Any value as a YAML string in double quotes."""
    for word in LEFT_OUT_IF_EMPTY:
        if not environment.get(WORDS[word]):
            static = re.sub(rf"(?m)^.*\{{{word}\}}.*\n", "", static)

    def value(found: re.Match[str]) -> str:
        return re.sub(r'(["\\])', r"\\\1", environment.get(WORDS[found[1]], ""))

    return re.sub(rf"\{{({'|'.join(WORDS)})\}}", value, static)


def main(file: Path, addresses: Mapping[str, str]) -> None:
    if (filled := filled_in(file.read_text(), os.environ)) != file.read_text():
        file = Path(tempfile.gettempdir()) / "traefik.yml"
        file.write_text(filled)
    listeners = {name: listen(address) for name, address in addresses.items()}
    for listener in listeners.values():
        shut(listener)
    listeners[SELF] = listen("127.0.0.1:0")
    port = listeners[SELF].getsockname()[1]
    server = Answers(("127.0.0.1", 0), Speaker)
    end, held = os.pipe()
    if os.fork() == 0:
        os.close(held)
        listeners.pop(SELF).close()
        speak(server, list(listeners.values()), port, end)
        os._exit(0)
    become_traefik(
        file,
        listeners,
        held,
        {"GUICHET_ANSWERS": f"127.0.0.1:{server.server_port}"},
    )


def become_traefik(
    file: Path, listeners: Mapping[str, socket.socket], held: int, environment: Mapping[str, str]
) -> None:
    # Out of the way first: one of them may stand where another has to go.
    descriptors = [os.dup2(each.fileno(), 200 + n) for n, each in enumerate(listeners.values())]
    held = os.dup2(held, 200 + len(listeners))
    for number, descriptor in enumerate([*descriptors, held]):
        os.dup2(descriptor, FIRST_DESCRIPTOR + number, inheritable=True)
    os.closerange(FIRST_DESCRIPTOR + len(descriptors) + 1, 256)
    systemd = {
        "LISTEN_PID": str(os.getpid()),
        "LISTEN_FDS": str(len(listeners)),
        "LISTEN_FDNAMES": ":".join(listeners),
    }
    program = os.environ.get("GUICHET_TRAEFIK", "traefik")
    os.chdir(Path(__file__).parent)  # where Traefik looks for plugins-local/
    arguments = [program, f"--configfile={file.absolute()}"]
    os.execvpe(program, arguments, {**os.environ, **environment, **systemd})  # noqa: S606 - this process becomes it


if __name__ == "__main__":
    if sys.argv[1:] == ["check"]:  # the container's health check
        sys.exit(0 if answers_ok(8081, "/ping") else "Traefik does not answer")
    main(Path(sys.argv[1]), dict(each.split("=", 1) for each in sys.argv[2:]))
