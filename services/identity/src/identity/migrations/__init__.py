"""How the identity database came to be."""
