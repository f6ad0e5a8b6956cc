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

Every part reads its settings from environment variables that start with `{PREFIX}` and checks
them at its start: a missing or wrong one is one line that names it, and exit code 2. Of every
setting of a service or of the web there is a variant that ends in `_FILE` and names a file with
the value: that is how containers hand out secrets. A setting with no default must be given.
"""

GATEWAY = """## The gateway, `gateway/`

What Traefik's files read. In containers Compose gives it to them, in the local stack the launcher.

| variable | default | what it does |
| --- | --- | --- |
| `GUICHET_SERVERS` | `file` | Who knows where the parts listen: `file` (the next line), or `docker`, which Compose sets: the Docker engine, with as many replicas as there are. |
| `IDENTITY_URLS`, `CATALOG_URLS`, `SALES_URLS`, `TICKETS_URLS`, `NOTIFICATIONS_URLS`, `WEB_URLS` | none: must be given, for `file` | Where each part listens, such as `http://10.0.0.5:8000`; several are separated by commas. |
| `GUICHET_TLS` | `off` | As of the containers. |
| `GUICHET_TLS_FOLDER` | `/etc/guichet/tls` | For `files`: the folder of certificate.pem and key.pem. |
| `GUICHET_HSTS_SUBDOMAINS` | `false` | As of the containers. |
| `GUICHET_PUBLIC_URL` | empty | For `acme`: its domain is the certificate's. |
| `GUICHET_REQUESTS_PER_SECOND` | `200` | As of the containers. |
| `GUICHET_TRUSTED_PROXIES` | empty | As of the containers. |
"""

BESIDE = """`deploy/services.env`, which need not be there, holds further settings of the services and of the
web, a line `GUICHET_…=value` each. All of them are given all of it; of a name that `deploy/.env`
has too, the value there counts. `docker compose … up -d` makes those anew for whom it changed.
`COMPOSE_PROJECT_NAME` in `deploy/.env` names another installation on the same Docker; without: `guichet`.
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
        BESIDE,
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
