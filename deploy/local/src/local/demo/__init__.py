"""The demo's data, loaded once through the public APIs, as people would have made it."""

from local.demo.loading import ACCOUNTS, is_loaded, load

__all__ = ["ACCOUNTS", "is_loaded", "load"]
