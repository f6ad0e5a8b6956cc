"""Settings, read from environment variables with one prefix and checked at start."""

import json
import os
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)


def check_time_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as unknown:
        raise ValueError(f"{name} is not a time zone of the IANA database") from unknown
    return name


def check_database_url(url: SecretStr) -> SecretStr:
    """By its form; web knows these settings and has no SQLAlchemy to ask."""
    try:
        parts = urlsplit(url.get_secret_value())
        is_whole = bool(parts.hostname and parts.path.strip("/") and parts.port != 0)
    except ValueError:  # of the port
        is_whole = False
    if not is_whole or parts.scheme != "postgresql+psycopg":
        raise ValueError("not of the form postgresql+psycopg://role:password@host:port/database")
    return url


DatabaseUrl = Annotated[SecretStr, AfterValidator(check_database_url)]


def listed(value: object) -> object:
    """Read here and not by pydantic-settings, whose complaint names no variable."""
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("not a list of seconds, such as [1, 5, 30]") from None


Pauses = Annotated[
    tuple[Annotated[float, Field(ge=0)], ...], NoDecode, BeforeValidator(listed)
]  # in seconds

PREFIX = "GUICHET_"
WEB_ADDRESS, BROKER_ADDRESS = r"^https?://\S+$", r"^(nats|tls)://\S+$"


class SecretFiles(PydanticBaseSettingsSource):
    """`GUICHET_X_FILE` names a file that holds `GUICHET_X`: how containers get their secrets."""

    def get_field_value(
        self,
        field: FieldInfo,  # noqa: ARG002 - pydantic-settings fixes the signature
        field_name: str,
    ) -> tuple[Any, str, bool]:
        variable = f"{PREFIX}{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if not path:
            return None, field_name, False
        try:
            # An empty file is a secret that has not been filled in yet.
            return Path(path).read_text(encoding="utf-8").strip() or None, field_name, False
        except (OSError, UnicodeDecodeError) as unreadable:
            raise SettingsError(f"{variable}: {path} cannot be read: {unreadable}") from unreadable

    def __call__(self) -> dict[str, Any]:
        values = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in values.items() if value is not None}


class CommonSettings(BaseSettings):
    """Settings of every process."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not a source here
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - not a source here
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFiles(settings_cls)

    host: str = Field(
        "127.0.0.1", description="The address this process listens on. In a container: 0.0.0.0."
    )
    port: int = Field(8000, ge=1, le=65535, description="The TCP port this process listens on.")
    internal_url: str = Field(
        "http://127.0.0.1:8081",
        pattern=WEB_ADDRESS,
        description="The gateway's internal entry point, through which web and services call each"
        " other.",
    )
    public_url: str = Field(
        "http://localhost:8080",
        pattern=WEB_ADDRESS,
        description="The address at which browsers reach Guichet. Links in mails and tokens are made"
        " with it; `https://` also restricts cookies to TLS.",
    )
    time_zone: Annotated[str, AfterValidator(check_time_zone)] = Field(
        "Europe/Paris",
        description="The shop's time zone (an IANA name): decides what « today » is and how times are"
        " shown.",
    )
    language: str = Field(
        "fr",
        pattern=r"^[a-z]{2,3}$",
        description="The language for people who have chosen none: `fr` or `en`. Before sign-in pages"
        " are in the browser's language.",
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO",
        description="The lowest level that is logged: `DEBUG`, `INFO`, `WARNING` or `ERROR`. `DEBUG`"
        " only for a while: it logs much more.",
    )
    mail: bool = Field(
        False,
        description="Whether a mail server is set up. If true, links are sent by mail, a customer's new"
        " address must be confirmed, and people get mails about answers. The same value"
        " everywhere.",
    )
    traces_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="The OTLP/HTTP collector that traces are sent to, such as"
        " `http://collector:4318/v1/traces`. Empty: no traces are recorded.",
    )
    traces_share: float = Field(
        1,
        ge=0,
        le=1,
        description="The share of traces that are recorded, from 0 to 1, unless the caller has already"
        " decided. Lower it if the collector is overloaded.",
    )
    drain_seconds: float = Field(
        0,
        ge=0,
        description="Seconds during which a stopping process reports « not ready » but still answers,"
        " so that the gateway stops sending it requests. Set it longer than the gateway's health"
        " check interval, or to 0 if there is only one replica.",
    )
    graceful_seconds: int = Field(
        10,
        ge=0,
        description="Seconds that a stopping process then waits for requests to end. Set it shorter than"
        " the time after which whatever started it kills it.",
    )

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class ServiceSettings(CommonSettings):
    """Further settings of a service with a database and events."""

    service: str = Field(description="The name of the context; each service sets its own.")
    database_url: DatabaseUrl = Field(
        description="The address of this service's database, with the role that cannot change the schema:"
        " `postgresql+psycopg://user:password@host:port/database`."
    )
    migration_url: DatabaseUrl | None = Field(
        None,
        description="The same database, with the role that owns the tables; used by `migrate` only. Empty:"
        " `GUICHET_DATABASE_URL` is used.",
    )
    pool_size: int = Field(
        5, ge=1, description="Database connections that each process keeps open."
    )
    pool_overflow: int = Field(
        5,
        ge=0,
        description="Database connections that each process may open beyond those under load. The sum over"
        " all processes must stay below PostgreSQL's max_connections.",
    )
    pool_seconds: float = Field(
        2,
        gt=0,
        description="Seconds a request waits for a free connection before it is refused with 503"
        " `busy`.",
    )
    nats_url: str = Field(
        "nats://127.0.0.1:4222",
        pattern=BROKER_ADDRESS,
        description="The address of the NATS server; separate several by commas.",
    )
    nats_user: str = Field("", description="The name of this service's NATS user.")
    nats_password: SecretStr = Field(SecretStr(""), description="That user's password.")
    relay: bool = Field(
        True,
        description="Whether this process publishes the service's events to NATS. Set it to false only if"
        " another process of the service does.",
    )
    consumer: bool = Field(
        True,
        description="Whether this process handles events from NATS. Set it to false only if another"
        " process of the service does.",
    )
    outbox_poll_seconds: float = Field(
        5,
        gt=0,
        description="Seconds between two checks of the outbox when PostgreSQL sends no notification. An"
        " event whose notification was lost is published so much later at most.",
    )
    events_keep_days: int = Field(
        30,
        ge=2,
        description="Days for which published and handled events stay in the service's database. Older"
        " ones can still be published again: `republish` rebuilds them from the tables.",
    )
    events_personal_hours: int = Field(
        24,
        ge=1,
        description="Hours for which published events that contain names and addresses stay in the"
        " service's database.",
    )
    consumer_batch: int = Field(
        100, ge=1, description="The maximum number of events that are handled in one transaction."
    )
    retry_seconds: Pauses = Field(
        (1, 5, 30, 120, 600),
        description="Seconds to wait before each further try to handle an event that failed. After the"
        " last try it becomes a dead letter (`dead-letters list`).",
    )

    @property
    def dsn(self) -> str:
        """The database's address as psycopg takes it, for connections beside the pool."""
        return self.database_url.get_secret_value().replace("+psycopg", "", 1)


S = TypeVar("S", bound=BaseSettings)


class WrongSettings(Exception):
    """One line for each setting that is missing or wrong, with its name."""


def read(settings: type[S]) -> S:
    """From the environment and the files that it names, or raise WrongSettings."""
    try:
        return settings()
    except SettingsError as unreadable:
        raise WrongSettings(str(unreadable)) from unreadable
    except ValidationError as wrong:
        lines = [complaint(str(e["loc"][0]), e["type"], e["msg"]) for e in wrong.errors()]
        raise WrongSettings("\n".join(lines)) from wrong


def complaint(name: str, type: str, message: str) -> str:
    variable = f"{PREFIX}{name.upper()}"
    if type == "missing":
        return f"{variable} is missing: set it, or {variable}_FILE to a file that holds it"
    return f"{variable}: {message}"
