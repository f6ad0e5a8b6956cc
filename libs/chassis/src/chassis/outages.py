"""Describes outages of the database or the broker in one line: the cause and the remedy.

Never with a statement or its values, which may be personal: only connection errors are quoted.
"""

import nats.errors
import psycopg
from nats.js.errors import APIError, NoStreamResponseError, NotFoundError
from psycopg.errors import DiskFull, InsufficientPrivilege, LockNotAvailable
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

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

ADDRESS = "GUICHET_DATABASE_URL"
DISK_FULL = "the disk of PostgreSQL is full: make room there"
USER = "GUICHET_NATS_USER and GUICHET_NATS_PASSWORD"

# What a server that cannot be used says, and the remedy; in this order.
REMEDIES = {
    "password": "correct the password in {address}",
    'database "': "have it made first, or correct {address}",
    'role "': "have it made first, or correct {address}",
    "too many": "PostgreSQL takes no more connections: see the budget in docs/operations.md",
    "": "see that PostgreSQL runs and that {address} leads to it",
}


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


def of_database(error: BaseException, address: str = ADDRESS) -> str | None:
    """None for an error of the statement itself."""
    if isinstance(error, DiskFull):
        return DISK_FULL
    if isinstance(error, LockNotAvailable):
        return "somebody holds a table or a row for long: see pg_stat_activity, and end it there"
    if isinstance(error, InsufficientPrivilege):
        what = str(error).partition("\n")[0]
        return f"PostgreSQL does not let this role do it ({what}): grant it its rights again"
    if not isinstance(error, psycopg.OperationalError) or error.sqlstate is not None:
        return None
    message = str(error).strip().splitlines()[0].removeprefix("connection failed: ")
    remedy = next(what for words, what in REMEDIES.items() if words in message)
    return f"{message}: {remedy.format(address=address)}"


# Of the codes of JetStream: no room in its store, for all streams or for this one.
NO_ROOM = (10023, 10047, 10077)


NO_STREAM = 10059


def is_no_stream(error: BaseException) -> bool:
    return isinstance(error, NotFoundError) and error.err_code == NO_STREAM


# Also of JetStream: a file that it cannot make, with the message of its operating system.
NO_FILE = 10012
FILES_GONE = (
    "NATS has lost the files of its stream {stream} and serves it from memory: start NATS again and"
    " have messaging set up (./guichet restart nats; see docs/operations.md); all is published again"
)


def of_files(error: BaseException, stream: str) -> str | None:
    """A stream that can no longer be written; None for any other error."""
    if isinstance(error, APIError) and error.err_code == NO_FILE:
        if "no such file" in (error.description or ""):
            return FILES_GONE.format(stream=stream)
        return f"NATS cannot write its stream {stream} ({error.description}): see its log"
    return None


def of_publishing(error: BaseException) -> str:
    """Why JetStream does not store an event."""
    if isinstance(error, APIError) and error.err_code in NO_ROOM:
        return (
            f"NATS has no room for more events ({error.description}): make room on its disk or"
            " raise the limits of its store"
        )
    if isinstance(error, TimeoutError):  # with a full disk it says nothing to us, for ever
        return (
            "NATS does not say that it has stored an event: see that it runs and, in its log,"
            " whether its disk is full; then make room and start it again"
        )
    if isinstance(error, NoStreamResponseError) or is_no_stream(error):
        return "NATS has no stream for these events: have messaging set up again"
    if isinstance(error, APIError):
        return f"NATS does not store events: {error.description} ({error.err_code})"
    return of_broker(error)


FORBIDDEN = (
    "NATS does not let this service {what}: have its configuration made again (./guichet up, or"
    " ./guichet compose init) and start it again"
)


def of_listening(error: BaseException, stream: str) -> str:
    """Why a consumer gets no events."""
    if is_no_stream(error):
        return f"NATS has no stream {stream}: have messaging set up again"
    if isinstance(error, TimeoutError):
        return f"NATS does not answer what is asked of its stream {stream}: see its log"
    if isinstance(error, APIError) and error.description:
        return f"NATS refuses its stream {stream}: {error.description} ({error.err_code})"
    return of_broker(error)


def of_broker(error: BaseException, user: str = USER) -> str:
    """Why a connection to NATS fails."""
    if isinstance(error, nats.errors.AuthorizationError) or "uthorization" in str(error):
        return f"NATS refuses this user: correct {user}"
    return f"{str(error) or type(error).__name__}: see that NATS runs and that GUICHET_NATS_URL leads to it"
