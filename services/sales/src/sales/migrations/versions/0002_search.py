"""The search of all sales by any word of theirs, and by day."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_folding()
    op.add_column("sales", sa.Column("customer_words", sa.Text, nullable=True))
    op.execute("""
        UPDATE sales SET customer_words = first_name || ' ' || last_name || ' ' || email
        FROM known_customers WHERE known_customers.id = sales.customer_id
    """)
    op.alter_column("sales", "customer_words", nullable=False)
    op.add_column(
        "sales",
        sa.Column(
            "search_text",
            sa.Text,
            sa.Computed(
                "fold(number || ' ' || serial_number || ' ' || product_reference"
                " || ' ' || product_designation || ' ' || customer_words)",
                persisted=True,
            ),
            nullable=False,
        ),
    )
    op.create_index(
        "ix_sales_search_text",
        "sales",
        ["search_text"],
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
    )
    op.create_index("ix_sales_sold_on", "sales", ["sold_on"])


def create_folding() -> None:
    """Both extensions are trusted: the owner of the database may create them.

    `unaccent` is not immutable, since its dictionary might change; named by its schema it does
    not, and an index may rest on it.
    """
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public")
    op.execute("CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public")
    op.execute("""
        CREATE FUNCTION fold(text) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
        $$ SELECT lower(public.unaccent('public.unaccent', normalize($1, NFKD))) $$
    """)
