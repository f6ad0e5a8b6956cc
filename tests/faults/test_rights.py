"""On the broker everybody may do what the context map says, and nothing else."""

from collections.abc import Sequence

import pytest

from chassis import streams
from contracts.topology import CONTEXTS, LISTENINGS, PUBLIC_STREAMS, PUBLISHERS, stream_name
from faults.broker import connected
from waiting import eventually

STREAMS = [stream_name(context) for context in PUBLISHERS]
READERS = {
    **{
        service: [stream_name(each.to) for each in LISTENINGS if each.service == service]
        for service in CONTEXTS
    },
    "warehouse": [stream_name(context) for context in PUBLIC_STREAMS],
    "accounting": [stream_name(context) for context in PUBLIC_STREAMS],
}
# Nobody may publish it, and NATS answers in order: once it is refused, all refusals have come.
LAST = "nobodys.last-word"
DURABLES = [(stream, user) for user, heard in READERS.items() for stream in heard]


@pytest.fixture
def refused(stack, shop):
    """Which of these subjects NATS refuses to a user who publishes there, or subscribes to them."""

    async def attempt(
        user: str, *, publish: Sequence[str] = (), subscribe: Sequence[str] = ()
    ) -> set[str]:
        errors: list[str] = []

        async def told(error: Exception) -> None:
            errors.append(str(error).lower())

        async def is_refused() -> None:
            assert any(f'"{LAST}"' in error for error in errors)

        async with connected(stack, user, error_cb=told) as connection:
            for subject in publish:
                await connection.publish(subject, b"{}")
            for subject in subscribe:
                await connection.subscribe(subject)
            await connection.publish(LAST, b"")
            await eventually(is_refused)
        return {
            subject
            for subject in [*publish, *subscribe]
            if any(f'"{subject.lower()}"' in error and "permissions" in error for error in errors)
        }

    return attempt


@pytest.mark.parametrize("user", READERS)
async def test_nobody_can_publish_anothers_events(refused, broker, user):
    others = {
        context: f"{context}.something-happened.v1.{user}"
        for context in PUBLISHERS
        if context != user
    }
    assert await refused(user, publish=list(others.values())) == set(others.values())
    for context, subject in others.items():
        assert not await broker.holds(stream_name(context), subject)


@pytest.mark.parametrize("user", READERS)
async def test_nobody_can_read_or_acknowledge_through_anothers_durable(refused, user):
    others = [(stream, durable) for stream, durable in DURABLES if durable != user]
    rights = [
        subject
        for stream, durable in others
        for subject in (
            f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}",
            f"$JS.ACK.{stream}.{durable}.1.1.1.1.0",
        )
    ]

    assert await refused(user, publish=rights) == set(rights)


@pytest.mark.parametrize("user", READERS)
async def test_nobody_but_the_administrator_can_make_change_or_look_into_streams(refused, user):
    rights = [
        "$JS.API.STREAM.CREATE.NEW",
        *(
            subject
            for stream in STREAMS
            for subject in (
                f"$JS.API.STREAM.UPDATE.{stream}",
                f"$JS.API.STREAM.DELETE.{stream}",
                f"$JS.API.STREAM.PURGE.{stream}",
                f"$JS.API.STREAM.MSG.GET.{stream}",
                f"$JS.API.STREAM.MSG.DELETE.{stream}",
                f"$JS.API.DIRECT.GET.{stream}",
                f"$JS.API.CONSUMER.CREATE.{stream}",
                f"$JS.API.CONSUMER.DURABLE.CREATE.{stream}.{user}",
                f"$JS.API.CONSUMER.DELETE.{stream}.{user}",
                f"$JS.API.CONSUMER.CREATE.{stream}.another",
                f"$JS.API.CONSUMER.RESET.{stream}.another",
                f"$JS.API.CONSUMER.UNPIN.{stream}.{user}",
            )
        ),
    ]

    assert await refused(user, publish=rights) == set(rights)


@pytest.mark.parametrize("user", ["warehouse", "accounting"])
async def test_another_system_can_make_no_durable_not_even_its_own(refused, user):
    rights = [
        f"$JS.API.CONSUMER.{verb}.{stream}.{user}"
        for verb in ("CREATE", "RESET")
        for stream in READERS[user]
    ]
    assert await refused(user, publish=rights) == set(rights)


@pytest.mark.parametrize("user", READERS)
async def test_nobody_can_listen_to_events_or_to_anothers_answers(refused, user):
    subjects = ["identity.>", "sales.>", "_INBOX.>", "_INBOX.tickets-of-others.>", "$JS.>", ">"]

    assert await refused(user, subscribe=subjects) == set(subjects)


@pytest.mark.parametrize("user", READERS)
async def test_everybody_can_do_their_own_work(refused, user):
    """The other side of the tests above: they would pass for a user who may do nothing."""
    own = [f"$JS.API.CONSUMER.INFO.{stream}.{user}" for stream in READERS[user]]
    if user in CONTEXTS:  # what it needs to make a durable of its own again
        own += [f"$JS.API.CONSUMER.CREATE.{stream}.{user}" for stream in READERS[user]]
        own += [f"$JS.API.CONSUMER.RESET.{stream}.{user}" for stream in READERS[user]]
    if user in PUBLISHERS:
        own.append(f"{user}.never-handled.v1.1")

    assert await refused(user, publish=own, subscribe=[f"_INBOX.{user}.mine"]) == set()


@pytest.mark.parametrize("user", ["warehouse", "accounting"])
async def test_another_system_reads_no_names_and_addresses(refused, user):
    rights = [f"$JS.API.CONSUMER.MSG.NEXT.IDENTITY.{each}" for each in (user, "tickets", "sales")]

    assert await refused(user, publish=rights) == set(rights)
    assert streams.reader_rights(user, ["IDENTITY"])[0] == rights[0]
