"""Sales, and what sales knows of customers and products."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import CreateSequence

from chassis.migrations import create_chassis_tables

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_chassis_tables()
    op.create_table(
        "known_customers",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("first_name", sa.Text, nullable=False),
        sa.Column("last_name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_known_customers"),
    )
    op.create_table(
        "sellable_products",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("designation", sa.Text, nullable=False),
        sa.Column("on_sale", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_sellable_products"),
    )
    create_sales()


def create_sales() -> None:
    op.execute(CreateSequence(sa.Sequence("sale_numbers")))
    op.create_table(
        "sales",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("seller_id", sa.Uuid, nullable=False),
        sa.Column("seller_name", sa.Text, nullable=False),
        sa.Column("product_id", sa.Uuid, nullable=False),
        sa.Column("product_reference", sa.Text, nullable=False),
        sa.Column("product_designation", sa.Text, nullable=False),
        sa.Column("serial_number", sa.Text, nullable=False),
        sa.Column("sold_on", sa.Date, nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("cancelled_at", MOMENT),
        sa.Column("cancelled_by", sa.Uuid),
        sa.Column("cancelled_by_name", sa.Text),
        sa.Column("cancellation_reason", sa.Text),
        sa.PrimaryKeyConstraint("id", name="pk_sales"),
        sa.UniqueConstraint("number", name="uq_sales_number"),
        sa.CheckConstraint("serial_number ~ '^[0-9A-Z]{15}$'", name="ck_sales_serial_number"),
        sa.CheckConstraint(
            "num_nonnulls(cancelled_at, cancelled_by, cancelled_by_name, cancellation_reason)"
            " IN (0, 4)",
            name="ck_sales_cancellation",
        ),
    )
    op.create_index(
        "uq_sales_unit_sold_once",
        "sales",
        ["product_id", "serial_number"],
        unique=True,
        postgresql_where=sa.text("cancelled_at IS NULL"),
    )
    op.create_index("ix_sales_recorded", "sales", ["recorded_at", "id"])
    op.create_index("ix_sales_of_customer", "sales", ["customer_id", "recorded_at", "id"])
    op.create_index("ix_sales_of_seller", "sales", ["seller_id", "recorded_at", "id"])
