"""Runs Guichet on this machine: its parts, their start, their end, and how they are."""
