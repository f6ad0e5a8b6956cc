"""The relay and live pages are woken only where somebody listens."""

from chassis import migrations
from chassis.messaging.outbox import CHANNEL, SCHEMA

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    migrations.make_waking(f"{SCHEMA}.wake_relay", CHANNEL)
    migrations.make_waking("wake_listeners", "changes")
