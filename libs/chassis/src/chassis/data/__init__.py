"""The database of a service: its engine and pool, its roles, its revision, and reads."""
