"""The commands that every service has: serve, migrate, dead-letters."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

import typer
from psycopg.errors import InsufficientPrivilege
from sqlalchemy.exc import ProgrammingError

from chassis import migrations
from chassis.data.database import Database
from chassis.http.server import fail, read_settings, serve
from chassis.messaging import dead_letters
from chassis.monitoring import logs
from chassis.outages import UNREACHABLE, describe
from chassis.settings import ServiceSettings

__all__ = ["fail", "run", "service_command", "service_settings"]


def run(package: str) -> None:
    """Run the command line; a failing database is reported in one line, without a traceback."""
    module = f"{package}.commands"
    cli = import_module(module).cli if find_spec(module) else service_command(package)
    try:
        cli()
    except UNREACHABLE as trouble:
        raise SystemExit(f"the database failed: {describe(trouble)}") from None


def service_settings(package: str) -> ServiceSettings:
    settings = read_settings(package)
    if not isinstance(settings, ServiceSettings):
        raise TypeError(f"{package} has no database")
    return settings


def service_command(package: str) -> typer.Typer:
    """The commands of a service, plus those of its own `commands` module."""
    cli = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

    @cli.callback()
    def about() -> None:
        """One part of Guichet."""

    @cli.command("serve")
    def serve_command(host: str | None = None, port: int | None = None) -> None:
        """Serve HTTP."""
        serve(package, host, port)

    @cli.command()
    def migrate() -> None:
        """Bring the database to the newest schema, with the owning role."""
        settings = service_settings(package)
        url = settings.migration_url or settings.database_url
        address = f"GUICHET_{'MIGRATION' if settings.migration_url else 'DATABASE'}_URL"
        logs.configure("WARNING")  # without Alembic's account of each step
        try:
            migrations.upgrade(package, url.get_secret_value())
        except (migrations.SchemaNewer, migrations.SchemaInUse) as refused:
            raise fail(f"{package}: {refused}") from refused
        except UNREACHABLE as trouble:
            raise fail(f"the database failed: {describe(trouble, address)}") from trouble
        except ProgrammingError as refused:
            if not isinstance(refused.orig, InsufficientPrivilege):
                raise
            raise fail(
                f"{package}: this role may not change the schema: give the address of the owner's"
                " in GUICHET_MIGRATION_URL"
            ) from refused

    cli.add_typer(dead_letters_command(package), name="dead-letters")
    return cli


def dead_letters_command(package: str) -> typer.Typer:
    """Events that kept failing in this service."""
    cli = typer.Typer(no_args_is_help=True, help="Events that kept failing here.")

    def run(work: Callable[[Database], Awaitable[int]]) -> None:
        settings = service_settings(package)
        logs.configure("WARNING")

        async def main() -> int:
            database = Database(settings.database_url.get_secret_value(), size=1, overflow=0)
            try:
                await database.read_clock()
                return await work(database)
            finally:
                await database.close()

        raise typer.Exit(asyncio.run(main()))

    Ids = Annotated[list[int], typer.Argument(help="Numbers as `list` shows them.")]

    @cli.command("list")
    def list_command() -> None:
        """One line each: number, when, subject, attempts, error."""

        async def work(database: Database) -> int:
            for letter in await dead_letters.all_dead_letters(database):
                typer.echo(
                    f"{letter.id}\t{letter.parked_at:%Y-%m-%d %H:%M:%S}Z\t{letter.subject}"
                    f"\t{letter.attempts}\t{letter.error}"
                )
            return 0

        run(work)

    @cli.command("show")
    def show(number: int) -> None:
        """The event itself. It may hold personal data: mind where you print it."""

        async def work(database: Database) -> int:
            letter = await dead_letters.dead_letter(database, number)
            if letter is None:
                raise fail(f"there is no dead letter {number} in {package}")
            try:
                typer.echo(json.dumps(json.loads(letter.body), indent=2, ensure_ascii=False))
            except ValueError:
                typer.echo(letter.body)
            typer.echo(f"error: {letter.error}", err=True)
            return 0

        run(work)

    @cli.command("retry")
    def retry(numbers: Ids) -> None:
        """Handle them again now; those that succeed are gone from the list."""
        subscriptions = import_module(f"{package}.handlers").subscriptions

        async def work(database: Database) -> int:
            failed = 0
            for number in numbers:
                outcome = await dead_letters.retry(database, subscriptions, package, number)
                typer.echo(f"{number}: {outcome}")
                failed += outcome != "handled"
            return 1 if failed else 0

        run(work)

    @cli.command("drop")
    def drop(numbers: Ids) -> None:
        """Forget them without handling them."""

        async def work(database: Database) -> int:
            missing = 0
            for number in numbers:
                dropped = await dead_letters.drop(database, number)
                typer.echo(f"{number}: {'dropped' if dropped else 'not there'}")
                missing += not dropped
            return 1 if missing else 0

        run(work)

    return cli
