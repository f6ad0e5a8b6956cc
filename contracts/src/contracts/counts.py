"""How far things are counted: counting further costs time and helps nobody."""

COUNTED_MOST = 1_000  # exactly; one more stands for all that are beyond
