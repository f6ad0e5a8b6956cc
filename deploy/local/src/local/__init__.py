"""All of Guichet on one machine: its processes, first accounts and demo data."""
