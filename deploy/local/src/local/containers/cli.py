"""`./guichet compose`: Guichet in containers, made ready, looked at, renewed part by part."""

import os
from pathlib import Path
from typing import Annotated

import typer

from local.containers.engine import FOLDER, Compose, require_docker
from local.containers.secrets import SMTP_PASSWORD, SecretFiles
from local.containers.settings import ComposeSettings
from local.launcher.screen import Steps, console, say
from local.launcher.settings import ROOT, SERVICES

cli = typer.Typer(
    no_args_is_help=True, help="Guichet in containers: make it ready, look at it, renew a part."
)


@cli.command()
def init(
    folder: Annotated[
        Path, typer.Option(help="Where .env is; beside docker-compose.yml, it is found by itself.")
    ] = FOLDER,
) -> None:
    """Write the settings (.env, explained) and the secrets (files for one user's eyes).

    Harmless when repeated: what is there stays, what is missing is added, what follows from the
    settings is brought up to date. A setting may be given as a variable of the environment.
    """
    file = folder / ".env"
    is_new = not file.exists()
    settings, own = ComposeSettings.read(file)
    folder.mkdir(parents=True, exist_ok=True)
    settings.write(file, own)
    file.chmod(0o600)
    secrets = SecretFiles(folder / settings.GUICHET_SECRETS, settings)
    made = secrets.make()

    console.print(f"✓ {shown(file)}: {'made' if is_new else 'brought up to date'}")
    console.print(f"✓ {shown(secrets.folder)}: {len(made)} files written")
    if {"nats-config", "door-config"} & {*made} and not is_new:
        door = " door" if "door" in settings.COMPOSE_PROFILES else ""
        say(
            f"NATS has new users or rights; if it runs: docker compose restart nats messaging{door}"
        )
    if settings.GUICHET_TLS == "files" or "door" in settings.COMPOSE_PROFILES:
        for name in ("certificate.pem", "key.pem"):
            if not (secrets.folder / "tls" / name).exists():
                say(f"Missing: {shown(secrets.folder / 'tls' / name)}")
    if settings.GUICHET_SMTP_USER and not secrets[SMTP_PASSWORD]:
        say(
            f"Empty: {shown(secrets.folder / SMTP_PASSWORD)}, the password of {settings.GUICHET_SMTP_USER}"
        )
    if is_new:
        say("\nNext:\n  docker compose -f deploy/docker-compose.yml up -d --build\n"
            "  docker compose -f deploy/docker-compose.yml run --rm identity staff add "
            "--role administrator --email ... --first-name ... --last-name ...")  # fmt: skip


def shown(path: Path) -> str:
    path = Path(os.path.abspath(path))  # noqa: PTH100 - without following links
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


@cli.command()
def status(
    project: Annotated[str, typer.Option(help="Another one's name.")] = "",
) -> None:
    """Whether each container is ready, or why not; its work, its queues, its memory."""
    from local.containers import condition as compose_condition  # noqa: PLC0415 - only needed here
    from local.launcher.watching import condition  # noqa: PLC0415 - only needed here

    require_docker()
    found = compose_condition.of(Compose(project))
    condition.show(found)
    if not all(each.is_well for each in found):
        raise typer.Exit(1)


@cli.command()
def roll(
    part: Annotated[str, typer.Argument(help="A service or web, whose image was rebuilt.")],
) -> None:
    """Renew all replicas of one part while it goes on answering.

    New ones start beside the old ones; once they are ready, each old one finishes what it does.
    """
    if part not in (*SERVICES, "web"):
        raise typer.BadParameter(f"one of {', '.join((*SERVICES, 'web'))}")
    require_docker()
    with Steps() as steps, steps.step(f"renewing {part}") as step:
        Compose().roll(part, step.report)
