"""Counted by account: changes of address that count at once."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_slowdowns_kind"), "slowdowns")
    op.create_check_constraint(
        op.f("ck_slowdowns_kind"),
        "slowdowns",
        "kind IN ('account', 'browser', 'address', 'link', 'new_address')",
    )
