"""What customers and staff do with requests, and what is announced of it."""
