"""How each stream was last seen, so that one that was lost is known."""

from chassis.migrations import know_streams

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    know_streams()
