"""Generates nats-server's configuration: accounts, users and permissions."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from chassis.messaging.streams.rights import (
    ADMIN,
    API,
    API_FROM_OUTSIDE,
    SYSTEM,
    password_variable,
    permissions,
    rights_of_all,
    subject_outside,
)

STREAMS = "GUICHET"  # the account that the streams live in; the others are named as their users
# NATS remembers for as long where the events of a pull go: no pull may wait longer in silence.
LONGEST_PULL = "5m"


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
    """The broker's; `door` is where the server of `door_config` finds it.

    Passwords are read from NATS_PASSWORD_<USER> at its start, unless they are given to be
    written into it.
    """
    rights = rights_of_all(subscribers)
    return "\n".join(
        [
            *variables(passwords),
            f"listen: {json.dumps(listen)}",
            *([f"http: {json.dumps(monitor)}"] if monitor else []),
            *([f"leafnodes {{ listen: {json.dumps(door)} }}"] if door else []),
            "jetstream {",
            f"  store_dir: {json.dumps(store)}",
            f"  max_file_store: {max_file_store}",
            f"  sync_interval: {sync_interval}",
            "}",
            "accounts {",
            f"  {STREAMS} {{",
            "    jetstream: enabled",
            f"    users: [{user(ADMIN)}]",
            "    exports: [",
            *(f"      {json.dumps(each)}" for each in exports(rights)),
            "    ]",
            "  }",
            *(line for name, its in rights.items() for line in account(name, its, imports(its))),
            f"  SYSTEM {{ users: [{user(SYSTEM)}] }}",
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
    """A second server, for other systems only: TLS, their accounts and rights, no store.

    It stands between them and the broker, whose own port stays within: `inside` is the address
    that the broker's `door` listens on. What one of them asks it passes on under that one's name
    and password, into that one's account. `monitor` is where the health check asks, for nobody
    outside.
    """
    subscribers = list(subscribers)
    rights = rights_of_all(subscribers)
    return "\n".join(
        [
            *variables({each: passwords[each] for each in subscribers}),
            f"listen: {json.dumps(listen)}",
            f"http: {json.dumps(monitor)}",
            f"tls {{ cert_file: {json.dumps(certificate)}, key_file: {json.dumps(key)} }}",
            "leafnodes { remotes: [",
            *(f"  {json.dumps(remote(each, passwords[each], inside))}" for each in subscribers),
            "] }",
            "accounts {",
            *(line for each in subscribers for line in account(each, rights[each])),
            "}",
            "",
        ]
    )


def account(
    name: str, rights: Iterable[str], imported: Iterable[Mapping[str, Any]] = ()
) -> list[str]:
    """The account of one user, in which no other user's subjects exist."""
    return [
        f"  {json.dumps(name)} {{",
        f"    mappings: {json.dumps({f'{API}>': f'{API_FROM_OUTSIDE}>'})}",
        f"    users: [{user(name, permissions(name, rights))}]",
        "    imports: [",
        *(f"      {json.dumps(each)}" for each in imported),
        "    ]",
        "  }",
    ]


def exports(rights: Mapping[str, Iterable[str]]) -> list[dict[str, Any]]:
    """The requests to JetStream that other accounts may make, each by those that need it."""
    askers: dict[str, list[str]] = {}
    for name, its in rights.items():
        for right in its:
            askers.setdefault(right, []).append(name)
    return [
        {"service": right, "accounts": accounts, **(MANY if is_answered_often(right) else {})}
        for right, accounts in askers.items()
    ]


MANY = {"response_type": "stream", "response_threshold": LONGEST_PULL}


def is_answered_often(right: str) -> bool:
    """A pull, by as many events as it asks for; an acknowledgement may be a pull as well."""
    return right.startswith((f"{API}CONSUMER.MSG.NEXT.", "$JS.ACK."))


def imports(rights: Iterable[str]) -> list[dict[str, Any]]:
    return [
        {"service": {"account": STREAMS, "subject": right}, "to": subject_outside(right)}
        for right in rights
    ]


def remote(name: str, password: str, inside: str) -> dict[str, str]:
    return {
        "url": f"nats-leaf://{name}:{quote(password, safe='')}@{inside}",
        "account": name,
    }


def user(name: str, rights: Mapping[str, Any] | None = None) -> str:
    line = f"user: {json.dumps(name)}, password: ${password_variable(name)}"
    if rights is not None:
        line += f", permissions: {json.dumps(rights)}"
    return "{ " + line + " }"


def variables(passwords: Mapping[str, str] | None) -> list[str]:
    return [
        f"{password_variable(name)}: {json.dumps(secret)}"
        for name, secret in (passwords or {}).items()
    ]
