"""What a process that serves holds in memory, seen in an interpreter of its own."""

import json
import os
import subprocess
import sys

from contracts.topology import CONTEXTS

# What migrates, reads a command line, colours a terminal or watches files.
FOREIGN = {"alembic", "mako", "typer", "rich", "pygments", "watchfiles"}
# What all of them import comes once; each then goes on in a fork, as in the local stack.
SERVE = """
import json, os, sys
from importlib import import_module
import_module("chassis.starting").block_imports()
import_module("chassis.http.server")
import_module("uvicorn.protocols.http.auto")
for name in sys.argv[1:]:
    if os.fork() == 0:
        import_module(f"{name}.__main__")
        import_module(f"{name}.app").create_app()
        held = [each for each, module in sys.modules.items() if module]
        print(json.dumps([name, held]), flush=True)
        os._exit(0)
    _, status = os.wait()
    assert status == 0, name
"""
# Of what holds memory for as long as Guichet runs.
LAUNCHER = "import sys, local.cli; print(*sys.modules)"
HEAVY = {"alembic", "cryptography", "fastapi", "httpx", "sqlalchemy"}
SETTINGS = {
    "GUICHET_DATABASE_URL": "postgresql+psycopg://nobody:nothing@127.0.0.1:1/nowhere",
    "GUICHET_WEB_SECRET": "a secret that is long enough for anything",
    "GUICHET_ASSETS": "node_modules",
}


def test_what_serves_holds_nothing_that_it_does_not_need():
    served = subprocess.run(
        [sys.executable, "-P", "-c", SERVE, *CONTEXTS, "web"],
        env={**os.environ, **SETTINGS}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert served.returncode == 0, served.stderr
    held = dict(map(json.loads, served.stdout.splitlines()))
    assert set(held) == {*CONTEXTS, "web"}
    for name, modules in held.items():
        assert name in modules
        assert not FOREIGN.intersection(modules), name


def test_the_launcher_holds_nothing_that_only_services_need():
    loaded = subprocess.run(
        [sys.executable, "-P", "-c", LAUNCHER], capture_output=True, text=True, check=True
    )
    assert not HEAVY.intersection(loaded.stdout.split())
