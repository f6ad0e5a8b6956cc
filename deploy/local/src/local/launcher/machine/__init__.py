"""This machine's processes: servers, their databases and secrets."""
