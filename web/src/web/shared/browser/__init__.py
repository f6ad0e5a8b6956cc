"""Request and response headers and cookies."""
