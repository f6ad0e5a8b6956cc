"""Accounts and their search, sessions, signing keys, slow-downs."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_chassis_tables

revision = "0001"
down_revision = None

CUSTOMERS = sa.text("role = 'customer'")
STAFF_MEMBERS = sa.text("role <> 'customer'")


def upgrade() -> None:
    create_chassis_tables()
    create_folding()
    create_accounts()
    create_sessions()
    create_signing_keys()
    create_slowdowns()


def create_folding() -> None:
    """Two functions that generated columns and searches share.

    Both extensions are trusted: the owner of the database may create them. `unaccent` is not
    immutable, since its dictionary might change; named here by its schema, it does not.
    """
    op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public")
    op.execute("CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public")
    op.execute("""
        CREATE FUNCTION fold(text) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
        $$ SELECT lower(public.unaccent('public.unaccent', normalize($1, NFKD))) $$
    """)
    # As written, so that any part is found, then word by word: « marie » begins a word of
    # « Jean-Marie », and « orange » one of « @orange.fr ». Every word stands between blanks.
    op.execute("""
        CREATE FUNCTION searchable(last_name text, first_name text, email text) RETURNS text
        LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
        $$
            SELECT ' ' || written || ' ' || regexp_replace(written, '[^[:alnum:]]+', ' ', 'g') || ' '
            FROM (SELECT public.fold(last_name || ' ' || first_name || ' ' || email) AS written) AS said
        $$
    """)


def create_accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("first_name", sa.Text(), nullable=False),
        sa.Column("last_name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("email_key", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column(
            "name_key",
            sa.Text(collation="C"),
            sa.Computed("fold(last_name) || ' ' || fold(first_name)", persisted=True),
            nullable=False,
        ),
        sa.Column(
            "search_text",
            sa.Text(collation="C"),
            sa.Computed("searchable(last_name, first_name, email)", persisted=True),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("id", name="pk_accounts"),
        sa.UniqueConstraint("email_key", name="uq_accounts_email_key"),
        sa.CheckConstraint(
            "role IN ('customer', 'seller', 'technician', 'administrator')",
            name=op.f("ck_accounts_role"),
        ),
    )
    op.create_index(
        "ix_accounts_customers_by_name", "accounts", ["name_key", "id"], postgresql_where=CUSTOMERS
    )
    op.create_index(
        "ix_accounts_staff_by_name", "accounts", ["name_key", "id"], postgresql_where=STAFF_MEMBERS
    )
    op.create_index(
        "ix_accounts_customers_search",
        "accounts",
        ["search_text"],
        postgresql_using="gin",
        postgresql_ops={"search_text": "gin_trgm_ops"},
        postgresql_with={"fastupdate": "off"},
        postgresql_where=CUSTOMERS,
    )


def create_sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_agent", sa.Text(), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("token_hash", name="uq_sessions_token_hash"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_sessions_account_id_accounts"
        ),
    )
    op.create_index("ix_sessions_account_id", "sessions", ["account_id"])


def create_signing_keys() -> None:
    op.create_table(
        "signing_keys",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("private_pem", sa.Text(), nullable=False),
        sa.Column("public_x", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kid", name="pk_signing_keys"),
    )


def create_slowdowns() -> None:
    op.create_table(
        "slowdowns",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_failed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject", name="pk_slowdowns"),
        sa.CheckConstraint("kind IN ('account', 'address')", name=op.f("ck_slowdowns_kind")),
    )
