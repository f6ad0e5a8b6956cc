"""A draft has the key under which it will be sent: none comes back after that."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("drafts", sa.Column("key", sa.Text()))
