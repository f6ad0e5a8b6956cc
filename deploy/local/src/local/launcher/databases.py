"""The databases and roles of the local PostgreSQL, and whether they are migrated."""

from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from chassis.data import provisioning
from chassis.data.provisioning import on_database, owner
from chassis.data.revisions import REVISES, REVISION
from local.launcher.machine.vault import Vault
from local.launcher.settings import ROOT


def url_of(server: str, database: str, role: str, password: str) -> str:
    """The server's URL for one role and database of a service."""
    parts = urlsplit(server)
    at = parts.netloc.rpartition("@")[2]
    query = f"?{parts.query}" if parts.query else ""
    return f"postgresql+psycopg://{role}:{password}@{at}/{database}{query}"


def make(server: str, services: tuple[str, ...], vault: Vault) -> None:
    """Create what is missing, with the vault's passwords."""
    roles = [role for service in services for role in (owner(service), service)]
    provisioning.make(server, services, {role: vault[f"postgres {role}"] for role in roles})


# ---- Migrations -------------------------------------------------------------------------


def newest_migrations(service: str, root: Path = ROOT) -> set[str]:
    """The revisions that no other one revises, read from the files.

    Importing Alembic and the models of four services would double the time of a warm start.
    """
    folder = root / "services" / service / "src" / service / "migrations" / "versions"
    texts = [file.read_text() for file in folder.glob("*.py")]
    revisions = {found for text in texts for found in REVISION.findall(text)}
    return revisions - {found for text in texts for found in REVISES.findall(text)}


def is_migrated(server: str, service: str) -> bool:
    with psycopg.connect(on_database(server, service)) as connection:
        if connection.execute("select to_regclass('public.alembic_version')").fetchone() == (None,):
            return False
        applied = {version for (version,) in connection.execute("select * from alembic_version")}
    return applied == newest_migrations(service)
