"""Streams, durables and rights on the broker, all made from the context map.

Only NATS's admin user may make streams and durables; the set-up step runs before the services.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

import nats
import nats.errors
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import Error as JetStreamError
from nats.js.errors import NotFoundError
from pydantic import Field, SecretStr

from chassis.settings import BROKER_ADDRESS, CommonSettings, WrongSettings, read
from chassis.troubles import of_broker
from contracts.topology import CONTEXTS, LISTENINGS, PUBLIC_STREAMS, PUBLISHERS, stream_name

DEDUPLICATION_SECONDS = 600
TAKEN_MOST = 1000  # events that a service may have taken and not acknowledged
ACK_SECONDS = 30  # also how long events wait that a killed process had taken
# Of the set-up step: how long the broker is waited for, and each of its answers.
CONNECT_SECONDS, ANSWER_SECONDS = 10, 30
ADMIN = "admin"
SYSTEM = "system"
DOOR = "door"  # the server that lets other systems in from outside
DOMAIN = "guichet"  # JetStream's name where there is a door


def reader_rights(user: str, streams: Iterable[str], api: str = "$JS.API") -> list[str]:
    """What a user must publish to read and acknowledge through its own durables."""
    return [
        right
        for stream in streams
        for right in (
            f"{api}.CONSUMER.MSG.NEXT.{stream}.{user}",
            f"{api}.CONSUMER.INFO.{stream}.{user}",
            f"$JS.ACK.{stream}.{user}.>",
        )
    ]


def listener_rights(service: str, streams: Iterable[str]) -> list[str]:
    """Of a service besides: to make its own durables again, where they stood, should one be gone.

    What it could make otherwise hands it no event that it may not read as it is.
    """
    return [
        f"$JS.API.{right}"
        for stream in streams
        for right in (
            f"CONSUMER.CREATE.{stream}.{service}",
            f"CONSUMER.RESET.{stream}.{service}",
            f"STREAM.INFO.{stream}",
        )
    ]


def reader_permissions(user: str, api: str = "$JS.API") -> dict[str, Any]:
    """Another system's: it reads the public streams, each through its own durable."""
    return allowing(user, reader_rights(user, map(stream_name, PUBLIC_STREAMS), api))


def door_permissions(subscribers: Iterable[str]) -> dict[str, Any]:
    """All that one of the other systems may, and nothing else."""
    each = [reader_permissions(user, api=f"$JS.{DOMAIN}.API") for user in subscribers]
    return {
        verb: {"allow": [subject for rights in each for subject in rights[verb]["allow"]]}
        for verb in ("publish", "subscribe")
    }


def permissions(subscribers: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The rights of each user: services publish their own subjects and read their own durables."""
    rights = {}
    for context in CONTEXTS:
        heard = [stream_name(each.to) for each in LISTENINGS if each.service == context]
        own = [f"{context}.>"] if context in PUBLISHERS else []
        if own:
            own.append(f"$JS.API.STREAM.INFO.{stream_name(context)}")
        reads = [*reader_rights(context, heard), *listener_rights(context, heard)]
        rights[context] = allowing(context, [*own, *reads])
    return rights | {subscriber: reader_permissions(subscriber) for subscriber in subscribers}


def allowing(user: str, publish: list[str]) -> dict[str, Any]:
    """These subjects, and to hear what is answered to this user."""
    return {"publish": {"allow": publish}, "subscribe": {"allow": [f"_INBOX.{user}.>"]}}


def users(subscribers: Iterable[str], *, door: bool = False) -> list[str]:
    """Everyone who needs a password on the broker."""
    return [ADMIN, SYSTEM, *CONTEXTS, *subscribers, *([DOOR] if door else [])]


# --- The server's configuration ---------------------------------------------------------------


def nats_config(
    *,
    listen: str,
    store: str,
    subscribers: Iterable[str],
    monitor: str | None = None,
    door: str | None = None,
    passwords: Mapping[str, str] | None = None,
    sync_interval: str = "always",
    max_file_store: str = "10GB",
) -> str:
    """The server's configuration; `door` is where the server of `door_config` finds it.

    Passwords are read from NATS_PASSWORD_<USER> at its start, unless they are given to be
    written into it.
    """
    subscribers = list(subscribers)
    rights = permissions(subscribers)
    if door:
        rights[DOOR] = door_permissions(subscribers)
    members = [ADMIN, *CONTEXTS, *subscribers, *([DOOR] if door else [])]
    domain = [f"  domain: {json.dumps(DOMAIN)}"] if door else []
    return "\n".join(
        [
            *written_down(passwords),
            f"listen: {json.dumps(listen)}",
            *([f"http: {json.dumps(monitor)}"] if monitor else []),
            *([f"leafnodes {{ listen: {json.dumps(door)} }}"] if door else []),
            "jetstream {",
            f"  store_dir: {json.dumps(store)}",
            f"  max_file_store: {max_file_store}",
            f"  sync_interval: {sync_interval}",
            *domain,
            "}",
            "accounts {",
            "  GUICHET {",
            "    jetstream: enabled",
            "    users: [",
            *(user_line(name, rights.get(name)) for name in members),
            "    ]",
            "  }",
            "  SYSTEM { users: [",
            user_line(SYSTEM),
            "  ] }",
            "}",
            "system_account: SYSTEM",
            "",
        ]
    )


def door_config(
    *,
    listen: str,
    inside: str,
    subscribers: Iterable[str],
    certificate: str,
    key: str,
    passwords: Mapping[str, str],
    monitor: str,
) -> str:
    """A second server, for other systems only: TLS, their users and rights, no store.

    It stands between them and the broker, whose own port stays within: `inside` is the address
    that the broker's `door` listens on. What they ask of JetStream it asks there. `monitor` is
    where the health check asks, for nobody outside.
    """
    subscribers = list(subscribers)
    rights = {
        each: reader_permissions(each, api=f"$JS.{DOMAIN}.API") for each in sorted(subscribers)
    }
    address = f"nats-leaf://{DOOR}:{quote(passwords[DOOR], safe='')}@{inside}"
    return "\n".join(
        [
            *written_down({each: passwords[each] for each in subscribers}),
            f"listen: {json.dumps(listen)}",
            f"http: {json.dumps(monitor)}",
            f"tls {{ cert_file: {json.dumps(certificate)}, key_file: {json.dumps(key)} }}",
            f"leafnodes {{ remotes: [{{ url: {json.dumps(address)}, account: GUICHET }}] }}",
            "accounts {",
            "  GUICHET {",
            f'    mappings: {{ "$JS.API.>": "$JS.{DOMAIN}.API.>" }}',
            "    users: [",
            *(user_line(name, rights[name]) for name in subscribers),
            "    ]",
            "  }",
            "}",
            "",
        ]
    )


def user_line(name: str, rights: Mapping[str, Any] | None = None) -> str:
    said = f"user: {json.dumps(name)}, password: ${password_variable(name)}"
    if rights is not None:
        said += f", permissions: {json.dumps(rights)}"
    return "      { " + said + " }"


def written_down(passwords: Mapping[str, str] | None) -> list[str]:
    return [
        f"{password_variable(user)}: {json.dumps(secret)}"
        for user, secret in (passwords or {}).items()
    ]


def password_variable(user: str) -> str:
    return "NATS_PASSWORD_" + "".join(c if c.isalnum() else "_" for c in user).upper()


async def set_up(url: str, password: str, subscribers: Iterable[str], *, user: str = ADMIN) -> None:
    """Make or bring up to date every stream and durable; harmless when repeated."""
    broker = await connected(url, user, password)
    try:
        js = broker.jetstream(timeout=ANSWER_SECONDS)
        for context in PUBLISHERS:
            await ensure_stream(js, context)
        for each in LISTENINGS:
            await ensure_durable(js, stream_name(each.to), each.service, each.types)
        for subscriber in subscribers:
            for context in PUBLIC_STREAMS:
                await ensure_durable(js, stream_name(context), subscriber, None)
    finally:
        await broker.close()


async def connected(url: str, user: str, password: str) -> Client:
    """A broker that has just been started, on a machine that starts much else, is waited for."""
    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            return await nats.connect(
                url,
                user=user,
                password=password,
                connect_timeout=5,
                allow_reconnect=False,
                max_reconnect_attempts=1,
                error_cb=say_nothing,  # the exception says it
            )
        except (OSError, nats.errors.Error) as refused:
            if "uthorization" in str(refused) or time.monotonic() > deadline:
                raise
            await asyncio.sleep(1)


async def say_nothing(_: Exception) -> None:
    """Without it nats-py prints tracebacks."""


async def ensure_stream(js: JetStreamContext, context: str) -> None:
    config = StreamConfig(
        name=stream_name(context),
        subjects=[f"{context}.>"],
        retention=RetentionPolicy.LIMITS,
        storage=StorageType.FILE,
        max_age=0,
        duplicate_window=DEDUPLICATION_SECONDS,
    )
    try:
        await js.update_stream(config)
    except NotFoundError:
        await js.add_stream(config)


async def ensure_durable(
    js: JetStreamContext, stream: str, name: str, types: Iterable[str] | None
) -> None:
    """A pull consumer from the first event on; `types` None means every event of the stream."""
    filters = [f"{each}.*" for each in types] if types is not None else None
    await js.add_consumer(
        stream,
        ConsumerConfig(
            name=name,
            durable_name=name,
            filter_subjects=filters,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=ACK_SECONDS,
            max_ack_pending=TAKEN_MOST,
        ),
    )


async def reset_durable(js: JetStreamContext, stream: str, name: str, position: int) -> None:
    """It hands out again what stands at this position of the stream, and all behind it."""
    await js._api_request(
        f"$JS.API.CONSUMER.RESET.{stream}.{name}",
        json.dumps({"seq": position}).encode(),
        timeout=ANSWER_SECONDS,
    )


class SetUpSettings(CommonSettings):
    """What the set-up step needs to know, where the launcher does not take it."""

    nats_url: str = Field(
        "nats://127.0.0.1:4222", pattern=BROKER_ADDRESS, description="The broker."
    )
    nats_admin_password: SecretStr = Field(description="Of NATS's admin user.")
    subscribers: str = Field("subscriber", description="Other systems, separated by commas.")

    @property
    def other_systems(self) -> list[str]:
        return [name.strip() for name in self.subscribers.split(",") if name.strip()]


def main() -> None:
    """`python -m chassis.streams` is the set-up step of containers."""
    try:
        settings = read(SetUpSettings)
        password = settings.nats_admin_password.get_secret_value()
        asyncio.run(set_up(settings.nats_url, password, settings.other_systems))
    except WrongSettings as wrong:
        sys.exit(f"messaging: {wrong}")
    except JetStreamError as refused:
        sys.exit(f"messaging: NATS refuses the streams and durables: {refused!r}")
    except (OSError, nats.errors.Error) as unreachable:
        sys.exit(f"messaging: {of_broker(unreachable, 'GUICHET_NATS_ADMIN_PASSWORD')}")


if __name__ == "__main__":
    main()
