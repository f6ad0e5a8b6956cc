"""Changed code is taken without a new start."""
