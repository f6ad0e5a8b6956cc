"""Monitoring of the running parts: readiness, figures, logs."""
