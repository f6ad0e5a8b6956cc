"""Changed templates, styles, scripts and code reach the parts that run: `./guichet up --watch`."""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path

import psutil
import watchfiles

from local.launcher.programs import Service
from local.launcher.settings import ROOT
from local.workshop.parts import SOURCES

STARTING_SECONDS = 20
MISSING_SECONDS = 2  # between the end of one process and the start of the next lies an instant
SHARED = ("contracts", "chassis")  # every part stands on these
SOON_MILLISECONDS = 50  # of quiet after a change: an editor writes in several steps


@contextlib.contextmanager
def watching(services: Mapping[str, Service], say: Callable[[str], object]) -> Generator[None]:
    """Watch until the end of the block, in a thread."""
    enough = threading.Event()
    thread = threading.Thread(target=watch, args=(services, say, enough), daemon=True)
    thread.start()
    try:
        yield
    finally:
        enough.set()
        thread.join(5)


def watch(
    services: Mapping[str, Service], say: Callable[[str], object], enough: threading.Event
) -> None:
    sources = [ROOT / folder for part, folder in SOURCES.items() if part in {*SHARED, *services}]
    folders = [folder for folder in sources if folder.is_dir()]
    for changes in watchfiles.watch(
        *folders, stop_event=enough, step=SOON_MILLISECONDS, debounce=400, raise_interrupt=False
    ):
        files = sorted(Path(name) for _, name in changes)
        if found := [services[part] for part in reached(files) if part in services]:
            renew(found, files, say)


def reached(files: Iterable[Path]) -> list[str]:
    """The parts that have to reload these files."""
    owners = {
        part
        for file in files
        for part, folder in SOURCES.items()
        if file.is_relative_to(ROOT / folder)
    }
    serving = [part for part in SOURCES if part not in {*SHARED, "local"}]
    return [part for part in serving if part in owners or owners & set(SHARED)]


def renew(services: list[Service], files: list[Path], say: Callable[[str], object]) -> None:
    began = time.monotonic()
    changed = files[0].relative_to(ROOT) if len(files) == 1 else f"{len(files)} files"
    before = {service.name: children(service) for service in services}
    for service in services:
        if service.running:
            service.running.send_signal(signal.SIGHUP)
    for service in services:
        if not takes(service, before[service.name]):
            say(f"{service.name} does not take {changed}; the next change is tried again."
                f" Its log: {service.log}\n{service.last_words(6)}")  # fmt: skip
            return
    names = ", ".join(service.name for service in services)
    say(f"{changed}: taken by {names} after {time.monotonic() - began:.1f} s")


def takes(service: Service, before: set[int]) -> bool:
    """Whether a new process serves; without any, what was changed cannot be imported."""
    deadline = time.monotonic() + STARTING_SECONDS
    missing_since = time.monotonic()
    while time.monotonic() < deadline:
        found = children(service)
        if found and not found & before and service.is_ready():
            return True
        if found:
            missing_since = time.monotonic()
        elif time.monotonic() - missing_since > MISSING_SECONDS:
            return False
        time.sleep(0.02)
    return False


def children(service: Service) -> set[int]:
    try:
        return {child.pid for child in psutil.Process(service.pid).children()}
    except psutil.NoSuchProcess:
        return set()
