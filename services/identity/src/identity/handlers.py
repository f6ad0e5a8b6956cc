"""What identity learns from other contexts: nothing."""

from chassis.messaging.bus import Subscriptions

subscriptions = Subscriptions()
