"""Mails with their reasons, and what notifications knows of people and requests."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_chassis_tables

revision = "0001"
down_revision = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    create_chassis_tables()
    create_known()
    create_mails()


def create_known() -> None:
    op.create_table(
        "people",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("first_name", sa.Text, nullable=False),
        sa.Column("last_name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("changed_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
    )
    op.create_table(
        "preferences",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("language", sa.Text, nullable=False),
        sa.Column("replies", sa.Boolean, nullable=False),
        sa.Column("resolutions", sa.Boolean, nullable=False),
        sa.Column("new_requests_since", MOMENT),
        sa.Column("customer_answers_since", MOMENT),
        sa.PrimaryKeyConstraint("person_id", name="pk_preferences"),
    )
    op.create_table(
        "tickets",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("reference", sa.Text),
        sa.Column("designation", sa.Text),
        sa.Column("customer_version", sa.Integer, nullable=False),
        sa.Column("staff_version", sa.Integer, nullable=False),
        sa.Column("resolved_by", sa.Uuid),
        sa.PrimaryKeyConstraint("id", name="pk_tickets"),
    )
    op.create_index("ix_tickets_number", "tickets", ["number"])
    op.create_table(
        "buyers",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("first_sale_id", sa.Uuid, nullable=False),
        sa.Column("first_bought_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", name="pk_buyers"),
    )


def create_mails() -> None:
    op.create_table(
        "mails",
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("changed_at", MOMENT, nullable=False),
        sa.Column("wanted_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("ticket_id", sa.Uuid),
        sa.Column("link_id", sa.Uuid),
        sa.Column("link_expires_at", MOMENT),
        sa.Column("fixed_email", sa.Text),
        sa.Column("sent_to", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("waits", sa.Integer, nullable=False),
        sa.Column("tried_at", MOMENT),
        sa.Column("last_error", sa.Text),
        sa.Column("claim", sa.Uuid),
        sa.Column("claimed_until", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_mails"),
        sa.CheckConstraint(
            "state IN ('waiting', 'sent', 'failed', 'dropped')", name="ck_mails_state"
        ),
        sa.CheckConstraint("(claim IS NULL) = (claimed_until IS NULL)", name="ck_mails_claim"),
    )
    index("ix_mails_waiting", "due_at", where="state = 'waiting'")
    index("ix_mails_failed", "changed_at", "id", where="state = 'failed'")
    index("ix_mails_settled", "changed_at", where="state <> 'waiting'")
    op.create_index("ix_mails_of_ticket", "mails", ["ticket_id", "person_id"])
    op.create_index("ix_mails_tried", "mails", ["tried_at"])
    op.create_table(
        "reasons",
        sa.Column("person_id", sa.Uuid, nullable=False),
        sa.Column("event_key", sa.Uuid, nullable=False),
        sa.Column("mail_id", sa.Uuid, nullable=False),
        sa.Column("happened_at", MOMENT, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("message_id", sa.Uuid),
        sa.Column("author_id", sa.Uuid),
        sa.PrimaryKeyConstraint("person_id", "event_key", name="pk_reasons"),
        sa.ForeignKeyConstraint(
            ["mail_id"],
            ["mails.id"],
            name="fk_reasons_mail_id_mails",
            ondelete="CASCADE",
            deferrable=True,
            initially="DEFERRED",
        ),
    )
    op.create_index("ix_reasons_of_mail", "reasons", ["mail_id"])


def index(name: str, *columns: str, where: str) -> None:
    op.create_index(name, "mails", list(columns), postgresql_where=sa.text(where))
