"""Streams, durables and permissions on the broker, all derived from the context map.

Only NATS's admin user may create streams; the set-up step runs before the services.
"""

from chassis.messaging.streams.configuration import door_config, nats_config
from chassis.messaging.streams.making import (
    ACK_SECONDS,
    MAX_UNACKNOWLEDGED,
    TROUBLE,
    ensure_durable,
    ensure_stream,
    ignore_error,
    prove_written,
    reset_durable,
    set_up,
)
from chassis.messaging.streams.rights import (
    ADMIN,
    SYSTEM,
    other_systems,
    password_variable,
    rights_of_all,
    users,
)

__all__ = [
    "ACK_SECONDS",
    "ADMIN",
    "MAX_UNACKNOWLEDGED",
    "SYSTEM",
    "TROUBLE",
    "door_config",
    "ensure_durable",
    "ensure_stream",
    "ignore_error",
    "nats_config",
    "other_systems",
    "password_variable",
    "prove_written",
    "reset_durable",
    "rights_of_all",
    "set_up",
    "users",
]
