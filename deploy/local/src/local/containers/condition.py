"""The condition of the containers, as of the local stack, from inside each of them."""

import json
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from local.containers.engine import Compose, Replica, docker, last_check
from local.launcher.machine.processes import CannotStart
from local.launcher.settings import SERVICES
from local.launcher.watching.condition import Condition, figures_in, readiness_in

GUICHET_PARTS = (*SERVICES, "web")
ORDER = ("postgres", "nats", "docker-view", "gateway", *GUICHET_PARTS)
# Both requests in one program: starting it in a container takes longer than the answers.
ASK = """
import json, urllib.error, urllib.request
def ask(path):
    try:
        with urllib.request.urlopen("http://127.0.0.1:8000" + path, timeout=5) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as answer:
        return answer.read().decode()
    except OSError:
        return ""
print(json.dumps([ask("/health/ready"), ask("/metrics")]))
"""
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30}


def of(compose: Compose) -> list[Condition]:
    """Every container except jobs that have succeeded; stopped parts are listed, too."""
    listed = compose.containers()
    if not listed:
        raise CannotStart(
            "There is no container of Guichet."
            " Start them with docker compose -f deploy/docker-compose.yml up -d"
        )
    rest = [each for each in listed if not has_succeeded(each)]
    memory = memory_of([each["Name"] for each in rest if each["State"] == "running"])
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda each: of_container(each, memory), rest))
    return sorted(found, key=in_order)


def has_succeeded(container: Mapping[str, Any]) -> bool:
    is_job = container["Service"] not in ORDER
    return is_job and container["State"] == "exited" and container["ExitCode"] == 0


def in_order(condition: Condition) -> tuple[int, str]:
    part = condition.part
    return ORDER.index(part) if part in ORDER else len(ORDER), condition.process


def of_container(container: Mapping[str, Any], memory: Mapping[str, int]) -> Condition:
    part, state = container["Service"], container["State"]
    ready, reasons, figures = container["Health"] in {"healthy", ""}, (), None
    if state != "running":
        ready = False
        reasons = (f"{state}, exit code {container['ExitCode']}: docker logs {container['Name']}",)
    elif part in GUICHET_PARTS:
        health, metrics = health_and_metrics(container["ID"])
        ready, reasons = readiness_in(health)
        figures = figures_in(metrics)
    elif not ready:
        replica = Replica(container["ID"], container["Name"], state, container["Health"])
        reasons = (f"{container['Health']} {last_check(replica)}".strip(),)
    ports = {
        each["PublishedPort"] for each in container["Publishers"] or [] if each["PublishedPort"]
    }
    return Condition(
        part=part,
        process=container["Name"].removeprefix(f"{container['Project']}-"),
        ready=ready,
        reasons=reasons,
        port=", ".join(map(str, sorted(ports))),
        memory=memory.get(container["Name"], 0),
        figures=figures,
    )


def health_and_metrics(container: str) -> tuple[str, str]:
    try:
        health, metrics = json.loads(docker("exec", container, "python", "-c", ASK))
    except CannotStart:
        return "", ""  # it has ended just now
    return health, metrics


def memory_of(containers: list[str]) -> dict[str, int]:
    """The memory of each in bytes, as it counts towards the container's limit."""
    if not containers:
        return {}
    form = "{{.Name}} {{.MemUsage}}"
    lines = docker("stats", "--no-stream", "--format", form, *containers).splitlines()
    return {line.split()[0]: in_bytes(line.split()[1]) for line in lines}


def in_bytes(text: str) -> int:
    """`79.5MiB` and the like."""
    found = re.fullmatch(r"([0-9.]+)([KMG]?)i?B", text)
    return int(float(found[1]) * UNITS[found[2]]) if found else 0
