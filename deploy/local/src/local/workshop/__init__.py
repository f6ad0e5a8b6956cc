"""What people who change Guichet use: tests, checks, generated files, reloading."""
