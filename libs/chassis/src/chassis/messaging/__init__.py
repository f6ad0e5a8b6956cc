"""Events: the outbox and the inbox, NATS JetStream, its streams, what could not be handled."""
