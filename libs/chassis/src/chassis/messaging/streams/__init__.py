"""Streams, durables and permissions on the broker, all derived from the context map.

Only NATS's admin user may create streams; the set-up step runs before the services.
"""

from chassis.messaging.streams.configuration import door_config, nats_config
from chassis.messaging.streams.making import (
    ACK_SECONDS,
    TAKEN_MOST,
    TROUBLE,
    ensure_durable,
    ensure_stream,
    prove_written,
    reset_durable,
    say_nothing,
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
    "SYSTEM",
    "TAKEN_MOST",
    "TROUBLE",
    "door_config",
    "ensure_durable",
    "ensure_stream",
    "nats_config",
    "other_systems",
    "password_variable",
    "prove_written",
    "reset_durable",
    "rights_of_all",
    "say_nothing",
    "set_up",
    "users",
]
