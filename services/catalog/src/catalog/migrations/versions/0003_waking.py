"""The relay is woken only where one listens."""

from chassis import migrations
from chassis.messaging.outbox import CHANNEL, SCHEMA

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    migrations.make_waking(f"{SCHEMA}.wake_relay", CHANNEL)
