"""What staff see next to a request: its context, and quick replies."""
