"""Sales searched by the fold of all searches, whatever separates the parts of a word.

The table is written anew and its index made, and no sale is recorded meanwhile: a minute or more
for a million sales.
"""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_fold

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_fold()
    op.drop_index("ix_sales_search_text", "sales")
    op.execute("""
        ALTER TABLE sales ALTER COLUMN search_text SET EXPRESSION AS (
            fold(number || ' ' || serial_number || ' ' || product_reference
                || ' ' || product_designation || ' ' || customer_words)
        )
    """)
    op.create_index(
        "ix_sales_search_text",
        "sales",
        [sa.text("translate(search_text, ' -', '') gin_trgm_ops")],
        postgresql_using="gin",
    )
