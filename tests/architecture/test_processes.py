"""What a process that serves holds in memory, seen in an interpreter of its own."""

import json
import os
import subprocess
import sys

import pytest

from contracts.topology import CONTEXTS

# What migrates, reads a command line, colours a terminal or watches files.
FOREIGN = {"alembic", "mako", "typer", "rich", "pygments", "watchfiles"}
SERVE = """
import json, sys
from importlib import import_module
import_module(f"{sys.argv[1]}.__main__")
import_module("chassis.starting").decline()
import_module("chassis.serving")
import_module("uvicorn.protocols.http.auto")
import_module(f"{sys.argv[1]}.app").create_app()
print(json.dumps([name for name, module in sys.modules.items() if module]))
"""
SETTINGS = {
    "GUICHET_DATABASE_URL": "postgresql+psycopg://nobody:nothing@127.0.0.1:1/nowhere",
    "GUICHET_WEB_SECRET": "a secret that is long enough for anything",
    "GUICHET_ASSETS": "node_modules",
}


@pytest.mark.parametrize("name", [*CONTEXTS, "web"])
def test_what_serves_holds_nothing_that_it_does_not_need(name):
    served = subprocess.run(
        [sys.executable, "-P", "-c", SERVE, name],
        env={**os.environ, **SETTINGS}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    held = set(json.loads(served.stdout.splitlines()[-1]))
    assert name in held
    assert not held & FOREIGN
