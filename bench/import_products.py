"""What an import takes: `python bench/import_products.py [ROWS ...]`.

By default the real catalogue, then a million rows recombined from it, each into a fresh database
by `python -m catalog import-products` in a process of its own, whose peak memory is printed; then
the same file again, which changes nothing. An import of one row shows what the process costs idle.
"""

import csv
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Annotated

import psycopg
import typer
from invented.products import postgres, recombined

from chassis import migrations, testing

REAL = 45_797
LONGEST_SECONDS = 1_800
MEGABYTE = 1024**2 if sys.platform == "darwin" else 1024  # of what the system counts memory in


def write(file: Path, rows: int) -> None:
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(["reference", "designation", "on_sale"])
        for reference, designation, on_sale in recombined(rows):
            writer.writerow([reference, designation, str(on_sale).lower()])


def import_file(url: str, file: Path) -> tuple[float, float, str]:
    """Seconds, peak memory of the process in MB, and the first line of its report."""
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, "-m", "catalog", "import-products", str(file)],
            env=os.environ | {"GUICHET_DATABASE_URL": url},
            stdout=output,
        )
        longest = threading.Timer(LONGEST_SECONDS, process.kill)
        longest.start()
        _, status, used = os.wait4(process.pid, 0)
        longest.cancel()
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit("the import failed")
        output.seek(0)
        return seconds, used.ru_maxrss / MEGABYTE, output.readline().strip()


def measure(folder: Path, rows: int) -> None:
    file = folder / f"{rows}.csv"
    write(file, rows)
    url = testing.fresh_database("bench_import_products")
    migrations.upgrade("catalog", url)
    size = file.stat().st_size / 1_000_000
    typer.echo(f"{rows:,} rows, {size:.1f} MB")
    for when in ("into an empty catalogue", "the same file again"):
        seconds, memory, report = import_file(url, file)
        typer.echo(
            f"  {when}: {seconds:.1f} s, {rows / seconds:,.0f} rows/s, at most {memory:.0f} MB"
        )
        typer.echo(f"    {report}")
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        [events] = connection.execute("SELECT count(*) FROM messaging.outbox").fetchone() or [0]
    typer.echo(f"  {events:,} events")


def main(
    rows: Annotated[list[int] | None, typer.Argument(help="Sizes of the files.")] = None,
) -> None:
    """Measure the import of files of these sizes."""
    with postgres(), tempfile.TemporaryDirectory(prefix="guichet-bench-") as folder:
        for size in rows or [1, REAL, 1_000_000]:
            measure(Path(folder), size)


if __name__ == "__main__":
    typer.run(main)
