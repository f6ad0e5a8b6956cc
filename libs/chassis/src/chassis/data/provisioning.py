"""One database and two roles per service, each without access to the others' databases.

`python -m chassis.data.provisioning` creates them on a server, as its superuser. Idempotent.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql
from psycopg.sql import SQL, Identifier

from chassis.data.outages import of_database
from contracts.topology import CONTEXTS

EXTENSIONS = ("pg_trgm", "unaccent", "btree_gin")  # only a superuser may create all of them

# What the running role may do with schemas, tables and sequences of the owner.
RIGHTS: dict[LiteralString, list[LiteralString]] = {
    "schemas": ["usage"],
    "tables": ["select", "insert", "update", "delete"],
    "sequences": ["usage", "select", "update"],
}
MISSING = """
    select format('grant %%s on schema %%I to %%I', privilege, nspname, %(running)s::text)
    from pg_namespace, unnest(%(schemas)s::text[]) as privilege
    where nspowner = %(owner)s::regrole and not has_schema_privilege(%(running)s, oid, privilege)
    union all
    select format('grant %%s on table %%s to %%I', privilege, oid::regclass, %(running)s::text)
    from pg_class,
        unnest(case relkind when 'S' then %(sequences)s else %(tables)s::text[] end) as privilege
    where relowner = %(owner)s::regrole and relkind in ('r', 'p', 'S')
        and not case relkind
            when 'S' then has_sequence_privilege(%(running)s, oid, privilege)
            else has_table_privilege(%(running)s, oid, privilege)
        end
"""


def owner(service: str) -> str:
    """The role that migrates; the role with the service's name only reads and writes rows."""
    return f"{service}_owner"


def make(server: str, services: Iterable[str], passwords: Mapping[str, str]) -> None:
    """Create what is missing; what exists keeps its rows and gets the given passwords.

    `passwords` are by role: for each service one for its role and one for its owner.
    """
    with psycopg.connect(server, autocommit=True, connect_timeout=10) as connection:
        databases = {name for (name,) in connection.execute("select datname from pg_database")}
        for service in services:
            for role in (owner(service), service):
                make_role(connection, role, passwords[role])
            if service not in databases:
                connection.execute(
                    SQL("create database {} owner {}").format(
                        Identifier(service), Identifier(owner(service))
                    )
                )
            close_to_others(connection, service)
            furnish(on_database(server, service), service)


def make_role(connection: psycopg.Connection, role: str, password: str) -> None:
    known = connection.execute("select from pg_roles where rolname = %s", [role]).fetchone()
    verb = SQL("create") if known is None else SQL("alter")
    connection.execute(
        SQL("{} role {} login nosuperuser nocreatedb nocreaterole password {}").format(
            verb, Identifier(role), sql.Literal(password)
        )
    )


def close_to_others(connection: psycopg.Connection, service: str) -> None:
    """PostgreSQL lets everybody connect to every database by default: allow only its own roles."""
    connection.execute(SQL("revoke all on database {} from public").format(Identifier(service)))
    connection.execute(
        SQL("grant connect, temporary on database {0} to {0}").format(Identifier(service))
    )


def furnish(database: str, service: str) -> None:
    """Create the extensions, and grant the running role its rights on what the owner has made and
    will make.
    """
    names = {"owner": Identifier(owner(service)), "running": Identifier(service)}
    with psycopg.connect(database) as connection:
        for extension in EXTENSIONS:
            connection.execute(
                SQL("create extension if not exists {}").format(Identifier(extension))
            )
        for statement in (
            "alter schema public owner to {owner}",
            "revoke all on schema public from public",
            "grant usage on schema public to {running}",
        ):
            connection.execute(SQL(statement).format(**names))
        for objects, rights in RIGHTS.items():
            statement = (
                "alter default privileges for role {owner} grant {rights} on {objects} to {running}"
            )
            words = {"rights": SQL(", ".join(rights)), "objects": SQL(objects)}
            connection.execute(SQL(statement).format(**names, **words))
        roles = {"owner": owner(service), "running": service}
        for (grant,) in connection.execute(MISSING, {**RIGHTS, **roles}).fetchall():
            connection.execute(grant)


def remove(server: str, services: Iterable[str]) -> None:
    """Drop everything that `make` has created, with its contents."""
    with psycopg.connect(server, autocommit=True, connect_timeout=10) as connection:
        for service in services:
            connection.execute(
                SQL("drop database if exists {} with (force)").format(Identifier(service))
            )
            for role in (service, owner(service)):
                connection.execute(SQL("drop role if exists {}").format(Identifier(role)))


def on_database(server: str, database: str) -> str:
    return urlunsplit(urlsplit(server)._replace(path=f"/{database}"))


# ---- As a program -----------------------------------------------------------------------


def passwords_in(folder: Path, services: Iterable[str]) -> dict[str, str]:
    """From the files that each service reads its own URLs from: <service>-database, -migration."""
    files = [folder / f"{name}-{use}" for name in services for use in ("database", "migration")]
    urls = [urlsplit(file.read_text().strip()) for file in files]
    return {url.username or "": url.password or "" for url in urls}


def first_line(error: psycopg.Error) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def main() -> None:
    folder = Path(os.environ.get("GUICHET_SECRETS", "/run/secrets"))
    try:
        server = (folder / "postgres-url").read_text().strip()
        make(server, CONTEXTS, passwords_in(folder, CONTEXTS))
    except OSError as missing:
        sys.exit(
            f"databases: {missing.filename}: {missing.strerror}; make it with ./guichet compose init"
        )
    except psycopg.Error as refused:
        reason = of_database(refused, "the secret postgres-url") or first_line(refused)
        sys.exit(f"databases: PostgreSQL refuses the databases and roles: {reason}")


if __name__ == "__main__":
    main()
