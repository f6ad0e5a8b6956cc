"""Describes outages of PostgreSQL in one line: the cause and the remedy.

Never with a statement or its values, which may be personal: only connection errors are quoted.
"""

import psycopg
from psycopg.errors import DiskFull, InsufficientPrivilege, LockNotAvailable

ADDRESS = "GUICHET_DATABASE_URL"
DISK_FULL = "the disk of PostgreSQL is full: make room there"

# The errors of a server that cannot be used, and the remedies; checked in this order.
REMEDIES = {
    "password": "correct the password in {address}",
    'database "': "have it made first, or correct {address}",
    'role "': "have it made first, or correct {address}",
    "too many": "PostgreSQL takes no more connections: see the budget in docs/operations.md",
    "": "see that PostgreSQL runs and that {address} leads to it",
}


def of_database(error: BaseException, address: str = ADDRESS) -> str | None:
    """None for an error of the statement itself."""
    if isinstance(error, DiskFull):
        return DISK_FULL
    if isinstance(error, LockNotAvailable):
        return "somebody holds a table or a row for long: see pg_stat_activity, and end it there"
    if isinstance(error, InsufficientPrivilege):
        what = error.diag.message_primary  # str() differs by whether the statement was prepared
        return f"PostgreSQL does not let this role do it ({what}): have the databases set up again"
    if not isinstance(error, psycopg.OperationalError) or error.sqlstate is not None:
        return None
    message = str(error).strip().splitlines()[0].removeprefix("connection failed: ")
    remedy = next(what for words, what in REMEDIES.items() if words in message)
    return f"{message}: {remedy.format(address=address)}"
