"""Run a service's Alembic migrations, without an ini file.

Two database roles: the owner migrates, the other one runs and may only read and write rows.
"""

import time

from alembic import command, context, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, MetaData, create_engine, pool, text
from sqlalchemy.exc import OperationalError

from chassis.data.revisions import difference, known
from chassis.http import uploads
from chassis.messaging.outbox import CHANNEL, LISTENERS, SCHEMA, Messaging
from chassis.text import folding

LOCK = 7_301_001
# A migration that waits for a table blocks everyone behind it: it gives up soon, and tries again.
LOCK_SECONDS, TRIES, PAUSE_SECONDS = 5, 6, 2


class SchemaNewer(Exception):
    """The database was migrated by a newer version of the code."""


class SchemaInUse(Exception):
    """A table was locked for too long to be changed."""


def config(package: str, url: str) -> Config:
    settings = Config()
    settings.set_main_option("script_location", f"{package}:migrations")
    settings.set_main_option("path_separator", "os")
    settings.attributes["url"] = url
    return settings


def upgrade(package: str, url: str) -> None:
    """Migrate the database to the newest schema; concurrent calls are safe.

    Raises SchemaNewer for a schema that this code does not know, SchemaInUse where a table stays
    locked.
    """
    connect_args = {"options": f"-c lock_timeout={LOCK_SECONDS}s"}
    engine = create_engine(url, poolclass=pool.NullPool, connect_args=connect_args)
    for attempts_left in reversed(range(TRIES)):
        try:
            with engine.connect() as connection:
                found = current(connection)
            if found is not None and found not in known(package):
                raise SchemaNewer(difference(package, found))
            command.upgrade(config(package, url), "head")
        except OperationalError as locked:
            if not isinstance(locked.orig, LockNotAvailable):
                raise
            if not attempts_left:
                raise SchemaInUse(
                    "somebody holds a table that has to be changed, for a minute or longer: end"
                    " what runs so long there (see pg_stat_activity), and migrate again"
                ) from locked
            time.sleep(PAUSE_SECONDS)
        else:
            return


def check(package: str, url: str) -> None:
    """Raise alembic's CommandError when mapped classes and database differ."""
    command.check(config(package, url))


def current(connection: Connection) -> str | None:
    """The revision that the database is at."""
    return MigrationContext.configure(connection).get_current_revision()


def run(*metadata: MetaData) -> None:
    """The body of every service's migrations/env.py."""
    engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
    with engine.connect() as connection:
        # Two replicas may start together: the second one waits and finds nothing to do.
        connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": LOCK})
        connection.execute(text(f"SET lock_timeout = '{LOCK_SECONDS}s'"))
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=[*metadata, Messaging.metadata],
            include_schemas=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        connection.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})
        connection.commit()
    engine.dispose()


def create_chassis_tables() -> None:
    """Outbox, inbox, dead letters and idempotency keys; called by a service's first migration.

    The running role gets its rights on this schema from the owner's default privileges (on schemas, tables and sequences).
    """
    op.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
    Messaging.metadata.create_all(op.get_bind())
    # A trigger, so that any kind of insert wakes the relay at its commit.
    make_waking(f"{SCHEMA}.wake_relay", CHANNEL)
    op.execute(f"""
        CREATE TRIGGER wake_relay AFTER INSERT ON {SCHEMA}.outbox
        FOR EACH STATEMENT EXECUTE FUNCTION {SCHEMA}.wake_relay()
    """)


def make_waking(function: str, channel: str) -> None:
    """Create or replace a trigger function that notifies this channel.

    Commits that notify wait for each other across all of PostgreSQL, so no commit notifies without a
    listener. A new listener waits for the lock of transactions that found none, then reads.
    """
    op.execute(f"""
        CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NOT pg_try_advisory_xact_lock({LISTENERS}, hashtext('{channel}')) THEN
                PERFORM pg_notify('{channel}', '');
            END IF;
            RETURN NULL;
        END $$
    """)


def create_upload_tables() -> None:
    """For a service that takes large things in parts: see `chassis.http.uploads`."""
    op.execute(f"CREATE SCHEMA IF NOT EXISTS {uploads.SCHEMA}")
    uploads.Uploads.metadata.create_all(op.get_bind())


def know_streams() -> None:
    """Add what newer versions record of streams and of each event's number; new databases have it
    already.
    """
    op.execute(f"ALTER TABLE {SCHEMA}.outbox ADD COLUMN IF NOT EXISTS stored_as bigint")
    Messaging.metadata.tables[f"{SCHEMA}.streams"].create(op.get_bind(), checkfirst=True)


def create_fold() -> None:
    """`fold(text)` as `chassis.text.folding` has it now; columns made of an older one stay as they are."""
    op.execute(folding.function())


def create_pieces() -> None:
    """`pieces(text)`, by which an index finds words of one or two characters."""
    op.execute(folding.pieces_function())
