"""Write a service's next migration from what its models say and its migrations do not yet."""

import re
import tempfile
import textwrap
import unicodedata
from importlib import import_module
from pathlib import Path

from alembic.autogenerate import produce_migrations, render_python_code
from alembic.runtime.migration import MigrationContext
from sqlalchemy import MetaData, create_engine, inspect, pool

from chassis import migrations
from chassis.http import uploads
from chassis.messaging.outbox import Messaging
from local.launcher.machine.processes import CannotStart, free_port
from local.launcher.machine.servers import HASTY, PostgreSQL
from local.launcher.settings import ROOT, SERVICES
from local.workshop import checks

NOTHING = "pass"


def write(service: str, words: str) -> Path:
    """The file, named after the words and numbered after the last one.

    Raises CannotStart where there is no such service, no name in the words, or no difference.
    """
    if service not in SERVICES:
        raise CannotStart(f"{service} has no database. There are: {', '.join(SERVICES)}")
    name = slug(words)
    if not name:
        raise CannotStart("A migration is named after what it does, in words.")
    steps = differences(service)
    if steps == NOTHING:
        raise CannotStart(
            f"The models of {service} say nothing that its migrations do not. What no model shows"
            " (an index by hand, a function, data) is written by hand, like those there are."
        )
    last = migrations.known(service)[0]
    number = f"{int(last) + 1:04}"
    folder = ROOT / "services" / service / "src" / service / "migrations" / "versions"
    file = folder / f"{number}_{name}.py"
    file.write_text(text(words, number, last, steps), encoding="utf-8")
    for command in checks.FIXES:
        checks.run((*command[:-1], str(file)))
    return file


def slug(words: str) -> str:
    letters = unicodedata.normalize("NFKD", words.lower())
    plain = "".join(each for each in letters if not unicodedata.combining(each))
    return "_".join(re.findall(r"[a-z0-9]+", plain))


def differences(service: str) -> str:
    """The body of `upgrade`: from a database after all migrations to the models."""
    with tempfile.TemporaryDirectory(prefix="guichet-migration-") as folder:
        Path(folder).chmod(0o755)  # PostgreSQL may have to run as nobody
        postgres = PostgreSQL(Path(folder) / "postgres", free_port(), options=HASTY)
        try:
            postgres.start()
            postgres.wait_for(postgres.is_ready, 30)
            url = postgres.url.replace("postgresql://", "postgresql+psycopg://", 1)
            migrations.upgrade(service, url)
            return steps_to(import_module(f"{service}.models").Base.metadata, url)
        finally:
            postgres.stop()


def steps_to(metadata: MetaData, url: str) -> str:
    """The statements that bring this database to the models; `pass` if nothing is missing."""
    engine = create_engine(url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        wanted = [metadata, Messaging.metadata]
        if inspect(connection).has_schema(uploads.SCHEMA):
            wanted.append(uploads.Uploads.metadata)
        context = MigrationContext.configure(
            connection, opts={"target_metadata": wanted, "include_schemas": True}
        )
        upgrade = produce_migrations(context, wanted).upgrade_ops  # ty: ignore[invalid-argument-type]
        code = render_python_code(upgrade) if upgrade else NOTHING
    engine.dispose()
    lines = [line for line in code.splitlines() if not line.lstrip().startswith("#")]
    return textwrap.dedent("\n".join(lines)).strip()


def text(words: str, number: str, last: str, steps: str) -> str:
    title = words[0].upper() + words[1:].rstrip(".")
    return f'''"""{title}."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "{number}"
down_revision = "{last}"


def upgrade() -> None:
{textwrap.indent(steps, "    ")}
'''
