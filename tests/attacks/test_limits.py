"""Nobody makes Guichet work for long, or hold much, by what one person sends."""

import asyncio
import contextlib
import math
import re
import time
from urllib.parse import urlencode
from uuid import uuid4

import pytest

from attacks.access import (
    ADMINISTRATOR,
    API,
    CUSTOMER,
    PARTS_OF_FILES,
    PEOPLE,
    SELLER,
    TECHNICIAN,
    longest_body,
)
from attacks.installation import Answer, Installation, Person, ask
from chassis.http.bodies import SHORT_BODY
from tickets.routes.live import MAX_PER_PERSON, Hub
from web.live.stream import BEGUN

pytestmark = pytest.mark.usefixtures("little_garbage")

# Of the processor, in the thread of all that answers.
LONGEST_SECONDS = 0.5
LONGEST_BODY_SECONDS = 0.1  # to find that it is none
MAX_GROWTH = 24  # of the cost where a body grows eightfold
FORM = "application/x-www-form-urlencoded"


async def timed(
    guichet: Installation, route: str, who: Person, body: bytes, **more: str
) -> tuple[Answer, float]:
    """The answer, and what it cost the processor."""
    method, pattern = route.split()
    sent = {"host": "guichet.test", "sec-fetch-site": "same-origin", **more}
    if pattern.startswith("/api/"):
        app = guichet.services[pattern.split("/")[2]]
        sent |= {"content-type": "application/json"} | {
            name.lower(): value for name, value in who.header.items()
        }
    else:
        app = guichet.web
        cookies = f"{guichet.cookie(who)}; {more.get('cookie', '')}"
        sent |= {"content-type": FORM, "cookie": cookies}
    headers = [(name.encode(), value.encode()) for name, value in sent.items()]
    path = re.sub(r"{(\w+)}", lambda name: guichet.known.get(name[1], str(uuid4())), pattern)
    began = time.thread_time()
    answer = await ask(app, method, path.encode(), headers, body)
    return answer, time.thread_time() - began


# --- Long texts -----------------------------------------------------------------------------------

SEARCHES = {
    "POST /recherche": (CUSTOMER, SELLER, TECHNICIAN, ADMINISTRATOR),
    "POST /mes-demandes": (CUSTOMER,),
    "POST /clients": (SELLER,),
    "POST /ventes": (SELLER,),
    "POST /comptoir/clients": (SELLER,),
    "POST /comptoir/produits": (SELLER,),
}
WORDS = "imprimante 1042 SN-4X88 "


@pytest.mark.parametrize("way", ["form", "htmx", "typing"])
@pytest.mark.parametrize("length", [65_000, 950_000])
def test_a_search_for_a_very_long_text_is_bounded_or_refused_in_words(guichet, length, way):
    for route, roles in SEARCHES.items():
        for role in roles:
            for pattern in ("a", "1", WORDS):
                who = guichet.people[role]
                text = (pattern * (length // len(pattern) + 1))[:length]
                least = math.inf
                for _ in range(3):  # a busy machine may slow one down
                    least = min(least, guichet.run(search(guichet, route, who, text, way)))
                    if least < LONGEST_SECONDS:
                        break
                assert least < LONGEST_SECONDS, f"{route} as {role}"


async def search(guichet: Installation, route: str, who: Person, text: str, way: str) -> float:
    """What it costs the processor, with the page that it leads to."""
    headers = {"form": {}, "htmx": {"hx-request": "true"}, "typing": {}}[way]
    if way != "form":
        headers["x-guichet-person"] = who.id
    body = urlencode(guichet.form(who, text=text)).encode()
    answer, took = await timed(guichet, route, who, body, **headers)
    case = f"{route} as {who.role}: {answer.status}"
    if len(body) > longest_body(route):
        assert answer.status == 413, case
        assert b"trop long" in answer.body, case
    else:
        assert answer.status in {200, 303}, case
    if address := answer.headers.get(b"location", b"").decode():
        session_cookie = answer.headers[b"set-cookie"].decode().partition(";")[0]
        answer, then = await timed(guichet, f"GET {address}", who, b"", cookie=session_cookie)
        assert answer.status == 200, case
        took += then
    return took


@pytest.mark.parametrize("length", [65_000, 950_000])
def test_a_service_searches_for_the_first_words_of_a_very_long_text_or_for_none(guichet, length):
    asked = 0
    for name, table in API.items():
        for route, allowed in table.items():
            if route.startswith("POST ") and route.endswith(("/search", "/email-check")):
                field = "email" if route.endswith("/email-check") else "text"
                for role in sorted(allowed & set(PEOPLE)):
                    body = b'{"%s":"%s"}' % (field.encode(), b"a" * length)
                    answer, took = guichet.run(timed(guichet, route, guichet.people[role], body))
                    bounded = {200, 422} if len(body) <= longest_body(route) else {413}
                    assert answer.status in bounded, (name, route, role)
                    assert took < LONGEST_SECONDS, (route, role)
                    asked += 1
    assert asked > 10


# --- Many keys ------------------------------------------------------------------------------------


def unknown_keys(length: int) -> bytes:
    """So many bytes of a JSON object with as many keys as it can hold; nobody knows any of them."""
    keys = ",".join(f'"{number:x}":0' for number in range(length // 7))
    return b"{" + keys[: keys.rfind(",", 0, length - 2)].encode() + b"}"


def unknown_fields(length: int) -> bytes:
    """The same as a form."""
    return "".join(f"&{number:x}=" for number in range(length // 3))[:length].encode()


@pytest.mark.parametrize("name", API)
def test_a_body_of_eight_times_the_size_costs_eight_times_as_much(guichet, name):
    """However many keys it has: nothing that validates it grows faster than what was sent."""
    for route, allowed in API[name].items():
        takes_json = route.startswith(("POST", "PUT", "PATCH")) and route not in PARTS_OF_FILES
        if takes_json and (longest := longest_body(route)):
            eighth, whole = (unknown_keys(length) for length in (longest // 8, longest))
            who = guichet.people[min(allowed & set(PEOPLE), default="")]
            guichet.run(grows(guichet, route, who, eighth, whole, {404, 422}))


@pytest.mark.parametrize("route", ["POST /connexion", "POST /recherche"])
def test_a_form_of_thousands_of_fields_is_refused(guichet, route):
    who = guichet.people[CUSTOMER]
    given = urlencode(guichet.form(who)).encode()
    eighth, whole = (
        given + unknown_fields(length - len(given)) for length in (SHORT_BODY // 8, SHORT_BODY)
    )
    guichet.run(grows(guichet, route, who, eighth, whole, {400}))


async def grows(
    guichet: Installation, route: str, who: Person, eighth: bytes, whole: bytes, statuses: set[int]
) -> None:
    """No faster than what is sent; each cost is the least of some, for the machine may be busy.

    What grows as its square would cost 64 times as much, and by turns a slow moment meets both.
    """
    small = large = math.inf
    for _ in range(5):
        answer, cost = await timed(guichet, route, who, eighth)
        assert answer.status in statuses, f"{route}: {answer.status}"
        small = min(small, cost)
        answer, cost = await timed(guichet, route, who, whole)
        assert answer.status in statuses, f"{route}: {answer.status}"
        large = min(large, cost)
    assert large < MAX_GROWTH * small, f"{route}: {small:.4f} s, then {large:.4f} s"
    assert large < LONGEST_BODY_SECONDS, route


# --- Live streams ---------------------------------------------------------------------------------


def test_the_eleventh_stream_of_a_person_is_refused_and_web_says_so(guichet, monkeypatch):
    tickets = guichet.services["tickets"].state
    monkeypatch.setattr(tickets.settings, "stream_seconds", 60)
    guichet.run(eleven_streams(guichet, tickets.hub))


async def eleven_streams(guichet: Installation, hub: Hub) -> None:
    who, other = guichet.people["colleague"], guichet.people[TECHNICIAN]
    await guichet.sign_in(who)
    async with contextlib.AsyncExitStack() as streams:
        for each in [who] * MAX_PER_PERSON + [other]:
            stream = guichet.http.stream("GET", "/api/tickets/stream", headers=each.header)
            assert (await streams.enter_async_context(stream)).status_code == 200
        assert MAX_PER_PERSON == 10
        answer = await guichet.http.get("/api/tickets/stream", headers=who.header)
        assert (answer.status_code, answer.json()["code"]) == (429, "too_many_streams")
        assert answer.json()["context"] == {"most": 10}
        assert answer.headers["Retry-After"] == "60"
        # One that ends without an event is begun again, as browsers do: an idle connection to a
        # service may have been closed in the moment in which it was needed.
        page, _ = await timed(guichet, "GET /en-direct", who, b"")
        if page.body == BEGUN.encode():
            page, _ = await timed(guichet, "GET /en-direct", who, b"")
        assert page.headers[b"content-type"].startswith(b"text/event-stream")
        assert page.body.endswith(b"event: full\ndata:\n\n")
    async with asyncio.timeout(60):
        while hub.streams:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.1)
