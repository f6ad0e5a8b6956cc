"""What notifications shows the others: it publishes no events."""
