"""Files that are written from the code: contracts, settings, NOTICE."""
