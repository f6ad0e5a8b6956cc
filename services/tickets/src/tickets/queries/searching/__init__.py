"""The search in requests and their messages."""
