"""The one source of permissions, exports and imports on the broker.

The streams live in the administrator's account, everybody else in an account of their own: NATS
does not check the reply subject of a request against permissions, so any user in the same account as
a stream could write into it by requesting an event « to » that subject.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from contracts.topology import CONTEXTS, LISTENINGS, PUBLIC_STREAMS, PUBLISHERS, stream_name

ADMIN = "admin"
SYSTEM = "system"
NAME = re.compile(
    r"[a-z][a-z0-9_-]*"
)  # the accounts of the streams and of NATS itself have capitals

# Under its own name JetStream answers in every account that it is not enabled there: so
# clients in other accounts use this name, which NATS maps to JetStream's own.
API, API_FROM_OUTSIDE = "$JS.API.", "$JS.guichet.API."


def users(subscribers: Iterable[str]) -> list[str]:
    """Everyone who needs a password on the broker."""
    return [ADMIN, SYSTEM, *CONTEXTS, *subscribers]


def other_systems(names: str) -> list[str]:
    """The subscribers of a setting, separated by commas; ValueError for an invalid name."""
    found = [name.strip() for name in names.split(",") if name.strip()]
    if ours := {*users([])} & {*found}:
        raise ValueError(f"{', '.join(sorted(ours))}: a user of Guichet's own has this name")
    if wrong := [name for name in found if not NAME.fullmatch(name)]:
        raise ValueError(f"{wrong[0]}: a name has small letters, digits, - and _, a letter first")
    return found


def password_variable(user: str) -> str:
    return "NATS_PASSWORD_" + "".join(c if c.isalnum() else "_" for c in user).upper()


def rights_of_all(subscribers: Iterable[str]) -> dict[str, list[str]]:
    """The subjects on which each user may send requests, as named in the account of the streams."""
    services = {context: rights_of_service(context) for context in CONTEXTS}
    return services | {each: rights_of_subscriber(each) for each in subscribers}


def rights_of_service(context: str) -> list[str]:
    """A service publishes its own subjects, checks its own stream, and reads those it listens to."""
    streams = [stream_name(each.to) for each in LISTENINGS if each.service == context]
    own = []
    if context in PUBLISHERS:
        stream = stream_name(context)
        own = [f"{context}.>", f"{API}STREAM.INFO.{stream}", watch_right(context, stream)]
    return [*own, *reading(context, streams), *making_durables(context, streams)]


def rights_of_subscriber(name: str) -> list[str]:
    """Another system reads the public streams, each through its own durable."""
    return reading(name, map(stream_name, PUBLIC_STREAMS))


def reading(user: str, streams: Iterable[str]) -> list[str]:
    """Rights to read and acknowledge through durables with the user's name."""
    return [
        right
        for stream in streams
        for right in (
            f"{API}CONSUMER.MSG.NEXT.{stream}.{user}",
            f"{API}CONSUMER.INFO.{stream}.{user}",
            f"$JS.ACK.{stream}.{user}.>",
        )
    ]


def making_durables(service: str, streams: Sequence[str]) -> list[str]:
    """Further rights of a service: to recreate its own durables at their position if one is lost.

    Any other durable that it could create gives it no event that it may not read anyway.
    """
    return [
        f"{API}{right}"
        for stream in streams
        for right in (
            f"CONSUMER.CREATE.{stream}.{service}",
            f"CONSUMER.RESET.{stream}.{service}",
            f"STREAM.INFO.{stream}",
        )
    ] + [watch_right(service, stream) for stream in streams]


def watching(service: str) -> str:
    """The durable by which a service proves that a stream can be written: no subscriber's name."""
    return f"WATCH-{service}"


def watch_right(service: str, stream: str) -> str:
    return f"{API}CONSUMER.CREATE.{stream}.{watching(service)}"


def subject_outside(right: str) -> str:
    """The name of the same subject in every account except the administrator's."""
    return right.replace(API, API_FROM_OUTSIDE)


def permissions(user: str, rights: Iterable[str]) -> dict[str, Any]:
    """Publish to these subjects, and subscribe to the user's own inbox of replies."""
    return {
        "publish": {"allow": [subject_outside(right) for right in rights]},
        "subscribe": {"allow": [f"_INBOX.{user}.>"]},
    }
