"""Links sent by mail, accounts without a password yet, and slowed down askings for links."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.alter_column("accounts", "password_hash", nullable=True)
    op.drop_constraint(op.f("ck_slowdowns_kind"), "slowdowns")
    op.create_check_constraint(
        op.f("ck_slowdowns_kind"), "slowdowns", "kind IN ('account', 'address', 'link')"
    )
    create_links()


def create_links() -> None:
    op.create_table(
        "links",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True)),
        sa.Column("revoked_at", sa.DateTime(timezone=True)),
        sa.Column("secret_hashes", sa.ARRAY(sa.LargeBinary()), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.id"], name="fk_links_account_id_accounts"
        ),
        sa.CheckConstraint(
            "purpose IN ('password', 'invitation', 'email')", name=op.f("ck_links_purpose")
        ),
    )
    op.create_index("ix_links_account_id", "links", ["account_id", "purpose", "requested_at"])
    op.create_index("ix_links_secret_hashes", "links", ["secret_hashes"], postgresql_using="gin")
    op.create_index(
        "uq_links_not_ended",
        "links",
        ["account_id", "purpose"],
        unique=True,
        postgresql_where=sa.text("used_at IS NULL AND revoked_at IS NULL"),
    )
