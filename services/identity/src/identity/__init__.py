"""The identity context: who signs in, as whom, and what proves it to the other services."""
