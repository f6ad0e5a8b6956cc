"""What all pages share: rendering, forms, sessions, words; it knows no domain."""

from web.shared.text import numbers as numbers  # registers what stands in the addresses of pages
