"""The settings of the containers, in .env, each with its explanation."""

import ipaddress
import os
import textwrap
from email.utils import parseaddr
from pathlib import Path
from typing import Literal, Self

from dotenv import dotenv_values
from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from chassis.messaging import streams
from local.launcher.machine.processes import CannotStart
from local.launcher.settings import SERVICES

HEAD = """\
# The settings of Guichet's containers, read by `docker compose`. Made by `./guichet compose init`,
# which keeps what you change here and adds what is new. After a change: `./guichet compose init`
# again, then `docker compose -f deploy/docker-compose.yml up -d`.
"""
CONNECTIONS_BESIDE_THE_POOL = 2  # one that the relay holds, one that listens for notifications
CONNECTIONS_OF_OPERATORS = 8  # a backup, a migration, psql, and those that PostgreSQL reserves
OWN = "# Yours: not known to this version of Guichet.\n"


class ComposeSettings(BaseModel, extra="forbid", validate_default=True):
    """In the order of their importance; the names are those of the variables."""

    GUICHET_PUBLIC_URL: str = Field(
        "http://localhost:8080",
        pattern=r"^https?://[^/\s]+$",
        description="The address at which browsers reach Guichet. With https:// cookies are sent over"
        " TLS only.",
    )
    GUICHET_LISTEN: str = Field(
        "127.0.0.1",
        description="The address of this machine on which the gateway's public port is published;"
        " 0.0.0.0 for all networks. Nothing else is published.",
    )
    GUICHET_PORT: int = Field(
        8080, ge=1, le=65535, description="The gateway's public port. Usually 443 with TLS."
    )
    GUICHET_TLS: Literal["off", "files", "acme"] = Field(
        "off",
        description="How the gateway serves TLS: `off` (plain HTTP; another proxy may add TLS), `files`"
        " (certificate.pem with its chain and key.pem in the tls/ folder of the secrets), `acme`"
        " (a certificate from Let's Encrypt, requested and renewed automatically; set GUICHET_PORT"
        " to 443, and have the domain of GUICHET_PUBLIC_URL resolve to this machine).",
    )
    GUICHET_HSTS_SUBDOMAINS: Literal["false", "true"] = Field(
        "false",
        description="With TLS: whether browsers must use TLS for all subdomains of GUICHET_PUBLIC_URL,"
        " too, for a year (HSTS includeSubDomains). Only set it if no subdomain serves plain"
        " HTTP: browsers remember it for the whole year.",
    )
    GUICHET_ACME_EMAIL: str = Field(
        "",
        pattern=r"^([^@\s]+@[^@\s]+)?$",
        description="For `acme`: the address that the certificate authority writes to.",
    )
    GUICHET_ACME_SERVER: str = Field(
        "https://acme-v02.api.letsencrypt.org/directory",
        pattern=r"^https://\S+$",
        description="For `acme`: the certificate authority. For tests, use Let's Encrypt's staging"
        " server.",
    )
    GUICHET_REQUESTS_PER_SECOND: int = Field(
        200,
        ge=1,
        description="Requests per second from one browser address, with bursts of twice as many; beyond"
        " that the gateway answers 429. A whole shop may share one address.",
    )
    GUICHET_TRUSTED_PROXIES: str = Field(
        "",
        description="Addresses or networks of proxies in front of Guichet, separated by commas. They"
        " must append the browser's address to X-Forwarded-For, which is then used for rate"
        " limits and shown with sessions; from any other address the header is dropped."
        " Empty: there is no proxy.",
    )
    GUICHET_TIME_ZONE: str = Field(
        "Europe/Paris",
        description="The shop's time zone (an IANA name): decides what « today » is and how times are"
        " shown.",
    )
    GUICHET_LOG_LEVEL: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="The lowest level that services log: DEBUG, INFO, WARNING or ERROR."
    )
    GUICHET_SMTP_HOST: str = Field(
        "",
        pattern=r"^[A-Za-z0-9.:-]*$",
        description="The host name of the mail server that delivers Guichet's mail. Empty: no mail is"
        " sent, and passwords are handed over at the counter.",
    )
    GUICHET_SMTP_PORT: int = Field(
        587,
        ge=1,
        le=65535,
        description="The port of the mail server: 587 with `starttls`, 465 with `tls`.",
    )
    GUICHET_SMTP_TLS: Literal["starttls", "tls", "none"] = Field(
        "starttls",
        description="How the connection to the mail server is encrypted: `starttls`, `tls` (from the"
        " first byte) or `none` (only inside a network of your own).",
    )
    GUICHET_SMTP_USER: str = Field(
        "",
        description="The account at the mail server. Empty: no authentication. Its password goes into"
        " the file notifications-smtp-password of the secrets.",
    )
    GUICHET_MAIL_SENDER: str = Field(
        "",
        description="The From header of all mails, such as `Guichet <guichet@example.org>`. Its domain"
        " must allow the mail server to send for it (SPF, DKIM).",
    )
    GUICHET_MAIL_WITH_TEXT: Literal["false", "true"] = Field(
        "false",
        description="Whether mails contain the text of an answer, or only say that there is one."
        " Internal notes are never in a mail.",
    )
    GUICHET_MAIL_ACKNOWLEDGE: Literal["false", "true"] = Field(
        "false",
        description="Whether customers who open a request get a mail that confirms it.",
    )
    GUICHET_MAIL_PER_MINUTE: int = Field(
        60,
        ge=1,
        description="The most mails that are sent in a minute, by all replicas together. Set it to what"
        " the mail server accepts.",
    )
    GUICHET_TRACES_URL: str = Field(
        "",
        pattern=r"^(https?://[^\s|]+)?$",
        description="The OTLP/HTTP collector that traces are sent to, reachable from the containers,"
        " such as http://collector:4318/v1/traces. Empty: no traces are recorded.",
    )
    GUICHET_TRACES_SHARE: float = Field(
        1, ge=0, le=1, description="The share of traces that are recorded, from 0 to 1."
    )
    GUICHET_SUBSCRIBERS: str = Field(
        "subscriber",
        description="Names of other systems that may read events, separated by commas. Each gets its"
        " own user of NATS and durable consumers; its password is in the file nats-<name> of"
        " the secrets.",
    )
    GUICHET_CLAMD: str = Field(
        "",
        pattern=r"^(\S+:[0-9]+)?$",
        description="The virus scanner (clamd) that checks each file, as host:port; `clamd:3310` for the"
        " one of the profile `clamd`. Empty: files are not scanned.",
    )
    COMPOSE_PROFILES: str = Field(
        "",
        description="Optional parts to switch on, separated by commas: `door` (NATS over TLS for other"
        " systems, with the certificate of the tls/ folder), `redirect` (redirects plain HTTP to"
        " https on port 443), `clamd` (Debian's virus scanner, which needs about 1.5 GiB of memory; also"
        " set GUICHET_CLAMD=clamd:3310).",
    )
    GUICHET_DOOR_LISTEN: str = Field(
        "127.0.0.1",
        description="For `door`: the address of this machine on which its port is published.",
    )
    GUICHET_DOOR_PORT: int = Field(4222, ge=1, le=65535, description="For `door`: the port.")
    GUICHET_REDIRECT_PORT: int = Field(
        80, ge=1, le=65535, description="For `redirect`: the port that answers plain HTTP."
    )
    GUICHET_IDENTITY_REPLICAS: int = Field(
        1,
        ge=1,
        description="How many replicas of identity run. Here and below: `docker compose … up -d` starts or"
        " stops replicas to match.",
    )
    GUICHET_CATALOG_REPLICAS: int = Field(1, ge=1, description="How many replicas of catalog run.")
    GUICHET_SALES_REPLICAS: int = Field(1, ge=1, description="How many replicas of sales run.")
    GUICHET_TICKETS_REPLICAS: int = Field(1, ge=1, description="How many replicas of tickets run.")
    GUICHET_NOTIFICATIONS_REPLICAS: int = Field(
        1, ge=1, description="How many replicas of notifications run."
    )
    GUICHET_WEB_REPLICAS: int = Field(1, ge=1, description="How many replicas of web run.")
    GUICHET_POSTGRES_CONNECTIONS: int = Field(
        200,
        ge=20,
        description="PostgreSQL's max_connections. Raise it with the number of replicas:"
        " docs/operations.md has the formula.",
    )
    GUICHET_POOL_SIZE: int = Field(
        5, ge=1, description="Connections to PostgreSQL that each replica of a service keeps open."
    )
    GUICHET_POOL_OVERFLOW: int = Field(
        5,
        ge=0,
        description="Connections that each replica of a service may open beyond GUICHET_POOL_SIZE under"
        " load. `init` refuses a value with which all replicas together could exceed"
        " GUICHET_POSTGRES_CONNECTIONS.",
    )
    GUICHET_NATS_SYNC: str = Field(
        "always",
        pattern=r"^(always|[1-9][0-9]*(ms|s|m))$",
        description="When NATS syncs events to the disk: `always` (before it acknowledges them) or at"
        " an interval such as 10s, which is faster. Events that a power cut loses in between"
        " are published again by the services.",
    )
    GUICHET_NATS_STORE: str = Field(
        "10GB",
        pattern=r"^[1-9][0-9]*(MB|GB|TB)$",
        description="The maximum disk space that NATS may use for events.",
    )
    GUICHET_VERSION: str = Field(
        "latest",
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$",
        description="The tag of Guichet's images, both built and run.",
    )
    GUICHET_SECRETS: str = Field(
        "./secrets", description="The folder of the secrets, relative to docker-compose.yml."
    )
    GUICHET_UID: int = Field(
        10001,
        ge=0,
        description="The user id that processes in the containers run with. It owns the files of the"
        " secrets, which no other user may read. `init` sets it to the id of whoever runs it,"
        " or for root to one that no user of this machine has.",
    )
    GUICHET_GID: int = Field(10001, ge=0, description="The group id of that user.")
    GUICHET_DOCKER_SOCKET: str = Field(
        "/var/run/docker.sock",
        description="The socket of the Docker engine, from which the gateway gets the addresses of"
        " replicas.",
    )

    @field_validator("GUICHET_TRUSTED_PROXIES")
    @classmethod
    def addresses(cls, proxies: str) -> str:
        """In the form that Traefik accepts; with any other it does not start."""
        if "%" in proxies:
            raise ValueError("an address with a zone (%) cannot name a proxy")
        named = filter(None, map(str.strip, proxies.split(",")))
        return ",".join(str(ipaddress.ip_network(proxy, strict=False)) for proxy in named)

    @field_validator("GUICHET_SUBSCRIBERS")
    @classmethod
    def check_names(cls, names: str) -> str:
        return ",".join(streams.other_systems(names))

    @field_validator("GUICHET_POOL_OVERFLOW")
    @classmethod
    def check_connections(cls, overflow: int, info: ValidationInfo) -> int:
        """While the part with the most replicas is being replaced, two of each of them run."""
        given = info.data
        names = [f"GUICHET_{service.upper()}_REPLICAS" for service in SERVICES]
        if not {*names, "GUICHET_POOL_SIZE", "GUICHET_POSTGRES_CONNECTIONS"} <= given.keys():
            return overflow  # an invalid one is reported already
        replicas = [given[name] for name in names]
        each = given["GUICHET_POOL_SIZE"] + overflow + CONNECTIONS_BESIDE_THE_POOL
        most = (sum(replicas) + max(replicas)) * each
        room = given["GUICHET_POSTGRES_CONNECTIONS"] - CONNECTIONS_OF_OPERATORS
        if most > room:
            raise ValueError(
                f"{sum(replicas)} replicas, with those added during a rolling update, open up to"
                f" {most} connections, and PostgreSQL has {room} for them: fewer replicas, smaller"
                " pools, or a greater GUICHET_POSTGRES_CONNECTIONS"
            )
        return overflow

    @field_validator("GUICHET_MAIL_SENDER")
    @classmethod
    def needed_for_mail(cls, sender: str, info: ValidationInfo) -> str:
        _, address = parseaddr(sender)
        name, _, domain = address.rpartition("@")
        if (sender or info.data.get("GUICHET_SMTP_HOST")) and not (name and "." in domain):
            raise ValueError("with a mail server, write it as Guichet <guichet@example.org>")
        return sender

    @classmethod
    def read(cls, file: Path) -> tuple[Self, dict[str, str]]:
        """The settings, and further lines of the file; the environment overrides the file."""
        written = {k: v for k, v in dotenv_values(file).items() if v is not None}
        names = cls.model_fields
        given = {n: os.environ[n] for n in names if n in os.environ}
        known = owner_of_secrets() | {n: v for n, v in written.items() if n in names} | given
        try:
            settings = cls.model_validate(known)
        except ValidationError as wrong:
            problems = "; ".join(f"{error['loc'][0]}: {error['msg']}" for error in wrong.errors())
            raise CannotStart(f"A setting is wrong. {problems}") from None
        return settings, {n: v for n, v in written.items() if n not in names}

    def write(self, file: Path, own: dict[str, str]) -> None:
        parts = [HEAD]
        for name, field in type(self).model_fields.items():
            explanation = textwrap.fill(
                field.description or "", 98, initial_indent="# ", subsequent_indent="# "
            )
            parts.append(f"{explanation}\n{name}={quoted(str(getattr(self, name)))}\n")
        if own:
            parts.append(OWN + "".join(f"{n}={quoted(v)}\n" for n, v in own.items()))
        file.write_text("\n".join(parts))

    @property
    def other_systems(self) -> list[str]:
        return streams.other_systems(self.GUICHET_SUBSCRIBERS)


def quoted(value: str) -> str:
    """In the form that Compose reads."""
    plain = all(character.isalnum() or character in "_-./:@,~+=" for character in value)
    return value if plain else "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


def owner_of_secrets() -> dict[str, str]:
    """The current user; for root the default, so that nothing in a container runs as root."""
    if os.geteuid() == 0:
        return {}
    return {"GUICHET_UID": str(os.geteuid()), "GUICHET_GID": str(os.getegid())}
