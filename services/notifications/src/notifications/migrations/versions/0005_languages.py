"""The language of a person comes from identity; the default of before was nobody's choice."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("people", sa.Column("language", sa.Text))
    op.alter_column("preferences", "language", nullable=True)
    op.execute("UPDATE preferences SET language = NULL WHERE language = 'fr'")
