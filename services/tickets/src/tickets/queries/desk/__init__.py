"""What staff see beside a request: what is known around it, and prepared texts."""
