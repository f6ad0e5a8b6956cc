"""The words of the tickets context."""
