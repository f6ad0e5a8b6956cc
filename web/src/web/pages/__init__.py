"""The pages, one module per area; each has a `router`."""

from web import numbers as numbers  # registers what stands in the addresses of pages
