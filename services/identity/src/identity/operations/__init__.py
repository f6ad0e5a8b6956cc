"""The operations on accounts and sessions."""
