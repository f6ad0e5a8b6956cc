"""Requests, their messages, and what is known of people and of what they own."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_chassis_tables

revision = "0001"
down_revision = None

WAITING_FOR_CUSTOMER = "status = 'in_progress' AND last_visible_by = 'staff'"


def upgrade() -> None:
    create_chassis_tables()
    create_people()
    create_owned_products()
    create_tickets()
    create_lists_of_staff()
    create_lists_of_customers()
    create_messages()


def create_people() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("last_name", sa.Text(), nullable=False),
        sa.Column(
            "name",
            sa.Text(),
            sa.Computed("btrim(first_name || ' ' || last_name)", persisted=True),
            nullable=False,
        ),
        sa.Column("email", sa.Text()),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
        sa.CheckConstraint("kind IN ('customer', 'staff')", name=op.f("ck_people_kind")),
    )


def create_owned_products() -> None:
    op.create_table(
        "owned_products",
        sa.Column("sale_id", sa.Uuid(), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("designation", sa.Text(), nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=False),
        sa.Column("sold_on", sa.Date()),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sale_id", name="pk_owned_products"),
        sa.CheckConstraint(
            "cancelled OR sold_on IS NOT NULL", name=op.f("ck_owned_products_sold_on")
        ),
    )
    op.create_index(
        "ix_owned_products_of_customer",
        "owned_products",
        ["customer_id", "sold_on", "sale_id"],
        postgresql_where="NOT cancelled",
    )


def create_tickets() -> None:
    op.create_table(
        "tickets",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.BigInteger(), sa.Identity(start=1001), nullable=False),
        sa.Column("customer_id", sa.Uuid(), nullable=False),
        sa.Column("sale_id", sa.Uuid(), nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("designation", sa.Text(), nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=False),
        sa.Column("sold_on", sa.Date(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("waiting_since", sa.DateTime(timezone=True)),
        sa.Column("last_visible_by", sa.Text(), nullable=False),
        sa.Column("last_activity_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_author_name", sa.Text(), nullable=False),
        sa.Column("last_text", sa.Text(), nullable=False),
        sa.Column("resolved_at", sa.DateTime(timezone=True)),
        sa.Column("resolved_by", sa.Uuid()),
        sa.Column("resolved_by_name", sa.Text()),
        sa.Column("resolved_by_side", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_tickets"),
        sa.UniqueConstraint("number", name="uq_tickets_number"),
        sa.ForeignKeyConstraint(
            ["customer_id"], ["people.id"], name="fk_tickets_customer_id_people"
        ),
        sa.ForeignKeyConstraint(
            ["sale_id"], ["owned_products.sale_id"], name="fk_tickets_sale_id_owned_products"
        ),
        sa.CheckConstraint(
            "status IN ('open', 'in_progress', 'resolved')", name=op.f("ck_tickets_status")
        ),
        sa.CheckConstraint(
            "last_visible_by IN ('customer', 'staff')", name=op.f("ck_tickets_last_visible_by")
        ),
        sa.CheckConstraint(
            "resolved_by_side IN ('customer', 'staff')", name=op.f("ck_tickets_resolved_by_side")
        ),
        sa.CheckConstraint(
            "(waiting_since IS NOT NULL) = (status <> 'resolved' AND last_visible_by = 'customer')",
            name=op.f("ck_tickets_waiting"),
        ),
        sa.CheckConstraint(
            "status <> 'open' OR last_visible_by = 'customer'", name=op.f("ck_tickets_open")
        ),
        sa.CheckConstraint(
            "num_nonnulls(resolved_at, resolved_by, resolved_by_name, resolved_by_side)"
            " = CASE status WHEN 'resolved' THEN 4 ELSE 0 END",
            name=op.f("ck_tickets_resolved"),
        ),
    )


def create_lists_of_staff() -> None:
    for view, moment, holds in (
        ("to_handle", "waiting_since", "waiting_since IS NOT NULL"),
        ("open", "waiting_since", "status = 'open'"),
        ("in_progress", "last_activity_at", "status = 'in_progress'"),
        ("waiting_customer", "last_activity_at", WAITING_FOR_CUSTOMER),
        ("resolved", "resolved_at", "status = 'resolved'"),
    ):
        op.create_index(f"ix_tickets_{view}", "tickets", [moment, "number"], postgresql_where=holds)


def create_lists_of_customers() -> None:
    for view, holds in (
        ("of_customer", None),
        ("awaiting_customer", WAITING_FOR_CUSTOMER),
        ("others_of_customer", f"NOT ({WAITING_FOR_CUSTOMER})"),
    ):
        op.create_index(
            f"ix_tickets_{view}",
            "tickets",
            ["customer_id", "last_activity_at", "number"],
            postgresql_where=holds,
        )


def create_messages() -> None:
    op.create_table(
        "messages",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("author_role", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status_after", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_messages"),
        sa.UniqueConstraint("ticket_id", "position", name="uq_messages_ticket_id"),
        sa.ForeignKeyConstraint(
            ["ticket_id"], ["tickets.id"], name="fk_messages_ticket_id_tickets"
        ),
        sa.CheckConstraint("kind IN ('customer', 'staff')", name=op.f("ck_messages_kind")),
    )
