"""The search in requests and what was written in them."""
