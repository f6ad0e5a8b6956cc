"""What customers and staff do with requests."""
