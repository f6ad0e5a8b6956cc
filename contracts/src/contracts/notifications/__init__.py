"""The API of notifications, which publishes no events."""
