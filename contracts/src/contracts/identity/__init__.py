"""The words of the identity context."""
