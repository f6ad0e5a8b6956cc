"""Files of strangers: stored beside the database, and checked before anybody sees them."""
