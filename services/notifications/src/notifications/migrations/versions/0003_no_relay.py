"""Nothing is published here, and no relay to be woken."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.execute("DROP TRIGGER wake_relay ON messaging.outbox")
    op.execute("DROP FUNCTION messaging.wake_relay()")
