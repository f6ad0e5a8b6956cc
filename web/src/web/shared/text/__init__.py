"""How texts, days and numbers are written, and read again."""
