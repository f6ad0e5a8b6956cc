"""`docker compose` with Guichet's file: what the launcher and the tests ask of it."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from local.launcher.machine.processes import CannotStart, wait_until
from local.launcher.settings import ROOT

DOCKER = [shutil.which("docker") or "docker"]
FOLDER = ROOT / "deploy"
FILE = FOLDER / "docker-compose.yml"


class Replica(NamedTuple):
    """One container of a service."""

    id: str
    name: str
    state: str
    health: str

    @property
    def is_ready(self) -> bool:
        return self.state == "running" and self.health in {"healthy", ""}


def require_docker() -> None:
    """Docker with Compose v2, and an engine that answers."""
    try:
        docker("compose", "version")
        docker("version")
    except (FileNotFoundError, CannotStart) as missing:
        raise CannotStart(
            f"Docker with Compose v2 and a running engine are needed: {missing}"
        ) from None


class Compose:
    """One installation: a project of Compose, with its settings."""

    def __init__(
        self,
        project: str = "",
        *,
        env_file: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """Without more, the one that `docker compose` itself means."""
        self.command = [*DOCKER, "compose", "--file", str(FILE)]
        if project:
            self.command += ["--project-name", project]
        if env_file:
            self.command += ["--env-file", str(env_file)]
        self.environment = dict(os.environ if environment is None else environment)

    def run(
        self, *arguments: str, typed: str | None = None, seconds: float = 900
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.command, *arguments],
            cwd=ROOT, env=self.environment, input=typed, capture_output=True, text=True,
            check=False, timeout=seconds,
        )  # fmt: skip

    def checked(self, *arguments: str, **options: Any) -> str:
        """Its standard output. Raises `CannotStart` with the last lines of a command that fails."""
        done = self.run(*arguments, **options)
        if done.returncode:
            output = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
            raise CannotStart(f"docker compose {arguments[0]} failed:\n{output}")
        return done.stdout

    def containers(self, *services: str) -> list[dict[str, Any]]:
        """As `docker compose ps` lists them, without those that `docker compose run` started."""
        listed = self.checked("ps", "--all", "--format", "json", *services)
        found = map(json.loads, listed.splitlines())
        return [each for each in found if ONE_OFF_LABEL not in each.get("Labels", "")]

    def replicas(self, service: str) -> list[Replica]:
        """Those that run or should run; oldest first."""
        replicas = [
            Replica(each["ID"], each["Name"], each["State"], each["Health"])
            for each in self.containers(service)
        ]
        return sorted(replicas, key=lambda replica: int(replica.name.rpartition("-")[2]))

    def scale(self, service: str, number: int) -> None:
        """Those that are there stay as they are."""
        self.checked(
            "up",
            "--detach",
            "--no-deps",
            "--no-recreate",
            "--scale",
            f"{service}={number}",
            service,
        )

    def wait_for(self, service: str, number: int) -> None:
        """Wait until so many replicas are ready."""

        def ready() -> bool:
            return sum(replica.is_ready for replica in self.replicas(service)) >= number

        if not wait_until(ready, READY_SECONDS, pause=1):
            found = [
                f"{each.name}: {each.state} {each.health} {last_check(each)}".strip()
                for each in self.replicas(service)
            ]
            raise CannotStart(
                f"{service} is not ready after {READY_SECONDS:.0f} s: {', '.join(found)}"
            )

    def roll(self, service: str, report: Any = lambda _: None) -> None:
        """Put new replicas beside the old ones, then let the old ones leave, one after the other."""
        old = self.replicas(service)
        if not old:
            raise CannotStart(f"{service} does not run.")
        migrated = False
        try:
            report("starting new replicas")
            self.scale(service, 2 * len(old))
            if f"migrate-{service}" in self.checked("config", "--services").split():
                report("migrating its database")
                self.checked("run", "--rm", "--no-deps", f"migrate-{service}")
                migrated = True
            self.wait_for(service, 2 * len(old))
        except BaseException as failed:  # Ctrl-C, too
            # What is left would be taken for old next time.
            remaining = {each.id for each in old}
            self.remove([each for each in self.replicas(service) if each.id not in remaining])
            if migrated and isinstance(failed, CannotStart):
                raise CannotStart(f"{failed}\n{MIGRATED_HINT.format(service=service)}") from None
            raise
        time.sleep(DISCOVERY_SECONDS)
        report("stopping the old ones")
        self.remove(old)

    def remove(self, replicas: Sequence[Replica]) -> None:
        """Each finishes what it does."""
        for replica in replicas:
            docker("stop", replica.id)
            docker("rm", "--force", "--volumes", replica.id)


ONE_OFF_LABEL = "com.docker.compose.oneoff=True"
READY_SECONDS = 180.0
MIGRATED_HINT = (
    "The database of {service} has been migrated, and its new replicas were removed again: the old"
    " ones are not ready if the schema is newer than they know (./guichet compose status). Mend what"
    " is shown above and run `roll` again, or restore the backup from before (docs/operations.md)."
)
DISCOVERY_SECONDS = 3  # after which the gateway has seen a new replica healthy


def last_check(replica: Replica) -> str:
    """The last output of its health check, with the reasons."""
    form = "{{if .State.Health}}{{range .State.Health.Log}}{{.Output}}{{end}}{{end}}"
    output = docker("inspect", "--format", form, replica.id).strip().splitlines()
    return output[-1] if output and not replica.is_ready else ""


def docker(*arguments: str, seconds: float = 120) -> str:
    done = subprocess.run(
        [*DOCKER, *arguments], capture_output=True, text=True, check=False, timeout=seconds
    )
    if done.returncode:
        raise CannotStart(f"docker {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout
