"""The migrations of the notifications database."""
