"""Text: folding for searches, French typography."""
