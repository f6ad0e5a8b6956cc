"""Which errors are outages (of the database, NATS, …), described in one line each."""

import psycopg
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from chassis.data.outages import ADDRESS, of_database

UNREACHABLE = (
    OperationalError,
    InterfaceError,
    PoolTimeout,
    psycopg.OperationalError,
    psycopg.InterfaceError,
)

# Of the codes of PostgreSQL: connections, deadlocks, resources, locks, shutdown. Not a statement
# that takes too long or a limit that it breaks: the same statement would do so again.
PASSING = ("08", "40", "53", "55P03", "57P")


def is_passing(error: BaseException) -> bool:
    """Whether the error is the database's, so that the same statement may succeed later."""
    if isinstance(error, PoolTimeout | TimeoutError | OSError):
        return True
    if not isinstance(error, DBAPIError | psycopg.Error):
        return False
    code = getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None)
    if code is not None:
        return code.startswith(PASSING)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, UNREACHABLE)


def describe(error: BaseException, address: str = ADDRESS) -> str:
    """The kind of error; for a failed connection also its message and the remedy.

    `address` names the setting that holds the database's address.
    """
    if isinstance(error, ValidationError):
        fields = {".".join(map(str, found["loc"])): found["type"] for found in error.errors()}
        return f"ValidationError: {fields}"
    if isinstance(error, PoolTimeout):
        return "every connection of the pool is at work: wait, or raise GUICHET_POOL_SIZE"
    if isinstance(error, DBAPIError) and error.orig is not None:
        known = of_database(error.orig, address)
        return known or f"{type(error).__name__}: {type(error.orig).__name__}"
    if isinstance(error, psycopg.Error):
        return of_database(error, address) or type(error).__name__
    return f"{type(error).__name__}: {str(error)[:200]}"
