"""What catalog learns from other contexts: nothing."""

from chassis.bus import Subscriptions

subscriptions = Subscriptions()
