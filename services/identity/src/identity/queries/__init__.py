"""What identity can tell."""
