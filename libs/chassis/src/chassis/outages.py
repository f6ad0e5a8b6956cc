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

# PostgreSQL's error codes for connections, deadlocks, resources, locks and shutdown. Not those of
# statements that take too long or exceed a limit: the same statement would fail again.
TRANSIENT_CODES = ("08", "40", "53", "55P03", "57P")


def is_transient(error: BaseException) -> bool:
    """Whether the database caused the error, so that the same statement may succeed later."""
    if isinstance(error, PoolTimeout | TimeoutError | OSError):
        return True
    if not isinstance(error, DBAPIError | psycopg.Error):
        return False
    code = getattr(error.orig if isinstance(error, DBAPIError) else error, "sqlstate", None)
    if code is not None:
        return code.startswith(TRANSIENT_CODES)
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
        return "every connection of the pool is in use: wait, or raise GUICHET_POOL_SIZE"
    if isinstance(error, DBAPIError) and error.orig is not None:
        known = of_database(error.orig, address)
        return known or f"{type(error).__name__}: {type(error.orig).__name__}"
    if isinstance(error, psycopg.Error):
        return of_database(error, address) or type(error).__name__
    return f"{type(error).__name__}: {str(error)[:200]}"
