"""Guichet in containers: `./guichet compose`."""
