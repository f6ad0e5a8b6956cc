"""Failures counted by the browser where an account has signed in before."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.drop_constraint(op.f("ck_slowdowns_kind"), "slowdowns")
    op.create_check_constraint(
        op.f("ck_slowdowns_kind"),
        "slowdowns",
        "kind IN ('account', 'browser', 'address', 'link')",
    )
