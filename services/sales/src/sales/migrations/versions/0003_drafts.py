"""The sale that each seller has begun."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TYPED = (
    "serial_number",
    "sold_on",
    "customer_text",
    "product_text",
    "first_name",
    "last_name",
    "email",
)


def upgrade() -> None:
    op.create_table(
        "drafts",
        sa.Column("seller_id", sa.Uuid, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("saved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sale_id", sa.Uuid),
        sa.Column("customer_id", sa.Uuid),
        sa.Column("product_id", sa.Uuid),
        sa.Column("withdrawn_confirmed", sa.Boolean, nullable=False),
        sa.Column("creating_customer", sa.Boolean, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in TYPED),
        sa.PrimaryKeyConstraint("seller_id", name="pk_drafts"),
    )
