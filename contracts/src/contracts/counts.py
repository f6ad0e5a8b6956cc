"""Up to which number things are counted: counting further costs time and is of no use."""

COUNTED_MOST = 1_000  # up to here exactly; 1,001 means « more than 1,000 »
