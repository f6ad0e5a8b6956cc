"""Import products: `python -m catalog import-products`."""

import asyncio
import contextlib
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from catalog import operations
from chassis.command import fail, service_command, service_settings
from chassis.data.database import Database
from chassis.monitoring import logs
from chassis.outages import UNREACHABLE, describe
from contracts.catalog.api import DESIGNATION_LENGTH, REFERENCE_LENGTH, ImportReport, RejectedRow

cli = service_command("catalog")

NOTHING_IMPORTED = 3  # exit code of an import in which every row was rejected

REASONS = {
    "row_columns": "three columns are needed: reference,designation,on_sale",
    "row_malformed": "not a row of CSV: look at its quotes",
    "row_too_long": "far longer than any product",
    "text_nul": "a NUL character",
    "text_direction": "a change of the direction of writing that does not end",
    "reference_control": "the reference holds a control sign, a line break or a lost character",
    "designation_control": "the designation holds a control sign or a lost character",
    "reference_empty": "nothing in the reference can be seen",
    "reference_too_long": f"the reference is longer than {REFERENCE_LENGTH} characters",
    "reference_repeated": "this reference came before in the file",
    "designation_empty": "nothing in the designation can be seen",
    "designation_too_long": f"the designation is longer than {DESIGNATION_LENGTH} characters",
    "on_sale_unreadable": "on_sale is neither true nor false",
}


@cli.command("import-products")
def import_products(
    file: Annotated[str, typer.Argument(help="A CSV file in UTF-8; - reads standard input.")],
) -> None:
    """Import a CSV of reference,designation,on_sale: all of its valid rows, in one transaction.

    Exit code 1: nothing was changed; 3: the file was read, but every row was rejected.
    """
    url = service_settings("catalog").database_url.get_secret_value()
    logs.configure("WARNING")
    try:
        with (
            contextlib.nullcontext(sys.stdin.buffer)
            if file == "-"
            else Path(file).open("rb") as rows
        ):
            report = asyncio.run(run(url, rows))
    except OSError as error:
        raise fail(f"{file}: {error.strerror}") from error
    except operations.FileRefused as refusal:
        raise fail(f"{file}: {refusal.detail} ({refusal.code}). Nothing was changed.") from refusal
    except operations.ImportRunning as refusal:
        raise fail(f"{refusal.detail} ({refusal.code}). Nothing was changed.") from refusal
    except UNREACHABLE as trouble:
        raise fail(f"the database failed: {describe(trouble)}. Nothing was changed.") from trouble
    print_report(report)


async def run(url: str, file: BinaryIO) -> ImportReport:
    database = Database(url, size=1, overflow=0, name="catalog import")
    try:
        async with database.transaction() as session:
            return await operations.import_products(session, file)
    finally:
        await database.close()


def print_report(report: ImportReport) -> None:
    typer.echo(
        f"{report.rows} rows in {report.seconds:.1f} s: {report.created} created,"
        f" {report.changed} changed ({report.withdrawn} of them withdrawn from sale),"
        f" {report.unchanged} unchanged, {report.rejected_count} rejected"
    )
    for row in report.rejected:
        typer.echo(f"  line {row.line}: {row.reference!r}: {in_words(row)} ({row.reason})")
    and_more(report.rejected_count - len(report.rejected))
    if report.twins:
        typer.echo(f"{report.twin_count} references look like another one; all were taken:")
    for twin in report.twins:
        where = f"line {twin.twin_line}" if twin.twin_line else "a product not in this file"
        typer.echo(f"  line {twin.line}: {twin.reference!r} looks like {twin.twin!r}, {where}")
    and_more(report.twin_count - len(report.twins))
    if report.rejected_count == report.rows:
        raise fail(f"Not one row was taken: {why_none(report)}.", NOTHING_IMPORTED)


def in_words(row: RejectedRow) -> str:
    return REASONS[row.reason] + (f", but {row.found!r}" if row.found else "")


def and_more(count: int) -> None:
    if count > 0:
        typer.echo(f"  … and {count} more")


def why_none(report: ImportReport) -> str:
    """The most common reasons, each with its first row."""
    if not report.rows:
        return "the file has no rows"
    first = {row.reason: row for row in reversed(report.rejected)}
    counted = Counter(row.reason for row in report.rejected).most_common()
    return "; ".join(f"{in_words(first[reason])} ({count} rows)" for reason, count in counted)
