"""Imports come in parts."""

from chassis.migrations import create_upload_tables

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_upload_tables()
