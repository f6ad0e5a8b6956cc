"""The words of the catalog context."""
