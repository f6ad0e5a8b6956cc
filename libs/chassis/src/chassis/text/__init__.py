"""What no search tells apart."""
