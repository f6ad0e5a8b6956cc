"""Catalog listens to no other context."""

from chassis.messaging.bus import Subscriptions

subscriptions = Subscriptions()
