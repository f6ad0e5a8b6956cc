"""How each stream was last seen, so that one that was lost is known."""

from chassis.migrations import know_streams

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    know_streams()
