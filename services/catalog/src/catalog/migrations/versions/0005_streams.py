"""How each stream was last seen, so that one that was lost is known."""

from chassis.migrations import know_streams

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    know_streams()
