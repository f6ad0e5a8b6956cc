"""NATS JetStream: the relay that empties the outbox, the loops that handle events."""

from chassis.bus.connecting import Refusals, connect
from chassis.bus.consumer import Consumer, listenings_of
from chassis.bus.handling import Delivery, Subscriptions, deliver
from chassis.bus.relay import Relay

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
