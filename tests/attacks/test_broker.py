"""Whatever a user of the broker asks, and wherever the answer is to go, reaches nobody else.

Each user, inside and through the door, names every subject that anybody may name: to publish
there, to listen there, and as the subject that its own requests are to be answered on.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import nats
import nats.errors
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg

from chassis.messaging import streams
from chassis.messaging.streams.rights import subject_outside
from contracts.topology import CONTEXTS, PUBLISHERS, stream_name
from doors import Ways, broker_and_door
from waiting import eventually

OTHERS = ("warehouse", "accounting")
PASSWORDS = {user: f"secret of {user}" for user in streams.users(OTHERS)}
RIGHTS = streams.rights_of_all(OTHERS)
USERS = [*((user, "inside") for user in RIGHTS), *((user, "door") for user in OTHERS)]
# Nobody may publish it, and NATS answers in order: once it is refused, all refusals have come.
LAST = "nobodys.last-word"


def named(right: str) -> str:
    """A subject that this right lets somebody publish."""
    if right.startswith("$JS.ACK."):
        return right.replace(">", "1.1.1.1.0")
    return right.replace(">", "anything.v1.x")


OF_THE_ADMINISTRATOR = [
    "$JS.API.INFO",
    "$JS.API.STREAM.CREATE.NEW",
    "$JS.API.STREAM.NAMES",
    *(
        f"$JS.API.{verb}.{stream}"
        for stream in map(stream_name, PUBLISHERS)
        for verb in (
            "STREAM.UPDATE",
            "STREAM.DELETE",
            "STREAM.PURGE",
            "STREAM.MSG.GET",
            "STREAM.MSG.DELETE",
            "DIRECT.GET",
            "CONSUMER.CREATE",
            "CONSUMER.NAMES",
        )
    ),
    *(
        f"$JS.API.CONSUMER.{verb}.{stream}.{durable}"
        for stream in map(stream_name, PUBLISHERS)
        for durable in (*RIGHTS, "another")
        for verb in ("MSG.NEXT", "INFO", "CREATE", "DURABLE.CREATE", "RESET", "DELETE", "UNPIN")
    ),
]
EVERY_SUBJECT = list(
    dict.fromkeys(
        [
            *(named(right) for rights in RIGHTS.values() for right in rights),
            *OF_THE_ADMINISTRATOR,
            *(f"_INBOX.{user}.x" for user in (*RIGHTS, streams.ADMIN)),
            *(f"$JS.ACK.{stream_name(each)}.another.1.1.1.1.0" for each in PUBLISHERS),
            "$SYS.REQ.SERVER.PING",
            "$JS.EVENT.ADVISORY.x",
            "_R_.x",
        ]
    )
)


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Generator[Ways]:
    with broker_and_door(tmp_path_factory.mktemp("broker"), PASSWORDS, OTHERS) as ways:
        yield ways


@pytest.fixture
def new_ways(tmp_path: Path) -> Generator[Ways]:
    """A broker that nobody's pulls wait at: one of an earlier test may be answered in the next."""
    with broker_and_door(tmp_path, PASSWORDS, OTHERS) as ways:
        yield ways


@dataclass
class Attacker:
    """A connection of one user, and what it was refused."""

    connection: Client
    errors: list[str] = field(default_factory=list)

    async def refusals(self, subjects: Sequence[str]) -> set[str]:
        """Which of these were refused, of all that it has tried until now."""
        await self.connection.publish(LAST, b"")

        async def all_have_come() -> None:
            assert any(f'"{LAST}"' in error for error in self.errors)

        await eventually(all_have_come)
        errors = "\n".join(error for error in self.errors if "permissions" in error)
        return {each for each in subjects if f'"{subject_outside(each).lower()}"' in errors}


@asynccontextmanager
async def connected(ways: Ways, user: str, way: str = "inside") -> AsyncGenerator[Attacker]:
    errors: list[str] = []

    async def on_error(error: Exception) -> None:
        errors.append(str(error).lower())

    connection = await nats.connect(
        ways.door if way == "door" else ways.inside,
        user=user,
        password=PASSWORDS[user],
        inbox_prefix=f"_INBOX.{user}".encode(),
        tls=ways.trusted if way == "door" else None,
        error_cb=on_error,
    )
    try:
        yield Attacker(connection, errors)
    finally:
        await connection.close()


@asynccontextmanager
async def everybody_listens(ways: Ways, attacker: str) -> AsyncGenerator[list[str]]:
    """What comes to whom meanwhile: to the administrator, where the streams are, on all subjects
    but the attacker's own, and to the others as their answers."""
    received: list[str] = []

    def noting(subject: str) -> Callable[[Msg], Awaitable[None]]:
        # An event that a pull is answered by bears its own subject, wherever it goes.
        async def note(message: Msg) -> None:
            received.append(f"{subject} <- {message.subject}: {message.data[:80]!r}")

        return note

    theirs = {named(right) for right in RIGHTS[attacker]}
    async with AsyncExitStack() as stack:
        admin = await stack.enter_async_context(connected(ways, streams.ADMIN))
        for subject in EVERY_SUBJECT:
            if subject not in theirs:
                await admin.connection.subscribe(subject, cb=noting(subject))
        listeners = [admin]
        for user, way in USERS:
            if user != attacker:
                other = await stack.enter_async_context(connected(ways, user, way))
                subject = f"_INBOX.{user}.>"
                await other.connection.subscribe(subject, cb=noting(subject))
                listeners.append(other)
        for each in listeners:
            await each.connection.flush()
        yield received
        for each in listeners:
            await each.connection.flush()


async def stored(ways: Ways, but: str) -> dict[str, tuple[int, int]]:
    """How many events each stream holds, and has ever held, but the one of this user's own."""
    async with connected(ways, streams.ADMIN) as admin:
        js = admin.connection.jetstream()
        states = {
            context: (await js.stream_info(stream_name(context))).state
            for context in PUBLISHERS
            if context != but
        }
    return {context: (state.messages, state.last_seq) for context, state in states.items()}


@pytest.mark.parametrize(("user", "way"), USERS)
async def test_nobody_reaches_another_by_the_subject_of_an_answer(new_ways, user, way):
    """Of a pull, a question, an acknowledgement that pulls, an event, and of NATS's own tracing."""
    ways = new_ways
    async with connected(ways, user, way) as attacker, connected(ways, "sales") as sales:
        await sales.connection.jetstream().publish("sales.sale-recorded.v1.bait", b"{}")
        before = await stored(ways, but=user)
        async with everybody_listens(ways, user) as received:
            for right in RIGHTS[user]:
                for target in EVERY_SUBJECT:
                    for body in (b'{"batch": 2, "no_wait": true}', b'+NXT {"batch": 2}'):
                        await attacker.connection.publish(named(right), body, reply=target)
                    await attacker.connection.publish(
                        named(right), b"{}", headers={"Nats-Trace-Dest": target}
                    )
            await attacker.refusals([])
            if user in PUBLISHERS:  # its own are stored one after the other: this one is the last
                await attacker.connection.jetstream().publish(
                    f"{user}.last.v1.x", b"{}", timeout=60
                )
        assert received == []
        assert await stored(ways, but=user) == before


@pytest.mark.parametrize(("user", "way"), USERS)
async def test_nobody_publishes_or_asks_what_is_anothers(ways, user, way):
    own = {named(right) for right in RIGHTS[user]}
    foreign = [subject for subject in EVERY_SUBJECT if subject not in own]
    before = await stored(ways, but="")
    async with connected(ways, user, way) as attacker, everybody_listens(ways, user) as received:
        for subject in foreign:
            await attacker.connection.publish(subject, b"{}", reply=f"_INBOX.{user}.x")
        assert await attacker.refusals(foreign) == set(foreign)
    assert received == []
    assert await stored(ways, but="") == before


@pytest.mark.parametrize(("user", "way"), USERS)
async def test_nobody_listens_to_what_is_anothers(ways, user, way):
    subjects = [
        *(each for each in EVERY_SUBJECT if not each.startswith(f"_INBOX.{user}.")),
        *("_INBOX.>", "$JS.>", "sales.>", "identity.>", ">"),
    ]
    async with connected(ways, user, way) as attacker:
        for subject in subjects:
            await attacker.connection.subscribe(subject)
        refused = await attacker.refusals(subjects)
        errors = "\n".join(attacker.errors)
        assert refused | {each for each in subjects if f'"{each.lower()}"' in errors} == set(
            subjects
        )


@pytest.mark.parametrize(("user", "way"), USERS)
async def test_everybody_can_do_their_own_work(ways, user, way):
    """The other side of the tests above: they would pass for a user who may do nothing."""
    async with connected(ways, user, way) as worker:
        questions = [right for right in RIGHTS[user] if ".INFO." in right]
        assert questions
        for question in questions:
            answer = await worker.connection.request(question, b"", timeout=5)
            assert b'"error"' not in answer.data, answer.data
        if user in PUBLISHERS:
            stored = await worker.connection.jetstream().publish(f"{user}.own.v1.x", b"{}")
            assert stored.stream == stream_name(user)
        assert await worker.refusals(EVERY_SUBJECT) == set()


async def test_another_system_can_make_no_durable_not_even_its_own():
    for user in OTHERS:
        assert not [right for right in RIGHTS[user] if "CREATE" in right or "RESET" in right]


async def test_another_system_reads_no_names_and_addresses():
    for user in OTHERS:
        assert not [right for right in RIGHTS[user] if "IDENTITY" in right]


@pytest.mark.parametrize("user", [*CONTEXTS, streams.ADMIN, streams.SYSTEM])
async def test_nobody_of_ours_comes_in_through_the_door(ways, user):
    with pytest.raises((nats.errors.Error, OSError)):
        await nats.connect(
            ways.door,
            user=user,
            password=PASSWORDS[user],
            tls=ways.trusted,
            allow_reconnect=False,
            connect_timeout=3,
            error_cb=streams.ignore_error,
        )
