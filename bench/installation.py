"""One installation for as long as standard input is open: started by `compare.py`.

It runs the code of the commit that it stands for; where nothing is filled yet, it fills.
"""

import json
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from helpdesk import PASSWORD, fill, ran, unresolved

# Commits before the launcher was a package of its own have its modules beside each other.
LAUNCHER = "local.launcher" if find_spec("local.launcher") else "local"
LocalSettings = import_module(f"{LAUNCHER}.settings").LocalSettings
Stack = import_module(f"{LAUNCHER}.stack").Stack


def main(state: Path, assets: Path, requests: int) -> None:
    settings = LocalSettings.on_free_ports(state).model_copy(update={"assets": assets})
    with Stack(settings) as stack:
        if requests:
            fill(stack, requests)
            ran(stack.run(
                "identity", "staff", "add", "--email", "bench.administrateur@example.org",
                "--first-name", "Inès", "--last-name", "Caron", "--role", "administrator",
                "--password-stdin", typed=PASSWORD,
            ))  # fmt: skip
        facts = {
            "url": stack.gateway_url,
            "processes": {process.name: process.pid for process in stack.processes},
            "unresolved": unresolved(stack),
        }
        sys.stdout.write(f"{json.dumps(facts)}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
