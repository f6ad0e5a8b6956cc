"""How far everybody can use the product: the table behind its declaration and docs."""
