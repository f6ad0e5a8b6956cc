"""Shared by all pages: rendering, forms, sessions, words; no domain."""

from web.shared.text import numbers as numbers  # registers what stands in the addresses of pages
