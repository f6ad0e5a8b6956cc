"""The notifications context: who gets which mail, and the outgoing queue."""
