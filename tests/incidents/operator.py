"""The person who runs Guichet: looks at its status and logs, and types what the page says."""

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, Generator
from typing import Any

import httpx
import psycopg

from chassis.data.provisioning import on_database
from incidents.page import Row
from local.launcher.machine.processes import Process
from local.launcher.machine.supervise import Supervisor
from local.launcher.settings import LocalSettings
from local.launcher.stack import Stack
from local.launcher.watching import condition
from local.launcher.watching.figures import Figures
from waiting import eventually

WIDE = {"COLUMNS": "1000"}


class Operator:
    """Types commands while `./guichet up` runs, whose supervision this does as well."""

    def __init__(self, stack: Stack) -> None:
        self.screen: list[str] = []  # of `./guichet up`
        self.look_after(stack)

    def look_after(self, stack: Stack) -> None:
        self.stack = stack
        self.supervisor = Supervisor(stack.processes, self.screen.append, pauses=(0.2,))
        self.is_leaving = threading.Event()
        self.watching = threading.Thread(target=self.watch)
        self.watching.start()

    def watch(self) -> None:
        """As `./guichet up` does, until this one leaves."""
        while not self.is_leaving.wait(0.1):
            self.supervisor.look_and_tell(self.take_note)

    def leave(self) -> None:
        self.is_leaving.set()
        self.watching.join()
        self.stack.stop()

    def opens_again(self, **settings: str) -> None:
        """`./guichet down`, and `./guichet up` with other settings."""
        self.leave()
        known = self.stack.settings.model_dump() | settings
        stack = Stack(LocalSettings.model_validate(known))
        stack.start()
        self.look_after(stack)

    def take_note(self) -> None:
        self.stack.take_note(self.screen.append)

    # ---- What is seen -------------------------------------------------------------------

    def type(self, *words: str, typed: str | None = None) -> subprocess.CompletedProcess[str]:
        """A command of ./guichet."""
        settings = self.stack.settings.model_dump(exclude_none=True, exclude={"public_url"})
        ours = {f"GUICHET_{name.upper()}": str(value) for name, value in settings.items()}
        return subprocess.run(
            [sys.executable, "-P", "-m", "local", *words],
            env=os.environ | ours | WIDE, input=typed, capture_output=True, text=True, check=False,
            cwd="/", timeout=120,
        )  # fmt: skip

    def reasons(self, part: str = "") -> list[str]:
        """What is not well, as `status` tells it."""
        parts = [part] if part else list(self.stack.services)
        found = [
            condition.of_process(self.stack, self.stack.services[each], None) for each in parts
        ]
        return [reason for each in found for reason in each.troubles]

    async def sees(self, row: Row, part: str = "", *, seconds: float = 30) -> str:
        """Waits until `status` shows the row's words and ends with 1; returns the line."""

        async def status_line() -> str:
            reasons = await asyncio.to_thread(self.reasons, part)
            found = [reason for reason in reasons if row.is_seen_in(reason)]
            assert found, reasons
            return found[0]

        line = await eventually(status_line, seconds=seconds, pause=0.3)
        status = await asyncio.to_thread(self.type, "status")
        assert status.returncode == 1, status.stdout
        assert row.is_seen_in(status.stdout), status.stdout
        return line

    async def is_well(self, *, seconds: float = 30) -> None:
        """All that `status` tells is well again, and the gateway has found all parts."""

        async def well() -> None:
            assert not (reasons := await asyncio.to_thread(self.reasons)), reasons
            assert await asyncio.to_thread(self.stack.routes_to_all)

        await eventually(well, seconds=seconds, pause=0.3)

    def log(self, part: str) -> str:
        return self.stack.log(part).read_text(errors="replace")

    async def finds_in_log(self, words: str, part: str, *, since: int = 0) -> None:
        async def found() -> None:
            assert words in self.log(part)[since:], self.log(part)[-3000:]

        await eventually(found)

    def figures(self, service: str) -> Figures:
        found = condition.of_process(self.stack, self.stack.services[service], None).figures
        assert found is not None
        return found

    def metric(self, service: str, name: str) -> dict[str, float]:
        """The values of a metric by their labels."""
        port = self.stack.settings.port_of(service)
        figures = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        lines = re.findall(rf"^{name}(\{{.*\}})? (\S+)$", figures, re.MULTILINE)
        return {labels: float(value) for labels, value in lines}

    def is_loop_in_trouble(self, service: str, loop: str) -> bool:
        """By the metric that the alert is about."""
        return self.metric(service, "guichet_loop_trouble")[f'{{loop="{loop}"}}'] == 1

    # ---- What is done -------------------------------------------------------------------

    async def repairs(self, row: Row, *words: str) -> str:
        """By the row's own command."""
        command = " ".join(words)
        assert f"./guichet {command}`" in row.todo, row.todo
        done = await asyncio.to_thread(self.type, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def sql(self, database: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """As PostgreSQL's superuser."""
        url = on_database(self.stack.server_url, database)
        with psycopg.connect(url, autocommit=True) as connection:
            cursor = connection.execute(query.encode(), values or None)
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def away(self, process: Process) -> Generator[None]:
        """Stopped, and not started again before the end."""
        [watched] = [each for each in self.supervisor.watched if each.process is process]
        self.supervisor.watched.remove(watched)
        process.stop()
        try:
            yield
        finally:
            process.start()
            self.take_note()
            self.supervisor.watched.append(watched)

    @contextlib.contextmanager
    def frozen(self, process: Process) -> Generator[None]:
        """It neither answers nor ends."""
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process.pid, signal.SIGCONT)

    @contextlib.asynccontextmanager
    async def told_otherwise(self, service: str, **variables: str) -> AsyncGenerator[None]:
        """This service with other settings, and with its own again afterwards."""
        process = self.stack.services[service]
        before = process.environment
        process.environment = self.stack.environment(service) | variables
        await asyncio.to_thread(process.stop)  # and it is started again
        try:
            yield
        finally:
            process.environment = before
            await asyncio.to_thread(process.stop)
