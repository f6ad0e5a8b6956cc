"""Addresses compared by IDNA 2008: the keys of those that are not plain ASCII, made anew."""

import logging
from uuid import UUID

import sqlalchemy as sa
from alembic import op

from contracts.identity.emails import email_key

revision = "0003"
down_revision = "0002"

log = logging.getLogger("alembic.runtime.migration")

# ASCII was compared as it is now; the oldest account comes first.
OTHERS = sa.text("""
    SELECT id, email, email_key FROM accounts
    WHERE email ~ '[^\\x01-\\x7f]' OR email_key ~ '[^\\x01-\\x7f]'
    ORDER BY registered_at, id
""")
FREE = sa.text("SELECT id FROM accounts WHERE email_key = :key")
GIVE = sa.text("UPDATE accounts SET email_key = :key WHERE id = :id")


def upgrade() -> None:
    """Two accounts may turn out to have one address. Neither is merged, changed or taken away: the
    older one keeps the address, and the other has a key that nobody can type, so that it cannot
    sign in until staff gives it an address of its own (see docs/operations.md). The log names both.
    """
    connection = op.get_bind()
    accounts = connection.execute(OTHERS).all()
    for account in accounts:
        connection.execute(GIVE, {"id": account.id, "key": unreachable(account.id)})
    for account in accounts:
        key = email_key(account.email)
        holder = connection.execute(FREE, {"key": key}).scalar_one_or_none()
        if holder is None:
            connection.execute(GIVE, {"id": account.id, "key": key})
        else:
            log.warning(
                "account %s has the address of account %s: it cannot sign in until staff gives it"
                " another one",
                account.id,
                holder,
            )


def unreachable(account_id: UUID) -> str:
    """No text that is typed has this key: it begins with a blank."""
    return f" {account_id}"
