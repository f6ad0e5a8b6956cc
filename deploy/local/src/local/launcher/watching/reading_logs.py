"""Show what the parts have written: as it is, or as lines for a person at a terminal."""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import structlog

from local.launcher.screen import console, say

HEADER = re.compile(r"==> (.+) <==")
# How the gateway names what our own parts call timestamp and event; and what it says of a request.
OTHER_NAMES = {"time": "timestamp", "message": "event", "msg": "event"}
OF_A_REQUEST = ("RequestMethod", "RequestPath", "DownstreamStatus", "Duration", "ServiceName")
TIME_OF_DAY = slice(11, 23)  # of 2026-11-24T09:30:00.123456Z
MILLISECOND = 1_000_000  # in nanoseconds


def show(files: Mapping[str, Path], *, lines: int, follow: bool) -> int:
    """The last lines of each log, by the part's name; with `follow` until Ctrl-C."""
    command = ["tail", "-v", "-n", str(lines), *(["-F"] if follow else []), *files.values()]
    if not console.is_terminal:  # whoever reads it there takes lines as they were written
        return subprocess.run(command, check=False).returncode
    names = {str(file): name for name, file in files.items()}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as tail:
        for line in readable(tail.stdout or (), names):
            say(line)
    return tail.returncode


def readable(lines: Iterable[str], names: Mapping[str, str]) -> Iterator[str]:
    """Each line with its part before it; `names` are the parts' by their files."""
    render = structlog.dev.ConsoleRenderer(colors=console.color_system is not None)
    width = max(map(len, names.values()), default=0)
    part = ""
    for line in map(str.rstrip, lines):
        if (header := HEADER.fullmatch(line)) and header[1] in names:
            part = names[header[1]]
        elif line:
            yield f"{part:<{width}}  {rendered(line, render)}"


def rendered(line: str, render: structlog.dev.ConsoleRenderer) -> str:
    """A JSON line as structlog writes one for people; any other as it is."""
    try:
        event = json.loads(line)
    except ValueError:
        return line
    if not isinstance(event, dict):
        return line
    event = in_our_words(event)
    if "timestamp" in event:
        event["timestamp"] = str(event["timestamp"])[TIME_OF_DAY]
    return str(render(None, "", event))


def in_our_words(event: dict[str, Any]) -> dict[str, Any]:
    if "RequestPath" in event:
        method, path, status, nanoseconds, service = (event.get(name) for name in OF_A_REQUEST)
        return {
            "timestamp": event.get("time", ""),
            "level": event.get("level", "info"),
            "event": f"{method} {path}",
            "status": status,
            "milliseconds": round((nanoseconds or 0) / MILLISECOND, 1),
            "service": service,
        }
    return {OTHER_NAMES.get(name, name): value for name, value in event.items()}
