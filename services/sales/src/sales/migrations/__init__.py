"""How the tables of sales came to be."""
