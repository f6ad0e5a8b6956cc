"""Run the catalog service, or look after it: `python -m catalog --help`."""

import asyncio
import contextlib
import sys
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from catalog import operations
from chassis import logs
from chassis.command import fail, main, service_command, service_settings
from chassis.database import Database
from chassis.troubles import UNREACHABLE, describe
from contracts.catalog.api import DESIGNATION_LENGTH, REFERENCE_LENGTH, ImportReport

command = service_command("catalog")

REASONS = {
    "row_columns": "three columns are needed: reference,designation,on_sale",
    "row_malformed": "not a row of CSV: look at its quotes",
    "row_too_long": "far longer than any product",
    "text_nul": "a NUL character",
    "reference_empty": "the reference is empty",
    "reference_too_long": f"the reference is longer than {REFERENCE_LENGTH} characters",
    "reference_repeated": "this reference came before in the file",
    "designation_empty": "the designation is empty",
    "designation_too_long": f"the designation is longer than {DESIGNATION_LENGTH} characters",
    "on_sale_unreadable": "on_sale is neither true nor false",
}


@command.command("import-products")
def import_products(
    file: Annotated[str, typer.Argument(help="A CSV file in UTF-8; - reads standard input.")],
) -> None:
    """Import a CSV of reference,designation,on_sale: all of its good rows, or none at all."""
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
    tell(report)


async def run(url: str, file: BinaryIO) -> ImportReport:
    database = Database(url, size=1, overflow=0, name="catalog import")
    try:
        async with database.transaction() as session:
            return await operations.import_products(session, file)
    finally:
        await database.close()


def tell(report: ImportReport) -> None:
    typer.echo(
        f"{report.rows} rows in {report.seconds:.1f} s: {report.created} created,"
        f" {report.changed} changed ({report.withdrawn} of them withdrawn from sale),"
        f" {report.unchanged} unchanged, {report.rejected_count} rejected"
    )
    for row in report.rejected:
        typer.echo(f"  line {row.line}: {row.reference!r}: {REASONS[row.reason]} ({row.reason})")
    if report.rejected_count > len(report.rejected):
        typer.echo(f"  … and {report.rejected_count - len(report.rejected)} more")


if __name__ == "__main__":
    main(command)
