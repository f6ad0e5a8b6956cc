"""The migrations of identity's database."""
