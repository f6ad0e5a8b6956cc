"""A catalogue of any size, recombined from the real one; and a PostgreSQL to put it in."""

import contextlib
import csv
import gzip
import os
import random
import tempfile
from collections.abc import Generator, Iterator
from itertools import count, islice
from pathlib import Path

from local.launcher.machine import servers
from local.launcher.settings import ROOT

CATALOGUE = ROOT / "deploy/local/src/local/demo/products.csv.gz"

Product = tuple[str, str, bool]


def real_products() -> list[Product]:
    with gzip.open(CATALOGUE, "rt", encoding="utf-8", newline="") as file:
        return [
            (row["reference"].strip(), row["designation"].strip(), row["on_sale"] == "true")
            for row in csv.DictReader(file)
        ]


def recombined(size: int) -> Iterator[Product]:
    """The real products first, then new ones: the head of one designation, the tail of another.

    Words keep the frequency that they really have; references are real ones with an ending.
    """
    return islice(recombined_for_ever(), size)


def recombined_for_ever() -> Iterator[Product]:
    real = real_products()
    chosen = random.Random(1)  # noqa: S311 - no secret
    yield from real
    for turn in count(1):
        for reference, designation, on_sale in real:
            head, tail = designation.split(), chosen.choice(real)[1].split()
            words = head[: len(head) // 2 + 1] + tail[len(tail) // 2 :]
            ending = "".join(chosen.choices("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789", k=3))
            yield f"{reference[:60].strip()}-{ending}{turn}", " ".join(words), on_sale


@contextlib.contextmanager
def postgres() -> Generator[None]:
    """The server that GUICHET_TEST_POSTGRES names, or one that lives as long as this program."""
    if "GUICHET_TEST_POSTGRES" in os.environ:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="guichet-bench-") as folder:
        Path(folder).chmod(0o755)
        with servers.for_tests(Path(folder)) as (server, _):
            os.environ["GUICHET_TEST_POSTGRES"] = server.url
            yield
