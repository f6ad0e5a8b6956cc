"""Tools that format, check and test scripts and styles, installed from web/package-lock.json."""

import os
import sys

from local.launcher import assets
from local.launcher.settings import ROOT

FOLDER = ROOT / "web"
NODE_MODULES = FOLDER / "node_modules"
MARKER = NODE_MODULES / ".guichet"
PROGRAMS = {"biome": "@biomejs/biome/bin/biome", "tsc": "typescript/bin/tsc"}


def bring() -> None:
    """Nothing to do when it is there."""
    assets.bring_once(FOLDER, MARKER)


def run(program: str, *words: str) -> None:
    """In the place of this process, in web/."""
    bring()
    os.chdir(FOLDER)
    node, *options = assets.node()
    os.execv(node, [node, *options, str(NODE_MODULES / PROGRAMS[program]), *words])  # noqa: S606 - ours


if __name__ == "__main__":
    run(*sys.argv[1:])
