"""The draft of a sale is one document; serial numbers are found as they are read."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

FLAGS = ("withdrawn_confirmed", "creating_customer")
IDS = ("customer_id", "product_id")
TEXTS = (
    "serial_number",
    "sold_on",
    "customer_text",
    "product_text",
    "first_name",
    "last_name",
    "email",
)


def upgrade() -> None:
    op.add_column("drafts", sa.Column("content", JSONB, nullable=False, server_default="{}"))
    op.add_column("drafts", sa.Column("negligible", sa.Boolean, nullable=False, server_default="f"))
    flags = [f"'{name}', CASE WHEN {name} THEN 'true' END" for name in FLAGS]
    texts = [f"'{name}', NULLIF({name}::text, '')" for name in (*IDS, *TEXTS)]
    op.execute(
        f"UPDATE drafts SET content = jsonb_strip_nulls(jsonb_build_object({', '.join(flags + texts)})),"  # noqa: S608 - names from above
        " negligible = customer_id IS NULL AND product_id IS NULL AND serial_number = ''"
        " AND NOT creating_customer"
    )
    for name in (*FLAGS, *IDS, *TEXTS):
        op.drop_column("drafts", name)
    for name in ("content", "negligible"):
        op.alter_column("drafts", name, server_default=None)
    op.create_index(
        "ix_sales_serial_number_as_read",
        "sales",
        [sa.text("translate(serial_number, 'OI', '01')"), "recorded_at"],
    )
