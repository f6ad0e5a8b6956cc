"""The gateway sends each address to its part, and keeps the world's requests within limits."""

import itertools
import json
import re
import socket
import time
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from chassis.http.bodies import LONG_BODY
from contracts.uploads import PART_BYTES
from echoes import OWN_HEADERS, PARTS, client_from, gateway_before, is_the_gateways, listening
from local.launcher.machine.servers import Gateway, get
from local.launcher.settings import SERVICES


@pytest.fixture(scope="module")
def echoes() -> Generator[dict[str, int]]:
    """Where each part listens."""
    with listening() as ports:
        yield ports


@pytest.fixture(scope="module")
def gateway(echoes, tmp_path_factory) -> Generator[Gateway]:
    with gateway_before(echoes, tmp_path_factory.mktemp("with a space")) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def public(gateway) -> Generator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{gateway.public_port}") as client:
        yield client


ADDRESSES = (f"127.0.1.{number}" for number in itertools.count(1))


@pytest.fixture
def newcomer(gateway) -> Generator[httpx.Client]:
    """From an address of its own, whose share no test before has used up."""
    with client_from(next(ADDRESSES), gateway) as client:
        yield client


@pytest.fixture(scope="module")
def internal(gateway) -> Generator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{gateway.internal_port}") as client:
        yield client


def test_traefik_takes_every_route_and_serves_both_entry_points(gateway):
    routers = json.loads(get(gateway.internal_port, "/traefik/api/http/routers?per_page=100") or "")
    assert {router["status"] for router in routers} == {"enabled"}
    served = {
        (router["service"].removesuffix("@file"), entry)
        for router in routers
        for entry in router["entryPoints"]
    }
    for part in PARTS:
        assert (f"{part}-or-nobody", "public") in served
        assert (f"{part}-or-nobody", "internal") in served


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("part", SERVICES)
def test_an_address_means_the_same_at_every_hop(public, internal, part, method):
    for client in (public, internal):
        for path in (f"/api/{part}", f"/api/{part}/7?x=%C3%A9"):
            body = client.request(method, path).json()
            assert (body["part"], body["path"]) == (part, path)


@pytest.mark.parametrize("path", ["/", "/connexion", "/apiculture", "/static/x.css"])
def test_all_else_is_for_the_web(public, internal, path):
    assert public.get(path).json()["part"] == "web"
    assert internal.get(path).json()["part"] == "web"


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_an_api_that_there_is_not_is_a_problem_and_no_page(public, internal, method):
    for client, path in itertools.product((public, internal), ("/api", "/api/", "/api/salesman/7")):
        answer = client.request(method, path, headers={"Accept": "text/html"}, content=b"x" * 9)
        is_the_gateways(answer, 404, "not_found", page=False)


@pytest.mark.parametrize("method", ["PROPFIND", "FOO"])
def test_a_method_that_nobody_knows_is_refused_in_our_words(public, method):
    """A part's HTTP parser would refuse it with a line of its own."""
    for path in ("/", "/connexion", "/en-direct", "/api", "/api/sales", "/api/sales/metrics"):
        answer = public.request(method, path, content=b"x" * 9)
        is_the_gateways(answer, 405, "method_not_allowed", page=not path.startswith("/api"))


def test_whoever_leaves_in_the_middle_of_an_answer_is_no_error(gateway, newcomer):
    """Go ends what is aborted by a panic, which the interpreter of plugins logs with its stack."""
    before = gateway.log.stat().st_size
    encodings, paths = ("identity", "gzip", "zstd"), ("/clients", "/en-direct", "/api/sales")
    with ExitStack() as browsers:
        for method, encoding, path in itertools.product(("GET", "POST"), encodings, paths):
            address = ("127.0.0.1", gateway.public_port)
            browser = browsers.enter_context(socket.create_connection(address))
            body = "Content-Length: 1\r\n\r\nx" if method == "POST" else "\r\n"
            head = f"{method} {path} HTTP/1.1\r\nHost: guichet\r\nAccept-Encoding: {encoding}"
            browser.sendall(f"{head}\r\nPause: 1\r\n{body}".encode())
        time.sleep(0.5)  # the answers have begun
    time.sleep(1)
    assert newcomer.get("/").status_code == 200
    assert "panic" not in gateway.log.read_text()[before:]


@pytest.mark.parametrize(
    "path",
    [
        "/health/ready", "/health/live", "/metrics", "/traefik/api/overview", "/ping/",
        "/api/sales/docs", "/api/sales/openapi.json", "/api/identity/metrics",
    ],
)  # fmt: skip
def test_what_is_for_operators_is_not_for_the_world(public, path):
    answer = public.get(path)
    # /ping is the web's address like any other: the gateway's own is on `internal` alone.
    if path == "/ping/":
        assert answer.status_code == 200
    else:
        is_the_gateways(answer, 404, "not_found", page=not path.startswith("/api/"))


@pytest.mark.parametrize(
    "path",
    [
        "/api/identity/service-tokens",
        "/api/identity/links/0198c0de-0000-7000-8000-000000000001/secret",
        "/api/tickets/messages/0198c0de-0000-7000-8000-000000000001/text",
        "/api/tickets/1044/subject",
    ],
)
def test_what_services_ask_of_each_other_is_not_for_the_world(public, internal, path):
    spelled = (path, f"{path}/", f"{path}?x=1", path.replace("i", "%69"), f"/.{path.replace('/', '//')}",
               path.replace("/api", "/api/../api"), path.replace("e", "%65"))  # fmt: skip
    for method, each in itertools.product(("GET", "POST"), spelled):
        answer = public.request(method, each)
        assert answer.status_code in {400, 404} or answer.json().get("part") == "web", answer.text
        assert internal.request(method, path).json()["path"] == path
    near = re.sub("/(secret|text|subject)$", "", path.replace("service-tokens", "sessions"))
    assert public.get(near).json()["path"] == near


def test_only_the_web_may_say_for_which_browser_it_speaks(public, internal):
    claimed = {"X-Guichet-Browser-Address": "203.0.113.7", "X-Forwarded-For": "203.0.113.7"}
    seen = public.get("/api/identity/sessions", headers=claimed).json()["headers"]
    assert seen.get("x-guichet-browser-address", "") == ""
    assert seen["x-forwarded-for"] == "127.0.0.1"
    seen = internal.get("/api/identity/sessions", headers=claimed).json()["headers"]
    assert seen["x-guichet-browser-address"] == "203.0.113.7"


def test_a_header_under_another_spelling_is_dropped(public):
    received = public.get("/", headers={"X_Guichet_Browser_Address": "203.0.113.7"}).json()[
        "headers"
    ]
    assert "203.0.113.7" not in received.values()


@pytest.mark.parametrize("status", [200, 404, 429, 500, 503])
@pytest.mark.parametrize(
    "path", ["/", "/lien/x", "/en-direct", "/api/tickets/1", "/api/tickets/stream"]
)
def test_what_a_part_says_reaches_the_browser_as_it_is(public, internal, path, status):
    """Headers may be added and none is replaced; nor is a refusal, whose form keeps what was typed."""
    writes = [] if path == "/" else ["POST"]
    for client, method in itertools.product((public, internal), ("GET", *writes)):
        answer = client.request(method, path, headers={"Say": str(status)})
        assert answer.status_code == status
        assert answer.json()["path"] == path
        assert {name: answer.headers[name] for name in OWN_HEADERS} == OWN_HEADERS
        assert "Server" not in answer.headers or client is internal


@pytest.mark.parametrize("path", ["/api/tickets", "/demandes"])
def test_a_body_larger_than_the_longest_text_is_refused(public, path):
    assert public.post(path, content=b"x" * LONG_BODY).json()["length"] == LONG_BODY
    refused = public.post(path, content=b"x" * (LONG_BODY + 50_000))
    is_the_gateways(refused, 413, "body_too_large", page=path == "/demandes")


@pytest.mark.parametrize("path", ["/api/tickets/a%2Fb", "/demandes%5c1", "/api%2fsales/docs"])
def test_an_address_that_can_be_read_in_two_ways_is_refused_in_our_words(public, path):
    page = not path.startswith("/api/")
    is_the_gateways(public.get(path), 400, "unreadable", page=page)
    assert public.get("/recherche?q=a%2Fb").json()["path"] == "/recherche?q=a%2Fb"


def test_a_body_too_large_to_be_sent_again_arrives_whole(internal):
    assert internal.post("/api/tickets", content=b"x" * 2_000_000).json()["length"] == 2_000_000


def test_a_part_of_something_large_passes_as_it_comes(public):
    path = "/api/catalog/imports/0198c0de-0000-7000-8000-000000000001"
    assert public.patch(path, content=b"x" * PART_BYTES).json()["length"] == PART_BYTES
    is_the_gateways(public.patch(path, content=b"x" * 1_500_000), 413, "body_too_large", page=False)
    is_the_gateways(public.post(path, content=b"x" * 500_000), 413, "body_too_large", page=False)


def statuses(
    client: httpx.Client, path: str, seen: Callable[[int], str | None] = lambda _: None
) -> list[int]:
    return [answer.status_code for answer in many(client, path, seen)]


def many(
    client: httpx.Client, path: str, seen: Callable[[int], str | None] = lambda _: None
) -> list[httpx.Response]:
    """Of so many at once that a busy machine still is too fast; `seen` is claimed as browser."""

    def ask(number: int) -> httpx.Response:
        claimed = seen(number)
        headers = {"X-Forwarded-For": claimed} if claimed else {}
        return client.post(path, headers=headers)

    with ThreadPoolExecutor(10) as pool:
        return list(pool.map(ask, range(200)))


@pytest.mark.parametrize("path", ["/connexion", "/mot-de-passe-oublie"])
def test_guessing_passwords_and_addresses_is_slowed_and_nothing_else(newcomer, internal, path):
    answers = many(newcomer, path)
    assert {answer.status_code for answer in answers} == {200, 429}
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(answers) - len(refused) >= 30
    is_the_gateways(refused[0], 429, "too_many", page=True)
    assert newcomer.get("/").status_code == 200
    assert set(statuses(internal, path)) == {200}


def test_links_by_mail_are_asked_for_as_slowly_by_the_api(newcomer):
    for path in ("/api/identity/password-links", "/api/identity/sessions"):
        refused = [each for each in many(newcomer, path) if each.status_code == 429]
        is_the_gateways(refused[0], 429, "too_many", page=False)


# ---- Behind another proxy ---------------------------------------------------------------

PROXY = "127.0.0.2"
SIGN_IN = "/api/identity/sessions"


@pytest.fixture(scope="module")
def behind(echoes, tmp_path_factory) -> Generator[Gateway]:
    """A gateway that believes the proxy at 127.0.0.2."""
    folder = tmp_path_factory.mktemp("behind")
    with gateway_before(echoes, folder, trusted_proxies=f"192.0.2.0/24,{PROXY},::1") as gateway:
        yield gateway


@pytest.fixture
def proxy(behind) -> Generator[httpx.Client]:
    with client_from(PROXY, behind) as client:
        yield client


@pytest.fixture
def intruder(behind) -> Generator[httpx.Client]:
    """Who reaches that gateway without its proxy."""
    with client_from("127.0.0.1", behind) as client:
        yield client


def last_address(client: httpx.Client, forwarded_for: str) -> str:
    """What web and identity take for the browser's."""
    seen = client.get("/", headers={"X-Forwarded-For": forwarded_for}).json()["headers"]
    return seen.get("x-forwarded-for", "").rpartition(",")[2].strip()


def test_a_trusted_proxy_says_which_browser_asks(proxy):
    assert last_address(proxy, "203.0.113.7") == "203.0.113.7"
    assert last_address(proxy, "198.51.100.1, 203.0.113.7") == "203.0.113.7"


def test_nobody_else_may_say_so(intruder, public):
    assert last_address(intruder, "203.0.113.7") == ""
    assert last_address(public, "203.0.113.7") == "127.0.0.1"


def test_browsers_behind_a_trusted_proxy_are_limited_each_by_itself(proxy):
    flood = statuses(proxy, SIGN_IN, lambda n: f"198.51.100.{n}, 203.0.113.8")
    assert set(flood) == {200, 429}
    assert proxy.post(SIGN_IN, headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 200


def test_a_household_with_many_addresses_of_ipv6_is_one_browser(proxy):
    flood = statuses(proxy, SIGN_IN, lambda n: f"2001:db8:0:7::{n:x}")
    assert set(flood) == {200, 429}
    assert proxy.post(SIGN_IN, headers={"X-Forwarded-For": "2001:db8:0:8::1"}).status_code == 200


@pytest.mark.parametrize("client", ["newcomer", "intruder"])
def test_a_forged_address_escapes_no_limit(client, request):
    """Neither where no proxy is trusted nor beside the one that is."""
    forging = request.getfixturevalue(client)
    assert 429 in statuses(forging, SIGN_IN, lambda n: f"203.0.113.{n}")
