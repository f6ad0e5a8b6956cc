"""Events: outbox and inbox, NATS JetStream and its streams, dead letters."""
