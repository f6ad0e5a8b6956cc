"""NATS JetStream: the relay that empties the outbox, the loops that handle events."""

from chassis.messaging.bus.connecting import Refusals, connect
from chassis.messaging.bus.consumer import Consumer, listenings_of
from chassis.messaging.bus.handling import Delivery, Subscriptions, deliver
from chassis.messaging.bus.relay import Relay

__all__ = [
    "Consumer",
    "Delivery",
    "Refusals",
    "Relay",
    "Subscriptions",
    "connect",
    "deliver",
    "listenings_of",
]
