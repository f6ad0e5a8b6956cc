"""Whether a customer wants to be told that a request has arrived."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    # With a default in the database as well: the release before writes rows while this one starts.
    op.add_column(
        "preferences",
        sa.Column("acknowledgements", sa.Boolean, nullable=False, server_default=sa.true()),
    )
