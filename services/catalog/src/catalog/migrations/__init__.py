"""The schema of the catalogue."""
