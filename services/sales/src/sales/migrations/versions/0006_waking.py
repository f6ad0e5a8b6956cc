"""The relay is woken only where one listens."""

from chassis import migrations
from chassis.messaging.outbox import CHANNEL, SCHEMA

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    migrations.make_waking(f"{SCHEMA}.wake_relay", CHANNEL)
