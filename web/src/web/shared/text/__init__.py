"""Formats and parses texts, days and numbers."""
