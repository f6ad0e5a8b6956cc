"""The settings of the launcher: environment variables that start with GUICHET_."""

from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.messaging import streams
from contracts.topology import CONTEXTS
from local.launcher.machine.processes import CannotStart, free_port

ROOT = Path(__file__).resolve().parents[5]
SERVICES = CONTEXTS
PARTS_WITH_PORTS = {
    "gateway (public)": "port",
    "gateway (internal)": "internal_port",
    "PostgreSQL": "postgres_port",
    "NATS": "nats_port",
    "mail": "smtp_port",
    "web": "web_port",
    **{service: f"{service}_port" for service in SERVICES},
}


class LocalSettings(BaseSettings):
    """Ports (0: any free one), the state folder, and servers to use instead of starting them."""

    model_config = SettingsConfigDict(
        env_prefix="GUICHET_", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True
    )

    port: int = Field(
        8080,
        ge=0,
        le=65535,
        description="The port of the gateway's public entry point: what browsers use.",
    )
    internal_port: int = Field(
        8081,
        ge=0,
        le=65535,
        description="The port of the gateway's internal entry point, for web and services.",
    )
    postgres_port: int = Field(8054, ge=0, le=65535, description="The port of PostgreSQL.")
    nats_port: int = Field(8042, ge=0, le=65535, description="The port of NATS.")
    smtp_port: int = Field(
        8025,
        ge=0,
        le=65535,
        description="The port of the mail catcher; with `GUICHET_SMTP_HOST`, that mail server's port.",
    )
    web_port: int = Field(8100, ge=0, le=65535, description="The port of web.")
    identity_port: int = Field(8101, ge=0, le=65535, description="The port of identity.")
    catalog_port: int = Field(8102, ge=0, le=65535, description="The port of catalog.")
    sales_port: int = Field(8103, ge=0, le=65535, description="The port of sales.")
    tickets_port: int = Field(8104, ge=0, le=65535, description="The port of tickets.")
    notifications_port: int = Field(8105, ge=0, le=65535, description="The port of notifications.")

    state: Path = Field(
        ROOT / ".guichet",
        description="The folder of databases, streams, secrets and logs. `./guichet reset` empties it.",
    )
    assets: Path | None = Field(
        None,
        description="A folder with htmx, fonts and icons, to use instead of installing them with npm"
        " into node_modules.",
    )
    postgres_url: SecretStr | None = Field(
        None,
        description="An existing PostgreSQL server to use, with a superuser's credentials:"
        " `postgresql://user:password@host:port/database`. Empty: one is started.",
    )
    smtp_host: str = Field(
        "",
        description="A real mail server; its other settings are those of notifications. Empty: mail is"
        " caught in the state folder and delivered to nobody.",
    )
    public_url: str = Field(
        "",
        description="The address at which browsers reach Guichet. Empty: `http://localhost` and the"
        " public port.",
    )
    traces_url: str = Field(
        "",
        pattern=r"^(https?://\S+)?$",
        description="The OTLP/HTTP collector that services and the gateway send traces to. Empty: no"
        " traces are recorded.",
    )
    traces_share: float = Field(
        1, ge=0, le=1, description="The share of traces that are recorded, from 0 to 1."
    )
    subscribers: str = Field(
        "subscriber",
        description="Names of other systems that may read events, separated by commas.",
    )
    nats_store: str = Field(
        "10GB",
        pattern=r"^[1-9][0-9]*(KB|MB|GB|TB)$",
        description="The maximum disk space that NATS may use for events.",
    )

    @field_validator("subscribers")
    @classmethod
    def check_names(cls, names: str) -> str:
        return ",".join(streams.other_systems(names))

    @field_validator("state", "assets")
    @classmethod
    def absolute(cls, folder: Path | None) -> Path | None:
        """Relative to where the person stands, whatever folder the processes run in."""
        return folder.expanduser().absolute() if folder else None

    def model_post_init(self, _: object) -> None:
        for name in PARTS_WITH_PORTS.values():
            if getattr(self, name) == 0:
                setattr(self, name, free_port())
        if not self.public_url:
            self.public_url = f"http://localhost:{self.port}"

    @classmethod
    def read(cls) -> Self:
        """From the environment; a wrong value is one line that names its variable."""
        try:
            return cls()
        except ValidationError as wrong:
            problems = "; ".join(
                f"GUICHET_{str(error['loc'][0]).upper()}: {error['msg']}"
                for error in wrong.errors()
            )
            raise CannotStart(f"A setting is wrong. {problems}") from None

    @classmethod
    def on_free_ports(cls, state: Path) -> Self:
        """For tests, which run beside anything else and whose mail goes nowhere."""
        ports = dict.fromkeys(PARTS_WITH_PORTS.values(), 0)
        return cls.model_validate({**ports, "smtp_host": "", "state": state})

    @property
    def internal_url(self) -> str:
        return f"http://127.0.0.1:{self.internal_port}"

    @property
    def other_systems(self) -> list[str]:
        return streams.other_systems(self.subscribers)

    def port_of(self, part: str) -> int:
        return getattr(self, PARTS_WITH_PORTS[part])
