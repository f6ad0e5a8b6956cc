"""Write docs/settings.md: every setting of every part, from the classes that read them."""

from importlib import import_module

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from chassis.messaging.streams.command import SetUpSettings
from chassis.settings import PREFIX, CommonSettings, ServiceSettings
from local.containers.settings import ComposeSettings
from local.launcher.settings import ROOT, SERVICES, LocalSettings

PAGE = ROOT / "docs/settings.md"

HEAD = f"""# Settings

Generated from the code by `./guichet settings`; a test fails when this page is behind.

Every part reads its settings from environment variables that start with `{PREFIX}` when it starts;
a change takes effect at its next start. For each setting that is missing or invalid it prints one
line with the variable's name and exits with code 2. Each setting of a service or of web can also be
read from a file: append `_FILE` to the variable's name and give the path (containers get their
secrets this way). A setting without a default must be set.
"""

GATEWAY = """## The gateway, `gateway/`

What Traefik's files read. In containers Compose gives it to them, in the local stack the launcher.

| variable | default | what it does |
| --- | --- | --- |
| `GUICHET_SERVERS` | `file` | Where Traefik learns the addresses of web and the services: `file` (from the variables of the next line) or `docker` (from the Docker engine, with all replicas; Compose sets this). |
| `IDENTITY_URLS`, `CATALOG_URLS`, `SALES_URLS`, `TICKETS_URLS`, `NOTIFICATIONS_URLS`, `WEB_URLS` | none: must be given, for `file` | The address of each part, such as `http://10.0.0.5:8000`; several are separated by commas. |
| `GUICHET_TLS` | `off` | See the containers below. |
| `GUICHET_TLS_FOLDER` | `/etc/guichet/tls` | For `files`: the folder that holds certificate.pem and key.pem. |
| `GUICHET_HSTS_SUBDOMAINS` | `false` | See the containers below. |
| `GUICHET_PUBLIC_URL` | empty | For `acme`: the certificate is requested for its domain. |
| `GUICHET_REQUESTS_PER_SECOND` | `200` | See the containers below. |
| `GUICHET_TRUSTED_PROXIES` | empty | See the containers below. |
"""

SERVICES_ENV = """`deploy/services.env` is optional: it holds further settings of the services and of web, one
`GUICHET_…=value` a line. Every service gets all of them; where `deploy/.env` has the same name, its
value wins. `docker compose … up -d` recreates the containers whose settings changed.
`COMPOSE_PROJECT_NAME` in `deploy/.env` names another installation on the same Docker (default `guichet`).
"""


def write() -> None:
    PAGE.write_text(page(), encoding="utf-8")


def page() -> str:
    common, service = set(CommonSettings.model_fields), set(ServiceSettings.model_fields)
    sections = [
        section("Every process", CommonSettings, set()),
        section("Every service", ServiceSettings, common | {"service"}),
        *(section(name, settings_of(name), service) for name in SERVICES),
        section("web", settings_of("web"), common),
        section(
            "The set-up of messaging, `python -m chassis.messaging.streams`", SetUpSettings, common
        ),
        section("The launcher, `./guichet`", LocalSettings, set()),
        GATEWAY,
        section("The containers, `deploy/.env`", ComposeSettings, set()),
        SERVICES_ENV,
    ]
    return "\n".join([HEAD, *(found for found in sections if found)])


def settings_of(package: str) -> type[BaseSettings]:
    return import_module(f"{package}.settings").Settings


def section(title: str, settings: type[BaseModel], listed_before: set[str]) -> str:
    """A table of what this class adds; nothing where it adds nothing."""
    rows = [
        f"| `{variable(settings, name)}` | {default_of(field)} | {field.description or ''} |"
        for name, field in settings.model_fields.items()
        if name not in listed_before
    ]
    if not rows:
        return ""
    return "\n".join(
        [
            f"## {title}",
            "",
            "| variable | default | what it does |",
            "| --- | --- | --- |",
            *rows,
            "",
        ]
    )


def variable(settings: type[BaseModel], name: str) -> str:
    """The containers' settings have the names of their variables already."""
    return f"{PREFIX}{name.upper()}" if issubclass(settings, BaseSettings) else name


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "none: must be given"
    default = field.default
    if isinstance(default, SecretStr):
        default = default.get_secret_value()
    if default is None or default == "":
        return "empty"
    if isinstance(default, tuple):
        return "`[" + ", ".join(map(str, default)) + "]`"
    if isinstance(default, bool):
        return f"`{str(default).lower()}`"
    return f"`{str(default).replace(str(ROOT), 'the checkout')}`"
