"""The catalog context: products, imported from files, and their search."""
