"""What the client sends and makes of answers, against a server on a real connection."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator
from typing import Any

import httpx
import pytest
import structlog
from jwt.algorithms import OKPAlgorithm

from chassis import testing
from chassis.http.auth import PublishedKeys
from chassis.http.client import Gateway, HttpClient, Problem, problem_of
from chassis.monitoring.loops import Stuck
from contracts import text as contracts
from contracts.text import Answer

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n"


class Words(Answer):
    words: str


class Server:
    """Answers as its `mood` says, and remembers what it was sent."""

    def __init__(self) -> None:
        self.mood, self.connections = "answering", 0
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.open: list[asyncio.StreamWriter] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open.append(writer)
        while head := await reader.readuntil(b"\r\n\r\n"):
            self.heads.append(head)
            lengths = [line for line in head.lower().split(b"\r\n") if b"content-length" in line]
            length = int(lengths[0].split(b":")[1]) if lengths else 0
            self.bodies.append(await reader.readexactly(length))
            match self.mood:
                case "silent":
                    await asyncio.sleep(30)
                case "breaking off":
                    writer.write(OK + b'{"words"')
                    return writer.close()
                case "hanging up":
                    return writer.close()
                case "streaming":
                    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    writer.write(b"5\r\none\nt\r\n")
                    writer.write(b"3\r\nwo\n\r\n0\r\n\r\n")
                case "leading elsewhere":
                    writer.write(b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n")
                case "publishing keys":
                    own = OKPAlgorithm.to_jwk(testing.KEY.public_key(), as_dict=True)
                    keys = json.dumps({"keys": [{**own, "kid": testing.KID}]}).encode()
                    length = b"Content-Length: %d\r\n\r\n" % len(keys)
                    writer.write(b"HTTP/1.1 200 OK\r\n" + length + keys)
                case _:
                    writer.write(OK + b'{"words": "ok"}')

    async def hang_up(self) -> None:
        for writer in self.open:
            writer.close()
        await asyncio.sleep(0.05)


@pytest.fixture
async def server() -> AsyncGenerator[Server]:
    server = Server()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await server.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    yield server
    listening.close()
    for writer in server.open:
        writer.close()


@pytest.fixture
async def client(server: Server) -> AsyncGenerator[HttpClient]:
    async with HttpClient(server.url, seconds=20) as client:
        yield client


REQUESTS: list[dict[str, Any]] = [
    {"method": "GET", "url": "/api/tickets"},
    {"method": "GET", "url": "/é/%2F", "params": {"q": "écran noir & 100 %", "limit": 25}},
    {"method": "GET", "url": "/", "params": {"counts": True, "number": ["1", "2"], "none": None}},
    {"method": "GET", "url": '/"<>{}|^`\\/100%', "params": {"q": '"<>{}|^`\\'}},
    {"method": "POST", "url": "/", "json": {"text": "écran"}, "headers": {"Idempotency-Key": "1"}},
    {"method": "PUT", "url": "/", "content": b"\0" * 300_000},
    {"method": "DELETE", "url": "/", "json": None},
]


@pytest.mark.parametrize(
    "wanted", REQUESTS, ids=lambda wanted: f"{wanted['method']} {wanted['url']}"
)
async def test_a_request_arrives_as_httpx_would_send_it(server, client, wanted):
    given = wanted.get("params", {})
    plain: dict[str, Any] = {
        **wanted,
        "params": {name: given[name] for name in given if given[name] is not None},
    }
    async with httpx.AsyncClient(base_url=server.url) as other:
        await other.request(**plain)
    answer = await client.request(**wanted)

    assert answer.json() == {"words": "ok"}
    theirs, ours = (httpx.URL(head.split()[1].decode()) for head in server.heads)
    assert ours.path == theirs.path
    assert ours.raw_path.partition(b"?")[0] == theirs.raw_path.partition(b"?")[0]
    assert not any(byte in b'"<>{}`' for byte in server.heads[1].split()[1])
    assert ours.params.multi_items() == theirs.params.multi_items()
    assert server.bodies[0] == server.bodies[1]
    keys = [b"idempotency-key: 1" in head.lower() for head in server.heads]
    assert keys == [bool(wanted.get("headers"))] * 2


async def test_whoever_is_asked_next_goes_on_with_the_same_ids(server, client):
    with structlog.contextvars.bound_contextvars(request_id="4f2e-once-for-all"):
        await client.get("/")
    assert b"x-request-id: 4f2e-once-for-all" in server.heads[0].lower()


async def test_one_connection_serves_many_calls_and_one_that_has_ended_is_replaced(server, client):
    for _ in range(3):
        await client.get("/")
    assert server.connections == 1
    await server.hang_up()
    assert (await client.post("/", json={})).is_success
    assert server.connections == 2


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_what_may_have_been_done_is_not_sent_again_by_itself(server, client, method):
    await client.request(method, "/")
    server.mood = "hanging up"
    with pytest.raises(httpx.TransportError):
        await client.request(method, "/")
    assert len(server.heads) == 2


async def test_a_client_that_is_closed_asks_nothing(server, client):
    await client.get("/")
    await client.aclose()
    with pytest.raises(httpx.ConnectError):
        await client.get("/")
    assert len(server.heads) == 1


async def test_a_name_is_looked_up_for_each_connection(server, monkeypatch):
    """A recreated container answers under its name at another address."""
    looked_up, real = [], socket.getaddrinfo

    def spy(host: str, *arguments: Any, **options: Any) -> Any:
        looked_up.append(host)
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", spy)
    async with HttpClient(server.url.replace("127.0.0.1", "localhost")) as client:
        for _ in range(2):
            assert (await client.get("/")).is_success
            await server.hang_up()
    assert looked_up == ["localhost"] * 2


async def test_an_answer_that_leads_elsewhere_is_an_answer(server, client):
    server.mood = "leading elsewhere"
    assert (await client.get("/")).status_code == 302
    assert len(server.heads) == 1


@pytest.mark.parametrize(
    ("mood", "error"),
    [("silent", httpx.ReadTimeout), ("breaking off", httpx.RemoteProtocolError)],
)
async def test_silence_is_one_of_httpx_errors(server, client, mood, error):
    server.mood = mood
    with pytest.raises(error):
        await client.get("/", timeout=0.3 if mood == "silent" else 20)
    with pytest.raises(Problem) as silence:
        await Gateway(client, seconds=0.1).get("/", Words)
    assert (silence.value.status, silence.value.is_own) == (503, False)
    server.mood = "answering"  # and the client goes on
    assert (await Gateway(client).get("/", Words)).words == "ok"


async def test_signing_keys_are_read_with_it(server, client):
    keys = PublishedKeys(client)
    with pytest.raises(Stuck, match="identity does not publish its keys"):  # these are no keys
        await keys.read()
    server.mood = "publishing keys"
    await keys.read()
    assert await keys.key(testing.KID) is not None


async def test_nobody_there_is_one_of_httpx_errors(server):
    async with HttpClient("http://127.0.0.1:9") as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/")


async def test_no_more_calls_are_under_way_than_the_limit(server):
    server.mood = "silent"
    async with HttpClient(server.url, seconds=0.3, most=1) as client:
        first = asyncio.create_task(client.get("/", timeout=30))
        while not server.heads:  # noqa: ASYNC110 - a list tells nobody
            await asyncio.sleep(0.01)
        with pytest.raises(httpx.ConnectTimeout):
            await client.get("/")
        first.cancel()


async def test_a_stream_comes_line_by_line_and_ends_with_whoever_reads_it(server, client):
    server.mood = "streaming"
    async with Gateway(client).listen("/", {"since": "1"}) as lines:
        assert [line async for line in lines] == ["one", "two"]
    async with Gateway(client).listen("/", {}) as lines:
        assert await anext(lines) == "one"
    server.mood = "answering"
    assert (await client.get("/")).is_success


async def test_a_token_that_is_refused_is_renewed_once():
    tokens = []

    def answer(request: httpx.Request) -> httpx.Response:
        tokens.append(request.headers["Authorization"])
        if tokens[-1] != "Bearer new":
            refusal = contracts.Problem(title="", status=401, code="unauthenticated", detail="")
            return httpx.Response(401, json=refusal.model_dump())
        return httpx.Response(200, json={"words": "ok"})

    async def renew() -> str:
        return "new"

    async with HttpClient("http://gateway", transport=httpx.MockTransport(answer)) as client:
        gateway = Gateway(client).on_behalf("old", renew)
        assert (await gateway.get("/", Words)).words == "ok"
    assert tokens == ["Bearer old", "Bearer new"]


async def test_a_write_is_sent_whole_again_with_the_new_token_and_then_the_parts_are_at_fault():
    sent = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.content, request.headers["Idempotency-Key"]))
        refusal = contracts.Problem(title="", status=401, code="unauthenticated", detail="")
        return httpx.Response(401, text=refusal.model_dump_json())

    async def renew() -> str:
        return "new"

    async with HttpClient("http://gateway", transport=httpx.MockTransport(answer)) as client:
        gateway = Gateway(client).on_behalf("old", renew)
        with pytest.raises(Problem) as refused:
            await gateway.send("POST", "/", {"words": "ok"}, Words, key="1")
    assert sent == 2 * [(b'{"words":"ok"}', "1")]
    problem = refused.value
    assert (problem.status, problem.code, problem.retry_after) == (503, "unavailable", 5)


@pytest.mark.parametrize(("status", "code"), [(429, "too_many"), (502, "unavailable")])
def test_an_answer_that_is_nobodys_problem_has_the_code_of_its_status(status, code):
    foreign = problem_of(httpx.Response(status, text="no JSON", headers={"Retry-After": "7"}))
    assert (foreign.status, foreign.code, foreign.retry_after) == (status, code, 7)
    assert not foreign.is_own


def test_a_problem_has_everything_that_its_service_answered():
    field = contracts.FieldError(field="text", code="too_long", detail="", context={"most": 9})
    own = contracts.Problem(
        title="", status=409, code="busy", detail="", errors=[field], context={"who": "Paul"}
    )
    answer = httpx.Response(409, text=own.model_dump_json(), headers={"Retry-After": "3"})
    problem = problem_of(answer)
    assert (problem.status, problem.code, problem.retry_after) == (409, "busy", 3)
    assert (problem.errors, problem.context, problem.is_own) == ([field], {"who": "Paul"}, True)


# --- Gateway --------------------------------------------------------------------------------------


class Answering(httpx.AsyncBaseTransport):
    """Answers in turn what it is given, or fails so; remembers the requests."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers, self.requests = [*answers], list[httpx.Request]()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def refusal(status: int, code: str, **headers: str) -> httpx.Response:
    problem = contracts.Problem(title="", status=status, code=code, detail="")
    return httpx.Response(status, text=problem.model_dump_json(), headers=headers)


async def test_each_call_says_who_asks_what_under_which_key_and_for_how_long():
    there = Answering(*(httpx.Response(200, json={"words": "ok"}) for _ in range(4)))
    async with HttpClient("http://gateway/", seconds=3, transport=there) as http:
        plain = Gateway(http, headers={"X-Real-IP": "10.0.0.1"})
        await plain.get("/a", Words, q="é", none=None, flag=True)
        bearer = Gateway(http, plain.headers, seconds=0.5).on_behalf("a token")
        await bearer.send("PUT", "/b", {"text": "é"}, Words, key="12345678")
        await bearer.call("DELETE", "/c")
        await bearer.call("POST", "/d", {"n": 1})
    get, put, delete, post = there.requests
    assert (get.method, str(get.url)) == ("GET", "http://gateway/a?q=%C3%A9&flag=true")
    assert get.headers["X-Real-IP"] == put.headers["X-Real-IP"] == "10.0.0.1"
    assert not {"Authorization", "Idempotency-Key"} & {*map(str.title, get.headers)}
    assert (put.method, put.url.path, put.content) == ("PUT", "/b", '{"text":"é"}'.encode())
    assert put.headers["Authorization"] == "Bearer a token"
    assert put.headers["Idempotency-Key"] == "12345678"
    assert (delete.method, delete.url.path, delete.content) == ("DELETE", "/c", b"")
    assert (post.method, post.content) == ("POST", b'{"n":1}')
    limits = [each.extensions["timeout"] for each in (get, put)]
    assert [(each["read"], each["connect"], each["pool"]) for each in limits] == [
        (3, 1, 1),
        (0.5, 0.5, 0.5),
    ]


async def test_what_is_no_answer_is_a_problem():
    there = Answering(
        httpx.ConnectError("nobody"), httpx.Response(200, json={"other": 1}), refusal(409, "taken")
    )
    async with HttpClient("http://gateway", transport=there) as http:
        found = []
        for _ in range(3):
            with pytest.raises(Problem) as problem:
                await Gateway(http).get("/", Words)
            found.append(problem.value)
    assert [(each.status, each.code, each.retry_after, each.is_own) for each in found] == [
        (503, "unavailable", 1, False),
        (502, "unavailable", None, False),
        (409, "taken", None, True),
    ]
    assert str(found[2]) == "409 taken"
    assert (found[0].errors, found[0].context) == ([], {})


async def test_a_stream_that_is_refused_or_breaks_off_is_a_problem():
    renewed = []

    async def renew() -> str:
        renewed.append(1)
        return "new"

    there = Answering(
        refusal(403, "forbidden"), refusal(401, "unauthenticated"), httpx.ReadTimeout("silence"),
        refusal(401, "unauthenticated"),
    )  # fmt: skip
    found = []
    async with HttpClient("http://gateway", transport=there) as http:
        for gateway in [*3 * [Gateway(http).on_behalf("old", renew)], Gateway(http)]:
            with pytest.raises(Problem) as problem:
                async with gateway.listen("/live", {"after": "3"}):
                    pass
            found.append(problem.value)
    assert [(each.status, each.code, each.retry_after) for each in found] == [
        (403, "forbidden", None),
        (503, "unavailable", 1),
        (503, "unavailable", 1),
        (401, "unauthenticated", None),
    ]
    assert len(renewed) == 1
    first = there.requests[0]
    assert (first.method, str(first.url)) == ("GET", "http://gateway/live?after=3")
    assert first.headers["Authorization"] == "Bearer old"
    limits = first.extensions["timeout"]
    assert (limits["connect"], limits["read"], limits["pool"]) == (1, 40, 5)
