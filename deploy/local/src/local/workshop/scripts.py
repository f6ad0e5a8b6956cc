"""What formats, checks and tests the scripts and styles of the pages, from web/package-lock.json."""

from local.launcher import assets
from local.launcher.settings import ROOT

FOLDER = ROOT / "web"
NODE_MODULES = FOLDER / "node_modules"
MARKER = NODE_MODULES / ".guichet"


def bring() -> None:
    """Nothing to do when it is there."""
    if not MARKER.exists() or MARKER.read_text() != assets.fingerprint(FOLDER):
        assets.install(FOLDER)
        MARKER.write_text(assets.fingerprint(FOLDER))


def command(program: str, *words: str) -> list[str]:
    """One of the programs, by its file in node_modules."""
    return [*assets.node(), str(NODE_MODULES / program), *words]
