"""The catalogue of products, given from outside."""
