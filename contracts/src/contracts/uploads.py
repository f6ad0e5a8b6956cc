"""How large the parts are in which large things are sent."""

PART_BYTES = 1024 * 1024  # of one request, at most; the gateway lets no more through
