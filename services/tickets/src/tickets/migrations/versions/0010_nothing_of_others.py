"""A key for what customers carry and shall not read; drafts know the place of what was seen."""

import sqlalchemy as sa
from alembic import op
from cryptography.fernet import Fernet

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    keys = op.create_table(
        "shared_keys",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_shared_keys"),
    )
    op.bulk_insert(keys, [{"name": "moments", "key": Fernet.generate_key().decode()}])
    # Positions are now places among the messages that the writer may read.
    op.execute(
        """
        UPDATE drafts SET seen_position = (
            SELECT count(*) FROM messages JOIN tickets ON tickets.id = messages.ticket_id
            WHERE tickets.number = drafts.number AND messages.position <= drafts.seen_position
                AND (messages.kind <> 'note' OR tickets.customer_id <> drafts.person_id))
        WHERE seen_position IS NOT NULL AND number IS NOT NULL
        """
    )
