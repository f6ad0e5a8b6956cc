"""Files of messages, which come in parts."""

import sqlalchemy as sa
from alembic import op

from chassis.migrations import create_upload_tables

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    create_upload_tables()
    op.create_table(
        "files",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("draft_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("refusal", sa.Text(), nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("place", sa.SmallInteger(), nullable=True),
        sa.Column("kind", sa.Text(), nullable=True),
        sa.Column("digest", sa.Text(), nullable=True),
        sa.Column("shown_kind", sa.Text(), nullable=True),
        sa.Column("width", sa.Integer(), nullable=True),
        sa.Column("height", sa.Integer(), nullable=True),
        sa.Column("missing", sa.Boolean(), nullable=False),
        sa.CheckConstraint("state IN ('receiving', 'ready', 'refused')", name="ck_files_state"),
        sa.CheckConstraint("(state = 'refused') = (refusal IS NOT NULL)", name="ck_files_refusal"),
        sa.CheckConstraint(
            "state <> 'ready' OR num_nonnulls(kind, digest) = 2", name="ck_files_ready"
        ),
        sa.CheckConstraint("message_id IS NULL OR state = 'ready'", name="ck_files_sent"),
        sa.CheckConstraint("message_id IS NULL OR draft_id IS NULL", name="ck_files_place"),
        sa.ForeignKeyConstraint(
            ["draft_id"], ["drafts.id"], name="fk_files_draft_id_drafts", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["message_id"], ["messages.id"], name="fk_files_message_id_messages"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_files"),
    )
    op.create_index("ix_files_of_message", "files", ["message_id", "place"])
    op.create_index("ix_files_of_draft", "files", ["draft_id", "id"])
    op.create_index("ix_files_of_person", "files", ["person_id", "made_at"])
    op.create_index("ix_files_missing", "files", ["id"], postgresql_where=sa.text("missing"))
