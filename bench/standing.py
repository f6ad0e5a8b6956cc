"""One installation for as long as standard input is open: started by `compare.py`.

It runs the code of the commit that it stands for; where nothing is filled yet, it fills.
"""

import json
import sys
import time
from pathlib import Path

from helpdesk import fill, unresolved

from local.settings import LocalSettings
from local.stack import Stack


def main(state: Path, assets: Path, requests: int) -> None:
    settings = LocalSettings.on_free_ports(state).model_copy(update={"assets": assets})
    began = time.perf_counter()
    with Stack(settings) as stack:
        started = time.perf_counter() - began
        if requests:
            fill(stack, requests)
        facts = {
            "url": stack.gateway_url,
            "processes": {process.name: process.pid for process in stack.processes},
            "unresolved": unresolved(stack),
            "started": started,
        }
        sys.stdout.write(f"{json.dumps(facts)}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
