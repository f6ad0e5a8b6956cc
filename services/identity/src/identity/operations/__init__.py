"""What people can do with accounts and sessions."""
