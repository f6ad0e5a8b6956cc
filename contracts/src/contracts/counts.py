"""How far things are counted: what is beyond costs time, and tells nobody more."""

COUNTED_MOST = 1_000  # exactly; one more stands for all that are beyond
