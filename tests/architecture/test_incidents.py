"""What docs/operations.md says is seen when something is wrong, the product still says."""

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "operations.md").read_text()
SOURCES = ("contracts/src", "libs/*/src", "services/*/src", "web/src", "deploy", "gateway")
# What Docker and PostgreSQL say, or the page itself; `docker compose` says ours after it.
OTHERS = (
    "invalid mount config",
    "bind source path does not exist",
    "docker.sock",
    "docker-view",
    "No such image",
    "Bind for ",
    "no space left on device",
    "is not set; run ./guichet compose init",
    "password authentication failed",
    "connection to server at",
    "/run/secrets/",
)
VALIDATION = re.compile(r"^[A-Z_]+: Value error")  # in Pydantic's words
PLACES = {"/health/ready", "migrate-…", "migrate-identity", "roll", "unhealthy", "nats", "up -d"}


def rows() -> list[str]:
    """The first cells of the table."""
    table = PAGE.partition("\n## When something is wrong\n")[2].partition("\n## ")[0]
    lines = [line for line in table.splitlines() if line.startswith("| ")]
    return [line.split(" | ")[0].removeprefix("| ") for line in lines[2:]]


def said(row: str) -> Iterator[str]:
    """The words between what differs each time; what is too short to find is left out."""
    for quoted in re.findall(r"`([^`]+)`", row):
        if quoted in PLACES or any(other in quoted for other in OTHERS):
            continue
        pieces = (VALIDATION.sub("", piece).strip(" :;,.") for piece in quoted.split("…"))
        yield from (piece for piece in pieces if len(piece) > 4)


def constants() -> Iterator[str]:
    for source in SOURCES:
        for file in ROOT.glob(f"{source}/**/*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


WORDS = "\n".join(constants())


@pytest.mark.parametrize("row", [row for row in rows() if any(said(row))])
def test_a_row_quotes_what_is_said(row):
    for words in said(row):
        pairs = [" ".join(pair) for pair in pairwise(words.split(": ")[-1].split())]
        pairs = pairs or [words.split()[-1]]
        found = [pair for pair in pairs if pair in WORDS]
        # Some are joined of parts only when they are said.
        assert 2 * len(found) >= len(pairs), words
