"""The operations of customers and staff on requests."""
