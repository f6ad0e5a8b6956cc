"""The sales context: what was sold to whom, and its cancellation."""
