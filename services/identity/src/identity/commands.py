"""Manage staff accounts: `python -m identity staff --help`."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer
from psycopg.errors import UndefinedTable
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import ProgrammingError

from chassis.command import fail, service_command
from chassis.data.database import Database
from chassis.errors import Refusal
from chassis.http.server import read_settings
from chassis.monitoring import logs
from chassis.outages import UNREACHABLE, describe
from contracts.identity.api import NewStaffMember, PasswordReset, StaffMemberChange, StaffRole
from identity.app import passwords_of
from identity.models import Account
from identity.operations import accounts, staff
from identity.passwords import Passwords
from identity.queries import accounts as account_queries
from identity.queries.accounts import StaffMemberUnknown
from identity.settings import Settings

B = TypeVar("B", bound=BaseModel)
Work = Callable[[Database, Passwords], Awaitable[None]]

cli = service_command("identity")
staff_cli = typer.Typer(no_args_is_help=True, help="Sellers, technicians and administrators.")
cli.add_typer(staff_cli, name="staff")

Email = Annotated[str, typer.Argument(help="The address with which the person signs in.")]
FromStdin = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input.")
]


@staff_cli.command("add")
def add(
    email: Annotated[str, typer.Option()],
    first_name: Annotated[str, typer.Option()],
    last_name: Annotated[str, typer.Option()],
    role: Annotated[StaffRole, typer.Option()],
    password_stdin: FromStdin = False,
) -> None:
    """Register a staff member; the password is typed at the terminal."""
    new = checked(
        NewStaffMember,
        email=email,
        first_name=first_name,
        last_name=last_name,
        role=role,
        password=given_password(password_stdin),
    )

    async def work(database: Database, passwords: Passwords) -> None:
        password_hash = await accounts.first_password(passwords, new, mail=False)
        async with database.transaction() as session:
            await staff.register_staff_member(session, new, password_hash)
        typer.echo(f"{new.email}: {new.role}")

    run(work)


@staff_cli.command("list")
def list_staff() -> None:
    """One line each: address, name, role, enabled or disabled, last use."""

    async def work(database: Database, _: Passwords) -> None:
        async with database.reading() as reader:
            members = await account_queries.staff(reader)
        for member in members:
            used = f"{member.last_used_at:%Y-%m-%d %H:%M}Z" if member.last_used_at else "never"
            state = "enabled" if member.enabled else "disabled"
            name = f"{member.first_name} {member.last_name}"
            typer.echo("\t".join((member.email, name, member.role, state, used)))

    run(work)


@staff_cli.command("role")
def give_role(email: Email, role: StaffRole) -> None:
    """Give another role."""
    change(email, StaffMemberChange(role=role), done=role)


@staff_cli.command("disable")
def disable(email: Email) -> None:
    """Disable the account and end its sessions."""
    change(email, StaffMemberChange(enabled=False), done="disabled")


@staff_cli.command("enable")
def enable(email: Email) -> None:
    """Enable the account again."""
    change(email, StaffMemberChange(enabled=True), done="enabled")


@staff_cli.command("password")
def set_password(email: Email, password_stdin: FromStdin = False) -> None:
    """Set another password and end all sessions."""

    async def work(database: Database, passwords: Passwords) -> None:
        member = await member_with(database, email)
        new = checked(PasswordReset, password=given_password(password_stdin))
        await accounts.reset_password(database, passwords, member, new.password)
        typer.echo(f"{member.email}: password changed")

    run(work)


def change(email: str, wanted: StaffMemberChange, *, done: str) -> None:
    async def work(database: Database, _: Passwords) -> None:
        member = await member_with(database, email)
        async with database.transaction() as session:
            await staff.change_staff_member(session, member.id, wanted)
        typer.echo(f"{member.email}: {done}")

    run(work)


async def member_with(database: Database, email: str) -> Account:
    async with database.transaction() as session:
        member = await account_queries.account_by_email(session, email)
    if member is None or not member.is_staff:
        raise StaffMemberUnknown(f"{email}: no staff member has this address")
    return member


def run(work: Work) -> None:
    """One line on standard error for a refusal, and exit code 1."""
    logs.configure("WARNING")
    settings = read_settings("identity")
    if not isinstance(settings, Settings):
        raise TypeError("not the settings of identity")

    async def connected() -> None:
        url = settings.database_url.get_secret_value()
        database = Database(url, size=1, overflow=0, name="identity-command")
        try:
            await database.read_clock()
            await work(database, passwords_of(settings))
        finally:
            await database.close()

    try:
        asyncio.run(connected())
    except Refusal as refusal:
        raise fail(refusal.detail) from refusal
    except UNREACHABLE as trouble:
        raise fail(f"the database failed: {describe(trouble)}") from trouble
    except (ProgrammingError, UndefinedTable) as unmigrated:
        raise fail("the database of identity has no tables: python -m identity migrate") from (
            unmigrated
        )


def checked(model: type[B], **values: object) -> B:
    """The values; for wrong ones a line each and exit code 2."""
    try:
        return model.model_validate(values)
    except ValidationError as wrong:
        for error in wrong.errors():
            typer.echo(f"{error['loc'][0]}: {error['msg']}", err=True)
        raise typer.Exit(2) from wrong


def given_password(from_stdin: bool) -> str:
    """From a script's standard input, or typed twice without showing."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise fail("there is no terminal to type a password at; use --password-stdin", 2)
    return typer.prompt("Password", hide_input=True, confirmation_prompt="The same again")
