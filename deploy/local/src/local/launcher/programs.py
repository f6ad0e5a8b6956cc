"""Packages of ours as programs: a service, the web, a command of theirs."""

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from local.launcher.machine.preloader import Preloader
from local.launcher.machine.preloading import Program
from local.launcher.machine.processes import Forked, Process
from local.launcher.machine.servers import answers


class Service(Process):
    """A service or the web: a package of ours that serves HTTP and says when it is ready."""

    def __init__(
        self,
        package: str,
        port: int,
        log: Path,
        environment: dict[str, str],
        *,
        reloads: bool = False,
        preloader: Preloader | None = None,
    ) -> None:
        """With a `preloader` it is forked, which is faster and shares memory."""
        self.port, self.preloader = port, preloader
        address = ["--host", "127.0.0.1", "--port", str(port)]
        self.arguments = ["serve", *address]
        own = [*python(package), *self.arguments]
        reloading = [*python("local.workshop.reload.reloading"), package, *address]
        super().__init__(package, reloading if reloads else own, log, environment=environment)

    def begin(self, log: IO[bytes]) -> subprocess.Popen[bytes] | Forked:
        environment = self.environment or {}
        if self.preloader is None or not self.preloader.can_become(environment):
            return self.spawn(log)
        program = Program(package=self.name, arguments=self.arguments)
        return self.preloader.fork(program, log, environment) or self.spawn(log)

    def is_ready(self) -> bool:
        return answers(self.port, "/health/ready")


def python(package: str) -> list[str]:
    """A package of ours as a program; -P: whatever lies in the current folder is not ours."""
    return [sys.executable, "-P", "-m", package]


def begin(package: str, *arguments: str, environment: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*python(package), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def stop_all(processes: Iterable[Process]) -> None:
    processes = list(processes)
    for process in processes:
        process.ask_to_stop()
    for process in processes:
        process.stop()
