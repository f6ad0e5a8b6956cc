"""A customer's other requests: those that are not resolved come first."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.drop_index("ix_tickets_others_of_customer", "tickets")
    op.create_index(
        "ix_tickets_others_of_customer",
        "tickets",
        ["customer_id", sa.text("(status <> 'resolved')"), "last_activity_at", "number"],
        postgresql_where="NOT (status = 'in_progress' AND last_visible_by = 'staff')",
    )
