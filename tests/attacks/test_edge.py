"""Whatever stands in a parameter, a header or a cookie of any route: no 5xx, no wait, no log of it."""

import base64
import itertools
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from fastapi import FastAPI

import web
from attacks.access import API, OPERATION, PAGES, PEOPLE, routes
from attacks.installation import Answer, Installation, Person, ask
from web.desk.views import PARAMETERS as OF_THE_DESK
from web.desk.views import DeskView, desk_view
from web.shared.browser.cookies import Cookie, cookie_name
from web.shared.browser.request_headers import Header

pytestmark = pytest.mark.timeout(600)  # some thousands of requests

# Of the processor, in the thread of all that answers: the machine, and what other tests have left in
# this process, may be busy.
LONGEST_SECONDS = 1.0

MARK = "zibeline"  # in whatever could be quoted
PARAMETERS = [
    b"", b"%00", b"%ED%A0%80", b"%FF%FE", b"%0D%0AX-Mark:zibeline", b"%E2%80%AEzibeline", b"-1",
    b"0", b"9223372036854775807", b"9223372036854775808", b"18446744073709551616", b"9" * 4301,
    b"%D9%A1", b"1e999", b"NaN", b"null", b"true", b"[]", b"%5Bnull%5D", b"%7B%7D", b"%25", b"zibeline",
    b"zibeline" * 1250, b"%F0%9F%A6%93zibeline", b"..%2Fzibeline", b"%2F%2Fzibeline.example",
    b"0001-01-01", b"99999-12-31", b"zibeline%00", b"http://%5B",
]  # fmt: skip
SENT = [
    b"", b"\xe9\xff", b"http://[", b"http://[zibeline", b"\xed\xa0\x80", b"-1", b"null", b"a\x01b",
    b"18446744073709551616", b"zibeline" * 1250, b"%0d%0azibeline", b"\xe2\x80\xaezibeline", b"%ED%A0%80",
    b"zibeline\x00", b"=?utf-8?q?zibeline?=", b";=;,", b"Bearer", b"Bearer \xe9", b"Bearer a.b.c",
    b"999.1.1.1", b"text/csv; charset=zibeline", b"00-zibeline_-00-01", b'"zibeline"', b"*",
]  # fmt: skip
OF_ALL = (
    "authorization", "content-type", "idempotency-key", "user-agent", "host", "x-request-id",
    "traceparent", "x-forwarded-for", "x-guichet-browser-address", "accept", "last-event-id",
    "cookie",
)  # fmt: skip
CURSORS_OF = {"after", "before", "apres", "avant", "achats", "demandes"}
MOMENTS_OF = {"since", "depuis", "moment"}
MOMENTS = [
    b"1:1:", b"0:0:", b"1:2:1,1", b"9" * 18 + b":" + b"9" * 18 + b":", b"5:3:", b"1:1:1", b"::",
    b"1:2:" + b"1," * 3000,
]  # fmt: skip
# A request to these ends the session that it comes with.
ENDING = {"DELETE /api/identity/sessions/current", "POST /deconnexion"}


def cursors() -> list[bytes]:
    """What looks as if a list had given it, and is nothing that a list gives."""
    scalars = [
        None, True, -1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 1.5, 1e308, float("nan"), "", "\0",
        "é", "\ud800", str(uuid4()), "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00",
        "0001-01-01", "9999-12-31", "2026-11-30T10:00:00", "2026-11-30T10:00:00+00:00", [], {},
    ]  # fmt: skip
    when, who = "2026-11-30T10:00:00+00:00", str(uuid4())
    keys = [[one] * times for one in scalars for times in (1, 2, 3)]
    for one in scalars:  # where the rest is as it should be
        keys += [
            [one, who],
            [when, one],
            [one, when, 7],
            [1, one, 7],
            [1, when, one],
            [1, "a", one],
        ]
    texts = [json.dumps(key).encode() for key in keys]
    texts += [b"[" * 5_000, b"{}", b"[1", b"9" * 4301, b"\xff", b"[1e999]", b"[1e999,1e999]"]
    return [base64.urlsafe_b64encode(text).rstrip(b"=") for text in texts]


CURSORS = cursors()


@dataclass(frozen=True)
class Request:
    route: str
    target: bytes
    header: tuple[str, bytes] | None = None
    who: str = ""

    def __str__(self) -> str:
        return f"{self.route} as {self.who or 'nobody'}: {self.target[:100]!r} {str(self.header)[:100]}"


@dataclass(frozen=True)
class Route:
    """As the application's own description of itself lists it."""

    name: str
    parameters: tuple[tuple[str, str], ...] = ()  # where each stands, and its name

    def target(self, known: dict[str, str], name: str = "", value: bytes = b"") -> bytes:
        """Its address, with one value as it is given; what else it needs is there."""
        target = self.name.split()[1].encode()
        for where, each in self.parameters:
            if where == "path":
                right = (known.get(each) or str(uuid4())).encode()
                wanted = value.replace(b"/", b"%2F") if each == name else right
                target = target.replace(f"{{{each}}}".encode(), wanted)
        if ("query", name) in self.parameters:
            target += b"?" + name.encode() + b"=" + value
        return target


def called_by(route: Any) -> list[Any]:
    """The functions that it depends on."""
    dependant = getattr(route, "dependant", None)
    return [each.call for each in dependant.dependencies] if dependant else []


def routes_of(app: FastAPI, table: dict[str, frozenset[str]]) -> list[Route]:
    described = {
        f"{method.upper()} {path}": tuple(
            (each["in"], each["name"]) for each in operation.get("parameters", [])
        )
        for path, item in app.openapi()["paths"].items()
        for method, operation in item.items()
    }
    for name, route in routes(app.routes):
        if desk_view in called_by(route):
            described[name] += tuple(("query", each) for each in OF_THE_DESK.values())
    static = (("path", "digest"), ("path", "name"))
    described |= {name: static for name in table if "{digest}" in name}
    described |= {name: () for name in table if name.endswith("service-tokens")}
    assert set(described) - set(OPERATION) == set(table)
    return [Route(name, parameters) for name, parameters in described.items()]


def test_what_the_desk_reads_by_hand_is_attacked_too(guichet):
    """All that its view is made of, on each of its pages; no other page reads by hand."""
    assert set(OF_THE_DESK) == {field.name for field in fields(DeskView)}
    sources = Path(web.__file__).parent
    by_hand = [
        path
        for path in sources.rglob("*.py")
        for _ in re.findall(r"query_params|query_string", path.read_text())
    ]
    assert by_hand == [sources / "desk" / "views.py"]
    [page] = [each for each in routes_of(guichet.web, PAGES) if each.name == "GET /demandes"]
    assert {name for _, name in page.parameters} == set(OF_THE_DESK.values())


def values_of(name: str, where: str) -> list[bytes]:
    if where == "header":
        return SENT
    cursors = CURSORS if name in CURSORS_OF else []
    return [*PARAMETERS, *cursors, *(MOMENTS if name in MOMENTS_OF else [])]


def hostile(routes: list[Route], known: dict[str, str], most: int) -> Iterator[Request]:
    """Each parameter of each route with `most` of the values, in turn, so that each value comes."""
    turns: dict[str, itertools.cycle[bytes]] = {}
    for route in routes:
        for where, name in route.parameters:
            values = values_of(name, where)
            turn = turns.setdefault(f"{where} {name}", itertools.cycle(values))
            here = most // 2 if name in OF_THE_DESK.values() else most  # those stand on nine pages
            for value in itertools.islice(turn, min(here, len(values))):
                if where == "header":
                    yield Request(route.name, route.target(known), (name.lower(), value))
                else:
                    yield Request(route.name, route.target(known, name, value))


def with_headers(
    routes: list[Route], names: list[str], known: dict[str, str], most: int
) -> Iterator[Request]:
    """`most` headers at each route, in turn, each with one of the values."""
    every = itertools.cycle(itertools.product(names, SENT))
    for route in routes:
        for sent in itertools.islice(every, 0, most * 7, 7):
            yield Request(route.name, route.target(known), sent)


async def send(guichet: Installation, app: FastAPI, request: Request, who: Person) -> Answer:
    method = request.route.split()[0]
    given = {"host": b"guichet.test", "sec-fetch-site": b"same-origin"}
    body = b""
    if app is guichet.web:
        given["cookie"] = guichet.cookie(who).encode()
        if method == "POST":
            given["content-type"] = b"application/x-www-form-urlencoded"
            body = urlencode(guichet.form(who)).encode()
    else:
        given |= {name.lower(): value.encode() for name, value in who.header.items()}
    name, value = request.header or ("", b"")
    if name.startswith("cookie "):
        name, value = "cookie", b"; ".join([given["cookie"], name[7:].encode() + b"=" + value])
    if name:
        given[name] = value
    headers = [(name.encode(), value) for name, value in given.items()]
    return await ask(app, method, request.target, headers, body)


async def survive(
    guichet: Installation, app: FastAPI, requests: list[Request], table: dict[str, frozenset[str]]
) -> list[str]:
    """What went wrong, a line each."""
    wrong = []
    for position, planned in enumerate(requests):
        allowed = sorted(table.get(planned.route, frozenset()) & guichet.people.keys() or PEOPLE)
        name = "" if position % 11 == 10 else allowed[position % len(allowed)]
        request = replace(planned, who=name)
        began = time.thread_time()
        try:
            answer = await send(guichet, app, request, guichet.people[name])
        except Exception as error:
            wrong.append(f"{request}: {type(error).__name__} {error}")
            continue
        if answer.status >= 500:
            wrong.append(f"{answer.status} {request}")
        if (took := time.thread_time() - began) > LONGEST_SECONDS:
            wrong.append(f"{took:.2f} s {request}")
        if request.route in ENDING and name:
            await guichet.sign_in(guichet.people[name])
    return wrong


@pytest.mark.usefixtures("little_garbage")
@pytest.mark.parametrize("name", [*API, "web"])
def test_no_route_fails_whatever_it_is_sent(guichet, name, capfd, caplog):
    is_web = name == "web"
    app, table = (guichet.web, PAGES) if is_web else (guichet.services[name], API[name])
    described = routes_of(app, table)
    names = list(OF_ALL)
    if is_web:
        names = [each.lower() for each in Header]
        names += [f"cookie {cookie_name(app.state.settings, each)}" for each in Cookie]
    requests = list(hostile(described, guichet.known, 6 if is_web else 60))
    requests += with_headers(described, names, guichet.known, 4 if is_web else len(names))
    wrong = guichet.run(survive(guichet, app, requests, table))
    logged = capfd.readouterr()
    texts = {"standard output": logged.out, "standard error": logged.err, "logs": caplog.text}
    wrong += [
        f"{where} quotes it: {line[:500]}"
        for where, text in texts.items()
        for line in text.splitlines()
        if MARK in line
    ]
    assert not wrong, f"{len(wrong)} times, first: {wrong[0]}\n" + "\n".join(wrong[:50])
