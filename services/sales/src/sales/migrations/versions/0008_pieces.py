"""Sales found by words of one or two characters: « lg 27 ».

No sale is recorded while the index is made: some minutes for a million sales.
"""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_pieces

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    create_pieces()
    op.create_index(
        "ix_sales_pieces", "sales", [sa.text("pieces(search_text)")], postgresql_using="gin"
    )
    # Searches use it whatever is common, so ANALYZE need not find out.
    op.execute("ALTER INDEX ix_sales_pieces ALTER COLUMN 1 SET STATISTICS 0")
