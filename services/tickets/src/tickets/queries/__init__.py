"""What can be read, and by whom."""
