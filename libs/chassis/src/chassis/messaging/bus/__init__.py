"""NATS JetStream: the relay that publishes the outbox, the consumers that handle events."""

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
