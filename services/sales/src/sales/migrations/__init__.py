"""The migrations of the sales database."""
