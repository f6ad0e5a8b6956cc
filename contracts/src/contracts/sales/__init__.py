"""The words of the sales context."""
